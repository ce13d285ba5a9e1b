// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include <compress/io/onnx/operators/window.hpp>

namespace tensor_compress::onnx {

namespace detail {

/// With ceil_mode a last window may begin inside the image (or the padding before it) and end outside. Both pools leave
/// out what is outside, so padding at the end gives the same result.
/// @return the missing rows or columns
inline int missing_at_end(int size, int kernel, int stride, int before, int after) {
    const int room = size + before + after - kernel;
    if (room < 0 || room % stride == 0) return 0;
    const int last = round_up(room, stride);
    return last < size + before ? last - room : 0;
}

inline void pool(operation& o, op kind) {
    const value image = arrange_image(o, o.value_at(0));
    const shape in = o.im.g.shape_of(image);
    auto w = window_of(o, in, {0, 0});
    if (!(w.dilation == extent2{1, 1})) throw unsupported{"it pools with dilation"};
    const bool count_padding = kind == op::avg_pool && o.integer("count_include_pad", 0) != 0 && w.is_padded();
    if (o.integer("ceil_mode", 0) != 0) {
        const int rows = missing_at_end(in.height(), w.kernel.height, w.stride.height, w.around.top, w.around.bottom);
        const int columns = missing_at_end(in.width(), w.kernel.width, w.stride.width, w.around.left, w.around.right);
        if (count_padding && rows + columns > 0)
            throw unsupported{"its windows leave the padded image (ceil_mode with count_include_pad)"};
        w.around.bottom += rows, w.around.right += columns;
    }
    const pool_options options{w.stride, padding_of(w), count_padding};
    const label& name = o.name();
    const value y = kind == op::max_pool ? o.im.g.max_pool(name, image, w.kernel, options)
                                         : o.im.g.avg_pool(name, image, w.kernel, options);
    const shape out = o.im.g.shape_of(y);
    o.define(arranged(y, {out.channels(), out.height(), out.width()}, channels_last_order(3)));
}

/// The mean over two axes of an image, of which `kept` stays.
inline void mean_of_image(operation& o, const traced& x, int kept, bool keep_axes) {
    axis_order order;
    for (int axis = 0; axis < 3; ++axis)
        if (axis != kept) order.push_back(axis);
    order.push_back(kept);
    const value image = arrange(o.im, x, order);
    const value y = o.im.g.global_average_pool(o.name(), image);
    const int channels = x.seen[static_cast<std::size_t>(kept)];
    auto result = plain(y, {channels}, x.batched);
    if (keep_axes) {
        result.seen = {1, 1, 1};
        result.seen[static_cast<std::size_t>(kept)] = channels;
    }
    o.define(std::move(result));
}

}  // namespace detail

inline void max_pool(operation& o) {
    if (o.node().outputs.size() > 1 && !o.node().outputs[1].empty())
        throw unsupported{"it returns the indices of the maxima"};
    detail::pool(o, op::max_pool);
}
inline void average_pool(operation& o) { detail::pool(o, op::avg_pool); }

/// GlobalAveragePool: [N, C, H, W] -> [N, C, 1, 1], which is [C] in the graph.
inline void global_average_pool(operation& o) {
    const traced& x = o.value_at(0);
    if (x.seen.size() != 3 || !x.batched) throw unsupported{"its input is no image [N, C, H, W]"};
    detail::mean_of_image(o, x, 0, true);
}

/// ReduceMean over two of the three axes of an image. Axes are an attribute before opset 18.
inline void reduce_mean(operation& o) {
    const traced& x = o.value_at(0);
    if (x.seen.size() != 3 || !x.batched) throw unsupported{"its input is no image [N, C, H, W]"};
    std::vector<bool> reduced(3);
    const auto axes = o.integers("axes", 1);
    for (const auto raw : axes) {
        const int axis = source_axis(raw, x);
        if (axis < 0) throw unsupported{"it takes the mean over the batch"};
        reduced[static_cast<std::size_t>(axis)] = true;
    }
    if (std::count(reduced.begin(), reduced.end(), true) != 2)
        throw unsupported{"it takes a mean over other axes than height and width"};
    const auto kept = std::find(reduced.begin(), reduced.end(), false) - reduced.begin();
    detail::mean_of_image(o, x, static_cast<int>(kept), o.integer("keepdims", 1) != 0);
}

}  // namespace tensor_compress::onnx
