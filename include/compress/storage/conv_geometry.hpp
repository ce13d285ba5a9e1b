// SPDX-License-Identifier: MIT
#pragma once

#include <compress/core/shape.hpp>

namespace tensor_compress {

/// Everything a convolution kernel knows at compile time. Tensors are [height, width, channels]; linear layers and
/// matrix products are the case of a 1x1 kernel over an image of height 1.
struct conv_geometry {
    int in_height, in_width, in_channels;
    int out_height, out_width, out_channels;
    int kernel_height = 1, kernel_width = 1;
    int stride_height = 1, stride_width = 1;
    int dilation_height = 1, dilation_width = 1;
    int top = 0, left = 0;
    int groups = 1;

    constexpr int group_inputs() const { return in_channels / groups; }
    constexpr int group_outputs() const { return out_channels / groups; }

    /// One kernel row of one pixel is a run of contiguous values: kernel_width * in_channels of them, or, where taps
    /// are not neighbours in memory (dilation, groups), one run per tap.
    constexpr bool merged() const { return dilation_width == 1 && groups == 1; }
    constexpr int runs() const { return merged() ? 1 : kernel_width; }
    constexpr int run_length() const { return merged() ? kernel_width * in_channels : group_inputs(); }

    /// First input row and column under the window of an output row or column; may be outside.
    constexpr int row(int out_row, int kernel_row) const {
        return out_row * stride_height + kernel_row * dilation_height - top;
    }
    constexpr int column(int out_column, int kernel_column) const {
        return out_column * stride_width + kernel_column * dilation_width - left;
    }
    constexpr bool row_inside(int y) const { return y >= 0 && y < in_height; }
    constexpr bool column_inside(int x) const { return x >= 0 && x < in_width; }

    /// Whether some output row has a kernel row outside the image.
    constexpr bool leaves_rows() const { return row(0, 0) < 0 || row(out_height - 1, kernel_height - 1) >= in_height; }

    constexpr int in_elements() const { return in_height * in_width * in_channels; }
    constexpr int out_elements() const { return out_height * out_width * out_channels; }
    constexpr int terms() const { return kernel_height * kernel_width * group_inputs(); }

    /// Whether each output pixel reads just the input pixel at its own place.
    constexpr bool pointwise() const {
        return kernel_height == 1 && kernel_width == 1 && stride_height == 1 && stride_width == 1 && top == 0 &&
               left == 0 && in_height == out_height && in_width == out_width;
    }
    /// Whether there is one output pixel, and its taps are the whole input as it lies in memory: a linear layer.
    constexpr bool one_run() const {
        return out_height * out_width == 1 && kernel_height == 1 && merged() && !leaves_rows() && left == 0 &&
               kernel_width == in_width;
    }
    /// Whether each output pixel reads one input pixel, which is inside the image.
    constexpr bool one_tap() const {
        return kernel_height == 1 && kernel_width == 1 && top == 0 && left == 0 && row_inside(row(out_height - 1, 0)) &&
               column_inside(column(out_width - 1, 0));
    }
    /// The same convolution with the image as one row, where rows do not matter; or as the most rows up to `rows` that
    /// divide it evenly.
    constexpr conv_geometry flattened(int rows = 1) const {
        conv_geometry g = *this;
        if (!pointwise()) return g;
        while (in_height % rows != 0) --rows;
        g.in_width = g.out_width = in_height / rows * in_width;
        g.in_height = g.out_height = rows;
        return g;
    }

    friend constexpr bool operator==(const conv_geometry&, const conv_geometry&) = default;
};

}  // namespace tensor_compress
