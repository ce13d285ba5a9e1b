// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include <compress/io/onnx/arrange.hpp>

namespace tensor_compress::onnx {

namespace detail {

/// An operator on each element by itself: the layout, and what is pending, stay.
template <class Apply>
void elementwise(operation& o, const char* kind, const Apply& apply) {
    traced result = o.value_at(0);
    result.id = apply(o.name(kind), result.id);
    o.define(std::move(result));
}

/// A bound of Clip: an attribute before opset 11, then an optional scalar input.
inline float clip_bound(const operation& o, const char* attribute, std::size_t input, float otherwise) {
    if (o.im.opset < 11) return o.attribute(attribute) ? o.attribute(attribute)->number : otherwise;
    if (!o.has_input(input)) return otherwise;
    const constant& c = o.floats_at(input, "the bound");
    if (c.floats.size() != 1) throw model_error("its bound '" + o.input_name(input) + "' is no scalar", check_export);
    return c.floats[0];
}

/// "lower bound -1", "no upper bound": a missing bound is the largest float.
inline std::string bound_text(float bound, const char* side) {
    const bool is_open = std::abs(bound) >= std::numeric_limits<float>::max();
    return is_open ? std::string("no ") + side + " bound" : std::string(side) + " bound " + number_text(bound);
}

}  // namespace detail

inline void identity(operation& o) {
    if (const constant* c = o.constant_at(0)) return o.define(*c);
    o.define(o.any_value_at(0));
}

/// Dropout does nothing in inference. Its mask, the second output, is not there for readers.
inline void dropout(operation& o) {
    if (o.has_input(2) && o.integers_at(2, "training_mode").integers.list() != std::vector<std::int64_t>{0})
        throw unsupported{"it drops values (training_mode)"};
    identity(o);
}

inline void relu(operation& o) {
    detail::elementwise(o, "relu", [&](const label& name, value x) { return o.im.g.relu(name, x); });
}
inline void leaky_relu(operation& o) {
    const float slope = o.number("alpha", 0.01f);
    detail::elementwise(o, "leaky_relu", [&](const label& name, value x) { return o.im.g.leaky_relu(name, x, slope); });
}
inline void sigmoid(operation& o) {
    detail::elementwise(o, "sigmoid", [&](const label& name, value x) { return o.im.g.sigmoid(name, x); });
}
inline void tanh(operation& o) {
    detail::elementwise(o, "tanh", [&](const label& name, value x) { return o.im.g.tanh(name, x); });
}
inline void hard_swish(operation& o) {
    detail::elementwise(o, "hard_swish", [&](const label& name, value x) { return o.im.g.hard_swish(name, x); });
}

/// Clip to [0, 6] is relu6, to [0, infinity) relu, without bounds nothing.
inline void clip(operation& o) {
    constexpr float largest = std::numeric_limits<float>::max();
    const float low = detail::clip_bound(o, "min", 1, -largest);
    const float high = detail::clip_bound(o, "max", 2, largest);
    if (low == 0 && high == 6) {
        detail::elementwise(o, "relu6", [&](const label& name, value x) { return o.im.g.relu6(name, x); });
    } else if (low == 0 && high >= largest) {
        relu(o);
    } else if (low <= -largest && high >= largest) {
        identity(o);
    } else {
        throw unsupported{"it clips to values with " + detail::bound_text(low, "lower") + " and " +
                          detail::bound_text(high, "upper") +
                          "; from 0 to 6 (ReLU6) and from 0 on (ReLU) are supported"};
    }
}

/// max(0, min(1, x / 6 + 1 / 2)) becomes hard_swish when x is multiplied by it (elementwise.hpp); alone it is not
/// supported.
inline void hard_sigmoid(operation& o) {
    traced t = o.value_at(0);
    const float slope = o.number("alpha", 0.2f), offset = o.number("beta", 0.5f);
    if (slope < 0.16666f || slope > 0.16667f || offset != 0.5f)
        throw unsupported{"its alpha is " + number_text(slope) + " and its beta " + number_text(offset) +
                          "; 1/6 and 1/2 are supported, as in x * HardSigmoid(x)"};
    t.gate_of = o.input_name(0);
    o.define(std::move(t));
}

/// Softmax over one axis, which arranging makes the last. Before opset 13 it was over all axes from `axis` on.
inline void softmax(operation& o) {
    const traced& x = o.value_at(0);
    const int axis = source_axis(o.integer("axis", o.im.opset < 13 ? 1 : -1), x);
    if (axis < 0) throw unsupported{"it normalises over the batch"};
    traced in = x;
    auto at = static_cast<std::size_t>(axis);
    const auto big = std::count_if(x.seen.begin() + axis, x.seen.end(), [](int extent) { return extent != 1; });
    if (o.im.opset < 13 && big > 1) {
        in.seen.resize(at);
        in.seen.push_back(static_cast<int>(elements(x.seen) / elements(in.seen)));
    } else if (o.im.opset < 13 && big == 1) {
        while (x.seen[at] == 1) ++at;
    }
    const axis_order order = order_ending_in(in, static_cast<int>(at));
    const value moved = arrange(o.im, in, order);
    traced result = arranged(o.im.g.softmax(o.name("softmax"), moved), in.seen, order, x.batched);
    result.seen = x.seen;
    o.define(std::move(result));
}

}  // namespace tensor_compress::onnx
