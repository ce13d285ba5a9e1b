// SPDX-License-Identifier: MIT
#pragma once

#include <compress/graph/cost.hpp>
#include <compress/graph/memory_plan.hpp>
#include <compress/graph/recipe.hpp>
#include <compress/layers/conv2d.hpp>
#include <compress/layers/depthwise_conv2d.hpp>
#include <compress/layers/elementwise.hpp>
#include <compress/layers/layer_norm.hpp>
#include <compress/layers/linear.hpp>
#include <compress/layers/matmul.hpp>
#include <compress/layers/pool.hpp>
#include <compress/layers/rearrange.hpp>
#include <compress/layers/softmax.hpp>
#include <compress/net/checks.hpp>
#include <compress/net/geometry.hpp>

namespace tensor_compress {

constexpr function function_of(op kind) {
    return static_cast<function>(static_cast<int>(kind) - static_cast<int>(op::relu));
}
static_assert(function_of(op::hard_swish) == function::hard_swish && function_of(op::sigmoid) == function::sigmoid);

namespace detail {

/// Nodes that run nothing: the caller's tensors, the weights' and views of others.
struct no_layer {
    static constexpr int packed_bytes = 0;
    static constexpr long long multiply_adds = 0;
};

/// A tensor that is part of the weights, in the order of memory.
template <int Count, element Element>
struct constant_layer {
    static constexpr int packed_bytes = Count * bytes_of(Element);
    static constexpr long long multiply_adds = 0;
};

template <class T>
struct type_is {
    using type = T;
};

template <const auto& Graph, int Id, class Format>
constexpr auto choose_layer() {
    constexpr const node& n = Graph.nodes[Id];
    constexpr const node& source = Graph.nodes[n.inputs[0]];
    constexpr shape in = source.output;
    constexpr shape out = n.output;
    constexpr op kind = n.kind;
    using precision = typename Format::precision;
    using sparsity = typename Format::sparsity;
    using values = typename precision::values;
    if constexpr (is_product(kind)) {
        constexpr conv_geometry g = geometry_of(in, n);
        constexpr bool depthwise = is_depthwise(n, g);
        static_assert(check_format<decltype(layer_text<Graph, Id>()), Format, depthwise, g.flattened()>());
        if constexpr (depthwise)
            return type_is<layers::depthwise_conv2d<g, precision, sparsity, n.clamp>>{};
        else
            return type_is<layers::conv2d<g, precision, sparsity, float_end{n.clamp, n.residual >= 0, n.sum_clamp}>>{};
    } else if constexpr (kind == op::softmax) {
        return type_is<layers::softmax<out.elements() / out.channels(), out.channels(), values>>{};
    } else if constexpr (kind == op::layer_norm) {
        return type_is<layers::layer_norm<out.elements() / out.channels(), out.channels(), values>>{};
    } else if constexpr (kind == op::matmul) {
        constexpr int last = in.rank - 1, rows = in[last - 1];
        constexpr matmul_extent extent{in.elements() / (rows * in[last]), rows, in[last], out[last], n.transposed};
        return type_is<layers::matmul<extent, values>>{};
    } else if constexpr (is_activation(kind)) {
        return type_is<layers::map<function_of(kind), out.elements(), values>>{};
    } else if constexpr (is_elementwise_pair(kind)) {
        constexpr pair_extent extent{out.elements(), in.elements(), Graph.nodes[n.inputs[1]].output.elements()};
        constexpr auto which = kind == op::add ? layers::pair_operator::add : layers::pair_operator::mul;
        return type_is<layers::pair<which, extent, values, n.clamp>>{};
    } else if constexpr (kind == op::max_pool) {
        return type_is<layers::max_pool<geometry_of(in, n)>>{};
    } else if constexpr (kind == op::avg_pool || kind == op::global_average_pool) {
        return type_is<layers::avg_pool<geometry_of(in, n), n.slide.count_padding, values>>{};
    } else if constexpr (kind == op::pad) {
        return type_is<layers::pad<layers::pad_geometry{in.height(), in.width(), in.channels(), n.cut.top, n.cut.left,
                                                        n.cut.bottom, n.cut.right},
                                   values>>{};
    } else if constexpr (kind == op::transpose) {
        return type_is<layers::transpose<in, n.order[0], n.order[1], n.order[2], n.order[3]>>{};
    } else if constexpr (kind == op::concat) {
        return []<int... I>(std::integer_sequence<int, I...>) {
            constexpr int axis = Graph.nodes[Id].axis;
            return type_is<layers::concat<Graph.nodes[Id].output.outer(axis), typename Format::precision::values,
                                          Graph.nodes[Graph.nodes[Id].inputs[I]].output.inner(axis) *
                                              Graph.nodes[Graph.nodes[Id].inputs[I]].output[axis]...>>{};
        }
        (std::make_integer_sequence<int, Graph.nodes[Id].input_count>{});
    } else if constexpr (kind == op::quantize_range) {
        return type_is<layers::quantize_range<out.elements()>>{};
    } else if constexpr (kind == op::constant) {
        return type_is<constant_layer<out.elements(), values::activation>>{};
    } else {
        return type_is<no_layer>{};
    }
}

}  // namespace detail

/// The layer template, with its constants, that node `Id` of a lowered graph becomes under `Recipe`.
template <const auto& Graph, int Id, class Recipe>
struct layer_of {
    static constexpr const node& n = Graph.nodes[Id];
    using format = format_of<Recipe, n.format>;
    static constexpr auto chosen() {
        if constexpr (n.kind == op::convert)
            return detail::type_is<layers::convert<
                n.output.elements(), Recipe::elements[Graph.nodes[n.inputs[0]].format], Recipe::elements[n.format]>>{};
        else
            return detail::choose_layer<Graph, Id, format>();
    }
    using type = typename decltype(chosen())::type;
};

}  // namespace tensor_compress
