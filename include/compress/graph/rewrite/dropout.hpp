// SPDX-License-Identifier: MIT
#pragma once

#include <compress/graph/rewrite/fold.hpp>

namespace tensor_compress {

/// Whoever reads a dropout reads what it reads: outside of training it changes nothing.
template <int Capacity>
constexpr void remove_dropouts(model<Capacity>& m) {
    for (int id = 0; id < m.count; ++id)
        if (m[id].kind == op::dropout) redirect(m, id, m[id].inputs[0]);
    detail::remove_dead_nodes(m);
}

}  // namespace tensor_compress
