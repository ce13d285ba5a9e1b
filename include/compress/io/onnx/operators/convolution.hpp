// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include <compress/io/onnx/operators/window.hpp>

namespace tensor_compress::onnx {

namespace detail {

/// A vector with one float per channel.
inline array<float> per_channel(const operation& o, std::size_t input, const char* role, std::size_t channels) {
    const constant& c = o.floats_at(input, role);
    if (c.floats.size() != channels)
        throw model_error(std::string(role) + " '" + o.input_name(input) + "' has the shape " + shape_text(c.dims) +
                              ", and there are " + std::to_string(channels) + " channels",
                          check_export);
    return to_array(c.floats, {channels});
}

/// Why a convolution that is not two-dimensional is refused.
inline std::string other_dimensions(const operation& o, const constant& weight) {
    const auto& dims = weight.dims;
    const std::string text = "its weight '" + o.input_name(1) + "' has the shape " + shape_text(dims);
    if (dims.size() < 3)
        return text + " and no axis of a kernel; two-dimensional convolutions [O, I, KH, KW] are supported";
    if (dims.size() > 4)
        return text + ", so it has " + std::to_string(dims.size() - 2) +
               " dimensions; two-dimensional convolutions are supported";
    return text +
           ", so it is one-dimensional; write it as a two-dimensional one, with the input [N, C, 1, L] (Unsqueeze) "
           "and the weight " +
           shape_text({dims[0], dims[1], 1, dims[2]}) + ", and drop the axis behind it (Squeeze)";
}

}  // namespace detail

/// Conv: two-dimensional, weight [O, I / group, KH, KW], optional bias [O].
inline void convolution(operation& o) {
    const traced& x = o.value_at(0);
    const constant& weight = o.floats_at(1, "the weight");
    if (weight.dims.size() != 4) throw unsupported{detail::other_dimensions(o, weight)};
    const value image = arrange_image(o, x);
    const shape in = o.im.g.shape_of(image);

    std::vector<int> dims;
    for (const std::size_t extent : weight.dims)
        dims.push_back(to_int(static_cast<std::int64_t>(extent), "an extent of the weight", 1, 1 << 24));
    const extent2 kernel{to_int(dims[2], "the kernel", 1), to_int(dims[3], "the kernel", 1)};
    const auto w = window_of(o, in, kernel);
    const int groups = to_int(o.integer("group", 1), "group", 1, 1 << 24);
    if (!(w.kernel == kernel) || static_cast<long long>(dims[1]) * groups != in.channels())
        throw model_error("its weight '" + o.input_name(1) + "' has the shape " + shape_text(weight.dims) +
                              ", but its kernel is " + std::to_string(w.kernel.height) + " x " +
                              std::to_string(w.kernel.width) + " and its " + std::to_string(in.channels()) +
                              " input channels are in " + std::to_string(groups) + " groups",
                          check_export);

    const bool bias = o.has_input(2);
    const label& name = o.name();
    const value y = o.im.g.conv2d(name, image, dims[0], w.kernel, {w.stride, w.dilation, padding_of(w), groups, bias});
    o.im.store(name, ".weight", to_array(weight.floats, weight.dims), o.input_name(1));
    if (bias) o.im.store(name, ".bias", detail::per_channel(o, 2, "the bias", weight.dims[0]), o.input_name(2));
    const shape out = o.im.g.shape_of(y);
    o.define(arranged(y, {out.channels(), out.height(), out.width()}, channels_last_order(3)));
}

/// BatchNormalization with stored statistics; the channels are axis 1 of the source.
inline void batch_normalization(operation& o) {
    const traced& x = o.value_at(0);
    const bool inference = o.im.opset < 7 ? o.integer("is_test", 0) != 0 : o.integer("training_mode", 0) == 0;
    if (!inference) throw unsupported{"it computes its statistics from the batch; export the model for inference"};
    if (o.im.opset < 9 && o.integer("spatial", 1) == 0)
        throw unsupported{"it normalises every position by itself (spatial = 0)"};
    if (x.seen.empty() || !x.batched) throw unsupported{"its input has no channels"};

    const axis_order order = channels_last_order(x.seen.size());
    const value in = arrange(o.im, x, order);
    const float epsilon = o.number("epsilon", 1e-5f);
    const auto channels = static_cast<std::size_t>(x.seen[0]);
    const auto variance = detail::per_channel(o, 4, "the variance", channels);
    for (const float v : variance)
        if (v < 0 || !(v + epsilon > 0))
            throw model_error("its variance '" + o.input_name(4) + "' is negative, or 0 with an epsilon of 0",
                              "export it again");

    const label& name = o.name();
    const value y = o.im.g.batch_norm(name, in, epsilon);
    o.im.store(name, ".weight", detail::per_channel(o, 1, "the scale", channels), o.input_name(1));
    o.im.store(name, ".bias", detail::per_channel(o, 2, "the bias", channels), o.input_name(2));
    o.im.store(name, ".running_mean", detail::per_channel(o, 3, "the mean", channels), o.input_name(3));
    o.im.store(name, ".running_var", variance, o.input_name(4));
    o.define(arranged(y, x.seen, order));
}

}  // namespace tensor_compress::onnx
