// SPDX-License-Identifier: MIT
#pragma once

#include <compress/graph/model.hpp>

namespace tensor_compress {

namespace detail {

/// Records for every node that it is its own origin: later rewrites only move these marks.
template <int Capacity>
constexpr void mark_origins(model<Capacity>& m) {
    for (int id = 0; id < m.count; ++id) {
        m[id].origin = m[id].value_origin = m[id].stage_origin = id;
        m[id].folded_count = 0;
    }
}

/// Which input of an add or mul is a constant with one value or one per channel of the other, or -1.
template <int Capacity>
constexpr int per_channel_constant(const model<Capacity>& m, const node& n) {
    if (!is_elementwise_pair(n.kind)) return -1;
    for (int side = 0; side < 2; ++side) {
        const node& c = m[n.inputs[side]];
        const shape& other = m[n.inputs[1 - side]].output;
        const bool per_channel = c.output.elements() == 1 || (c.output.elements() == c.output.channels() &&
                                                              c.output.channels() == other.channels());
        if (c.kind == op::constant && per_channel && other == n.output) return side;
    }
    return -1;
}

/// Drops what no output needs. Inputs stay: they are the signature of `run`.
template <int Capacity>
constexpr void remove_dead_nodes(model<Capacity>& m) {
    bool live[Capacity]{};
    for (int i = 0; i < m.output_count; ++i) live[m.outputs[i]] = true;
    for (int id = m.count - 1; id >= 0; --id) {
        live[id] = live[id] || m[id].kind == op::input;
        if (!live[id]) continue;
        for (int i = 0; i < m[id].input_count; ++i) live[m[id].inputs[i]] = true;
        if (m[id].residual >= 0) live[m[id].residual] = true;
    }
    keep_only(m, live);
}

}  // namespace detail

/// Folds each batch_norm, and each add or mul by one constant per channel, into the convolution or linear layer before
/// it. What is folded is written into `folded` of the layer; its weight half (transform/effective_weights.hpp) scales
/// the weights. A batch_norm with nothing to fold into becomes a depthwise 1x1 convolution.
template <int Capacity>
constexpr void fold_into_products(model<Capacity>& m) {
    for (int id = 0; id < m.count; ++id) {
        node& n = m[id];
        const int constant_side = detail::per_channel_constant(m, n);
        if (n.kind != op::batch_norm && constant_side < 0) continue;
        const int source = n.inputs[constant_side == 0 ? 1 : 0];
        node& product = m[source];
        if (is_product(product.kind) && product.folded_count < max_folded && m.consumers(source) == 1) {
            product.folded[product.folded_count++] = n.origin;
            product.value_origin = product.stage_origin = n.value_origin;
            product.bias = true;
            redirect(m, id, source);
            n.input_count = 0;  // read no more, so that the next one to be folded is the only reader
        } else if (n.kind == op::batch_norm) {
            n.kind = op::depthwise_conv2d;
            n.slide = {};
            n.slide.groups = n.output.channels();
            n.bias = true;
        }
    }
    detail::remove_dead_nodes(m);
}

}  // namespace tensor_compress
