// SPDX-License-Identifier: MIT
#pragma once

#include <compress/storage/conv_geometry.hpp>

/// Shapes that many tests of kernels write down.
namespace tests {

/// A square kernel with stride 1 whose output has the size of the image.
constexpr tensor_compress::conv_geometry same(int height, int width, int in, int out, int kernel, int dilation = 1,
                                              int groups = 1) {
    const int before = (kernel - 1) / 2 * dilation;
    return {height, width, in, height, width, out, kernel, kernel, 1, 1, dilation, dilation, before, before, groups};
}

/// The same, of each channel by itself.
constexpr tensor_compress::conv_geometry same_depthwise(int height, int width, int channels, int kernel,
                                                        int dilation = 1) {
    return same(height, width, channels, channels, kernel, dilation, channels);
}

constexpr tensor_compress::conv_geometry linear(int in, int out, int rows = 1) { return {1, rows, in, 1, rows, out}; }

/// What the reference kernel is given, and the order of packed weights.
template <tensor_compress::conv_geometry G>
inline constexpr tensor_compress::conv_geometry flat = G.flattened();

}  // namespace tests
