// SPDX-License-Identifier: MIT
#pragma once

#include <compress/graph/model.hpp>
#include <compress/storage/conv_geometry.hpp>

namespace tensor_compress {

/// Geometry of a node that slides a window, of a linear layer, or of a pool over the whole image.
constexpr conv_geometry geometry_of(const shape& in, const node& n) {
    const window& w = n.slide;
    conv_geometry g{in.height(), in.width(), in.channels(), n.output.height(), n.output.width(), n.output.channels()};
    if (n.kind == op::linear) return g;
    if (n.kind == op::global_average_pool) {
        g.kernel_height = in.height();
        g.kernel_width = in.width();
        return g;
    }
    g.kernel_height = w.kernel.height;
    g.kernel_width = w.kernel.width;
    g.stride_height = w.stride.height;
    g.stride_width = w.stride.width;
    g.dilation_height = w.dilation.height;
    g.dilation_width = w.dilation.width;
    g.top = w.padding.top;
    g.left = w.padding.left;
    g.groups = w.groups;
    return g;
}

/// Whether a node with weights has one filter for each channel: more of them for a channel are groups of a convolution.
constexpr bool is_depthwise(const node& n, const conv_geometry& g) {
    return n.kind == op::depthwise_conv2d && g.in_channels == g.out_channels;
}

}  // namespace tensor_compress
