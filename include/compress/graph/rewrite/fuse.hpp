// SPDX-License-Identifier: MIT
#pragma once

#include <compress/graph/rewrite/fold.hpp>

namespace tensor_compress {

namespace detail {

constexpr clamp_kind clamp_of(op kind) {
    return kind == op::relu ? clamp_kind::relu : kind == op::relu6 ? clamp_kind::relu6 : clamp_kind::none;
}

/// relu and relu6 become the end of the convolution, linear layer, add or mul that alone feeds them.
template <int Capacity, int Formats>
constexpr void fuse_clamps(model<Capacity>& m, const element (&elements)[Formats]) {
    for (int id = 0; id < m.count; ++id) {
        const clamp_kind clamp = clamp_of(m[id].kind);
        if (clamp == clamp_kind::none) continue;
        const int source = m[id].inputs[0];
        node& n = m[source];
        const bool ends = is_product(n.kind) || is_elementwise_pair(n.kind) || n.kind == op::batch_norm;
        const bool free = n.residual >= 0 ? n.sum_clamp == clamp_kind::none : n.clamp == clamp_kind::none;
        if (!ends || !free || m.consumers(source) != 1 || elements[n.format] != elements[m[id].format]) continue;
        (n.residual >= 0 ? n.sum_clamp : n.clamp) = clamp;
        n.value_origin = m[id].value_origin;
        if (n.residual < 0) n.stage_origin = n.value_origin;
        redirect(m, id, source);
    }
    remove_dead_nodes(m);
}

/// An add of equal shapes becomes the end of the later of its operands, where that is a convolution or linear layer
/// that nothing else reads. The layer moves to the place of the add, so the other operand is there before it runs.
template <int Capacity, int Formats>
constexpr void fuse_adds(model<Capacity>& m, const element (&elements)[Formats]) {
    for (int id = 0; id < m.count; ++id) {
        if (m[id].kind != op::add) continue;
        const int later = m[id].inputs[0] > m[id].inputs[1] ? 0 : 1;
        const int source = m[id].inputs[later];
        const int other = m[id].inputs[1 - later];
        const node& product = m[source];
        const bool matches = (product.kind == op::conv2d || product.kind == op::linear) && product.residual < 0 &&
                             product.slide.groups == 1 && elements[product.format] == elements[m[id].format] &&
                             elements[product.format] == elements[m[other].format] && m.consumers(source) == 1 &&
                             source != other && m[source].output == m[other].output;
        if (!matches) continue;
        node fused = product;
        fused.residual = other;
        fused.value_origin = m[id].value_origin;
        fused.sum_clamp = m[id].clamp;
        m[id] = fused;
    }
    remove_dead_nodes(m);
}

}  // namespace detail

/// Clamps and residual adds become the end of the layer before them, where their values are stored alike. An int8 layer
/// still rounds to the scale of each value that it no longer writes, so the bytes are those of the unfused net.
template <int Capacity, int Formats>
constexpr void fuse(model<Capacity>& m, const element (&elements)[Formats]) {
    detail::fuse_clamps(m, elements);
    detail::fuse_adds(m, elements);
    detail::fuse_clamps(m, elements);
}

}  // namespace tensor_compress
