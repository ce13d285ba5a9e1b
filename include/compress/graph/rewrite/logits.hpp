// SPDX-License-Identifier: MIT
#pragma once

#include <compress/graph/rewrite/fold.hpp>

namespace tensor_compress {

/// The model without a softmax that is a result: what it gives are logits. Weights are the same.
template <int Capacity>
constexpr model<Capacity> logits_of(const model<Capacity>& written) {
    model<Capacity> m = written;
    for (int i = 0; i < m.output_count; ++i)
        if (m[m.outputs[i]].kind == op::softmax && m.consumers(m.outputs[i]) == 1)
            m.outputs[i] = m[m.outputs[i]].inputs[0];
    detail::remove_dead_nodes(m);
    return m;
}

}  // namespace tensor_compress
