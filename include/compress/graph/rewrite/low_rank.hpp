// SPDX-License-Identifier: MIT
#pragma once

#include <compress/graph/cost.hpp>
#include <compress/graph/rewrite/conversions.hpp>

namespace tensor_compress {

namespace detail {
// Never defined: their names are the compiler's message.
void no_layer_of_the_model_has_this_label(label name);
void only_a_linear_layer_or_a_convolution_of_one_group_has_a_rank(label name);
void this_rank_saves_nothing__the_largest_that_does_is(label name, int rank, int largest);
void a_rank_is_at_least_1(label name, int rank);
}  // namespace detail

/// The part of a layer of low rank that reads its input.
constexpr label low_rank_label(const label& name) { return name / "low_rank"; }

/// Terms of a sum of a layer that can be split in two, and outputs: its weights as a matrix [outputs, terms].
template <int Capacity>
constexpr extent2 matrix_of(const model<Capacity>& m, const node& n) {
    return {n.output.channels(), products_per_output(m, n)};
}

/// Largest rank of a layer [outputs, terms] with fewer weights than it has: rank * (outputs + terms) < outputs * terms.
constexpr int break_even_rank(extent2 extents) {
    return (extents.height * extents.width - 1) / (extents.height + extents.width);
}

namespace detail {

/// A layer without a bias before layer `id`, which reads what the layer read and is read by it alone.
template <int Capacity>
constexpr void put_before(model<Capacity>& m, int id, node first) {
    first.inputs[0] = m[id].inputs[0];
    first.bias = false;
    insert_before(m, id, first);
    m[id + 1].inputs[0] = id;
}

/// The layer `id` as two, of a rank that is known to save something.
template <int Capacity>
constexpr model<Capacity + 1> split_by_rank(const model<Capacity>& from, int id, int rank) {
    model<Capacity + 1> m = resized<Capacity + 1>(from);
    node first = m[id];
    first.name = low_rank_label(m[id].name);
    first.output.extent[first.output.rank - 1] = rank;
    m[id].slide = {};
    put_before(m, id, first);
    return m;
}

}  // namespace detail

/// The layer of that label as two: one with the same window and `rank` outputs, without a bias, and one over channels,
/// with the label. Its weights [outputs, terms] become a product [outputs, rank] * [rank, terms]; the weight half of
/// the name is in transform/low_rank.hpp. Source: Denton et al. 2014, Exploiting Linear Structure Within Convolutional
/// Networks.
///
/// In a constant expression a wrong label or rank does not compile; at run time it does not link: check before.
template <int Capacity>
constexpr model<Capacity + 1> low_rank(const model<Capacity>& from, const label& name, int rank) {
    const int id = from.find(name);
    if (id < 0) detail::no_layer_of_the_model_has_this_label(name);
    const node& n = from[id];
    if ((n.kind != op::linear && n.kind != op::conv2d) || n.slide.groups != 1)
        detail::only_a_linear_layer_or_a_convolution_of_one_group_has_a_rank(name);
    if (rank < 1) detail::a_rank_is_at_least_1(name, rank);
    const int largest = break_even_rank(matrix_of(from, n));
    if (rank > largest) detail::this_rank_saves_nothing__the_largest_that_does_is(name, rank, largest);
    return detail::split_by_rank(from, id, rank);
}

}  // namespace tensor_compress
