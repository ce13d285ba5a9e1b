// SPDX-License-Identifier: MIT
#pragma once

#include <compress/graph/rewrite/fuse.hpp>
#include <compress/graph/rewrite/logits.hpp>

namespace tensor_compress {

/// What training runs: every layer of the written model with weights of its own, nothing folded; relu and relu6 as the
/// end of the layer before them, because their gradient needs no more than the result. A softmax that is a result is
/// left out: losses take logits, of which their gradient is simpler and exact.
template <int Capacity>
constexpr model<Capacity> lower_for_training(const model<Capacity>& written) {
    model<Capacity> marked = written;
    detail::mark_origins(marked);
    model<Capacity> m = logits_of(marked);
    constexpr element floats[] = {element::float32};
    detail::fuse_clamps(m, floats);
    return m;
}

}  // namespace tensor_compress
