// SPDX-License-Identifier: MIT
#pragma once

#include <compress/graph/rewrite/low_rank.hpp>

namespace tensor_compress {

namespace detail {
// Never defined: its name is the compiler's message.
void only_a_convolution_of_one_group_with_rows_and_columns_has_a_spatial_rank(label name);

constexpr bool has_rows_and_columns(const node& n) {
    return n.kind == op::conv2d && n.slide.groups == 1 && n.slide.kernel.height > 1 && n.slide.kernel.width > 1;
}

/// The part of a window that goes up and down, and the part that goes from side to side.
constexpr window rows_of(window w) {
    w.kernel.width = w.stride.width = w.dilation.width = 1;
    w.padding.left = w.padding.right = 0;
    return w;
}
constexpr window columns_of(window w) {
    w.kernel.height = w.stride.height = w.dilation.height = 1;
    w.padding.top = w.padding.bottom = 0;
    return w;
}

}  // namespace detail

/// The part of a layer of low spatial rank that reads its input.
constexpr label spatial_low_rank_label(const label& name) { return name / "rows"; }

/// Largest spatial rank of a convolution with fewer weights and fewer multiply-adds than it has. The first part is
/// computed for every column that the second one reads, so that a stride from side to side saves it nothing.
template <int Capacity>
constexpr int largest_spatial_rank(const model<Capacity>& m, const node& n) {
    const long long outputs = n.output.channels(), inputs = m[n.inputs[0]].output.channels();
    const long long of_rows = inputs * n.slide.kernel.height, of_columns = outputs * n.slide.kernel.width;
    const long long weights = inputs * outputs * n.slide.kernel.height * n.slide.kernel.width;
    const long long by_weights = (weights - 1) / (of_rows + of_columns);
    const long long wide = m[n.inputs[0]].output.width(), narrow = n.output.width();
    const long long by_products = (weights * narrow - 1) / (of_rows * wide + of_columns * narrow);
    return static_cast<int>(by_weights < by_products ? by_weights : by_products);
}

/// The convolution of that label as two: one whose kernel is a column, with `rank` outputs and without a bias, and one
/// whose kernel is a row, with the label. weight[o, c, i, j] = sum over r of second[o, r, j] * first[r, c, i]; the
/// weight half of the name is in transform/split_convolution.hpp. Source: Jaderberg et al. 2014, Speeding up
/// Convolutional Neural Networks with Low Rank Expansions, scheme 2.
///
/// In a constant expression a wrong label or rank does not compile; at run time it does not link: check before.
template <int Capacity>
constexpr model<Capacity + 1> spatial_low_rank(const model<Capacity>& from, const label& name, int rank) {
    const int id = from.find(name);
    if (id < 0) detail::no_layer_of_the_model_has_this_label(name);
    if (!detail::has_rows_and_columns(from[id]))
        detail::only_a_convolution_of_one_group_with_rows_and_columns_has_a_spatial_rank(name);
    if (rank < 1) detail::a_rank_is_at_least_1(name, rank);
    const int largest = largest_spatial_rank(from, from[id]);
    if (rank > largest) detail::this_rank_saves_nothing__the_largest_that_does_is(name, rank, largest);

    model<Capacity + 1> m = resized<Capacity + 1>(from);
    node first = m[id];
    first.name = spatial_low_rank_label(name);
    first.slide = detail::rows_of(m[id].slide);
    first.output = {m[id].output.height(), m[m[id].inputs[0]].output.width(), rank};
    m[id].slide = detail::columns_of(m[id].slide);
    detail::put_before(m, id, first);
    return m;
}

}  // namespace tensor_compress
