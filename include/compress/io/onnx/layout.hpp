// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include <compress/core/shape.hpp>
#include <compress/graph/builder.hpp>

namespace tensor_compress::onnx {

using extents = std::vector<int>;  ///< without the batch dimension
using axis_order = std::vector<int>;

/// A value of the source model and where the graph has it.
///
/// The graph's tensor has axis order[i] of `base` as its axis i: an image that is [C, H, W] in the source and [H, W, C]
/// in the graph has the order {1, 2, 0}. `seen` is what the source reshaped `base` to. Reshapes and transposes of the
/// source only change these records; nodes are inserted when an operator wants another layout (arrange.hpp), so those
/// that cancel out cost nothing.
struct traced {
    value id;
    extents base;
    axis_order order;
    extents seen;
    bool batched = true;  ///< the source has a batch dimension before `seen`
    std::string hint;     ///< name of the source's pending reshape or transpose

    std::string gate_of = {};  ///< HardSigmoid(alpha = 1/6, beta = 1/2) waiting for the multiplication with this value
};

inline axis_order plain_order(std::size_t rank) {
    axis_order order(rank);
    std::iota(order.begin(), order.end(), 0);
    return order;
}

/// Axis 0 of the source, its channels, last: [C, H, W] -> [H, W, C].
inline axis_order channels_last_order(std::size_t rank) {
    axis_order order = plain_order(rank);
    if (rank > 1) std::rotate(order.begin(), order.begin() + 1, order.end());
    return order;
}

/// The order of the graph's tensor, or the source's own where a reshape is pending, with `axis` of what is seen last.
inline axis_order order_ending_in(const traced& t, int axis) {
    axis_order order = t.base == t.seen ? t.order : plain_order(t.seen.size());
    order.erase(std::find(order.begin(), order.end(), axis));
    order.push_back(axis);
    return order;
}

/// A value whose graph tensor has these extents and this order, nothing pending.
inline traced arranged(value id, const extents& source, const axis_order& order, bool batched = true) {
    return {id, source, order, source, batched, {}};
}
inline traced plain(value id, const extents& source, bool batched = true) {
    return arranged(id, source, plain_order(source.size()), batched);
}

inline long long elements(const extents& e) {
    long long product = 1;
    for (const int extent : e) product *= extent;
    return product;
}

/// `order` without the axes of extent 1, renumbered: equal ones mean equal bytes in memory.
inline axis_order essential_order(const extents& source, const axis_order& order) {
    std::vector<int> renumbered(source.size(), -1);
    int count = 0;
    for (std::size_t axis = 0; axis < source.size(); ++axis)
        if (source[axis] != 1) renumbered[axis] = count++;
    axis_order result;
    for (const int axis : order)
        if (renumbered[static_cast<std::size_t>(axis)] >= 0)
            result.push_back(renumbered[static_cast<std::size_t>(axis)]);
    return result;
}

inline extents essential(const extents& source) {
    extents result;
    std::copy_if(source.begin(), source.end(), std::back_inserter(result), [](int extent) { return extent != 1; });
    return result;
}

/// Whether the graph has the elements in the row-major order of the source.
inline bool is_plain(const extents& source, const axis_order& order) {
    const axis_order rest = essential_order(source, order);
    return std::is_sorted(rest.begin(), rest.end());
}
inline bool is_plain(const traced& t) { return is_plain(t.base, t.order); }

/// Steps between neighbours along each axis of a row-major tensor. An axis of extent 1 gets 0, so it may be repeated.
inline std::vector<std::size_t> row_major_strides(const extents& source) {
    std::vector<std::size_t> stride(source.size());
    std::size_t step = 1;
    for (std::size_t axis = source.size(); axis-- > 0; step *= static_cast<std::size_t>(source[axis]))
        stride[axis] = source[axis] == 1 ? 0 : step;
    return stride;
}

/// For each element of a tensor that has axis order[i] of `source` as its axis i, in the order of memory: the sum of
/// its indices times `stride`.
inline std::vector<std::size_t> positions_of(const extents& source, const axis_order& order,
                                             const std::vector<std::size_t>& stride) {
    std::vector<std::size_t> positions{0};
    for (const int axis : order) {
        const auto at = static_cast<std::size_t>(axis);
        std::vector<std::size_t> longer;
        longer.reserve(positions.size() * static_cast<std::size_t>(source[at]));
        for (const std::size_t position : positions)
            for (std::size_t i = 0; i < static_cast<std::size_t>(source[at]); ++i)
                longer.push_back(position + i * stride[at]);
        positions = std::move(longer);
    }
    return positions;
}

/// The row-major position in the source of each element of the graph's tensor.
inline std::vector<std::size_t> source_positions(const extents& source, const axis_order& order) {
    return positions_of(source, order, row_major_strides(source));
}

/// Extents of the graph's tensor. A source value without any (one number per record) is [1] in the graph.
/// @pre  at most max_rank extents
inline shape graph_shape(const extents& source, const axis_order& order) {
    shape s;
    for (const int axis : order) s.extent[s.rank++] = source[static_cast<std::size_t>(axis)];
    if (s.rank == 0) s = shape{1};
    return s;
}

}  // namespace tensor_compress::onnx
