// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include <compress/io/onnx/operators/linear.hpp>

namespace tensor_compress::onnx {

namespace detail {

/// A constant matrix [in, out] on the right: a linear layer without bias, over one vector or over each row.
inline void product_with_constant(operation& o, const traced& x, const constant& b) {
    if (b.dims.size() != 2 || x.seen.empty())
        throw unsupported{"its right operand has the shape " + shape_text(b.dims) + "; matrices are supported"};
    const matrix m{b.dims[1], b.dims[0], b.floats, false};
    if (x.seen.size() == 1) {
        const value y = linear_of_vector(o, x, m, 1.0f, false);
        return o.define(plain(y, {static_cast<int>(m.outputs)}, x.batched));
    }
    // Leading axes are rows; giving them back their extents is the source's view of the result.
    expect_inputs(o, x.seen.back(), m);
    const int features = to_int(static_cast<std::int64_t>(m.outputs), "the number of features", 1, 1 << 28);
    const int rows = static_cast<int>(elements(x.seen) / x.seen.back());
    traced as_rows = x;
    as_rows.seen = {rows, x.seen.back()};
    const value in = arrange_plain(o.im, as_rows);
    const label& name = o.name();
    const value y = o.im.g.linear(name, in, features, false);
    o.im.store(name, ".weight", linear_weight(m, source_positions({static_cast<int>(m.inputs)}, {0}), 1.0f),
               o.input_name(1));
    traced result = plain(y, {rows, features}, x.batched);
    result.seen = x.seen;
    result.seen.back() = features;
    o.define(std::move(result));
}

inline std::string matrices_text(const extents& a, const extents& b) {
    const auto text = [](const extents& e) {
        return tensor_compress::detail::extents_text(graph_shape(e, plain_order(e.size())));
    };
    return "it multiplies " + text(a) + " by " + text(b) + " in each record";
}

/// What MatMul allows between two values and the graph does not: vectors, and matrices that are repeated.
inline void expect_matrices(const extents& a, const extents& b) {
    expect_rank(a.size());
    expect_rank(b.size());
    if (a.size() < 2 || b.size() < 2)
        throw unsupported{matrices_text(a, b) + "; matrices are supported, reshape vectors to them"};
    if (a.size() != b.size() || !std::equal(a.begin(), a.end() - 2, b.begin()))
        throw unsupported{matrices_text(a, b) +
                          ", which repeats matrices; equal extents before the last two are supported"};
    if (a.back() != b[b.size() - 2])
        throw model_error(matrices_text(a, b) + ", and the last extent of the first is not the last but one of the "
                                                "second",
                          check_export);
}

/// Two values, a matrix product for each index of the axes before the last two. A second operand whose tensor has the
/// axis that is summed over last, as a Transpose leaves the keys of an attention, is read as it is.
inline void product_of_values(operation& o, const traced& a, const traced& b) {
    expect_matrices(a.seen, b.seen);
    const auto rank = a.seen.size();
    const int summed = static_cast<int>(rank) - 2;
    const bool transposed = b.base == b.seen && b.order.back() == summed;
    axis_order second = plain_order(rank);
    if (transposed) std::swap(second[rank - 2], second[rank - 1]);
    extents seen = a.seen;
    seen.back() = b.seen.back();
    const value first = arrange_plain(o.im, a), other = arrange(o.im, b, second);
    const value y = o.im.g.matmul(o.name(), first, other, transposed);
    o.define(plain(y, seen, a.batched));
}

}  // namespace detail

/// MatMul of a value and a constant matrix, or of two values.
inline void matrix_product(operation& o) {
    const traced& x = o.value_at(0);
    if (o.constant_at(1) == nullptr) return detail::product_of_values(o, x, o.value_at(1));
    detail::product_with_constant(o, x, o.floats_at(1, "the right operand"));
}

}  // namespace tensor_compress::onnx
