// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <compress/io/onnx/operators/arithmetic.hpp>

namespace tensor_compress::onnx {

namespace detail {

/// The one axis that is normalised: from `axis` on, all others have an extent of 1.
inline int normalized_axis(const operation& o, const traced& x) {
    const int first = source_axis(o.integer("axis", -1), x);
    if (first < 0) throw unsupported{"it normalises over the batch; the last axis is supported, give it axis = -1"};
    int found = static_cast<int>(x.seen.size()) - 1, count = 0;
    for (int axis = found; axis >= first; --axis)
        if (x.seen[static_cast<std::size_t>(axis)] != 1) found = axis, ++count;
    if (count > 1)
        throw unsupported{"it normalises over " + std::to_string(count) +
                          " axes at once; one is supported, give it axis = -1 or reshape them to one before it"};
    return found;
}

inline void expect_only_first_result(const operation& o) {
    const char* results[] = {"Y", "Mean", "InvStdDev"};
    for (std::size_t output = 1; output < 3; ++output)
        if (o.is_read(output))
            throw unsupported{std::string("its result ") + results[output] +
                              " is used; the normalised values alone are supported, compute it with other nodes"};
}

/// Scale or B as one number for each index of `axis`.
inline std::vector<float> along_axis(const operation& o, const traced& x, int axis, std::size_t input,
                                     const char* role) {
    const constant& c = o.floats_at(input, role);
    const auto at = static_cast<std::size_t>(axis);
    const extents dims = aligned(o, c, x, o.input_name(input));
    if (elements(dims) != dims[at])
        throw unsupported{std::string(role) + " '" + o.input_name(input) + "' has the shape " + shape_text(c.dims) +
                          "; one number for each of the " + std::to_string(x.seen[at]) +
                          " that are normalised is supported"};
    if (dims[at] == x.seen[at]) return c.floats;
    o.im.memory.expect(static_cast<std::size_t>(x.seen[at]), sizeof(float));
    return std::vector<float>(static_cast<std::size_t>(x.seen[at]), c.floats.list().at(0));
}

}  // namespace detail

/// LayerNormalization over one axis, which arranging makes the last. Mean and variance are computed in float32,
/// whatever stash_type asks for.
inline void layer_normalization(operation& o) {
    const traced& x = o.value_at(0);
    if (x.seen.empty()) throw unsupported{"its input has no axis but the batch"};
    const int axis = detail::normalized_axis(o, x);
    detail::expect_only_first_result(o);
    const float epsilon = o.number("epsilon", 1e-5f);
    if (!(epsilon > 0))
        throw model_error("its epsilon is " + number_text(epsilon) + ", and it must be positive", check_export);
    const auto scale = detail::along_axis(o, x, axis, 1, "the scale");
    const auto shift =
        o.has_input(2) ? detail::along_axis(o, x, axis, 2, "the bias") : std::vector<float>(scale.size());

    const axis_order order = order_ending_in(x, axis);
    const value in = arrange(o.im, x, order);
    const label& name = o.name();
    const value y = o.im.g.layer_norm(name, in, epsilon);
    o.im.store(name, ".weight", to_array(scale, {scale.size()}), o.input_name(1));
    o.im.store(name, ".bias", to_array(shift, {shift.size()}), o.has_input(2) ? o.input_name(2) : "");
    o.define(arranged(y, x.seen, order, x.batched));
}

}  // namespace tensor_compress::onnx
