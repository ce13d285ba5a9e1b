// SPDX-License-Identifier: MIT
#include <compress/kernels/conv2d_int8.hpp>

#include "int8_kernels.hpp"

namespace {
namespace conv2d_int8_test {

namespace tc = tensor_compress;
using tc::conv_geometry;
using tests::convolution;
using tests::linear;
using tests::same;
using value = std::int8_t;            // what a caller has
using byte = tc::native::activation;  // what lies in the arena

// Each geometry is compiled once, so kinds of input and output take turns.

TEST_CASE("conv2d_int8 gives the bytes of the definition: images", "[kernels]") {
    tests::int8_seen seen;
    check(convolution<same(3, 30, 3, 16, 3), value, byte>("3x3, 3 channels, a row of many tiles"), seen);
    check(convolution<conv_geometry{6, 12, 4, 3, 6, 17, 3, 3, 2, 2}, byte, byte>("3x3, stride 2, 'same' of even sizes"),
          seen);
    check(convolution<same(4, 7, 1, 5, 5), byte, value>("5x5, 1 channel"), seen);
    check(convolution<conv_geometry{13, 10, 1, 7, 5, 64, 10, 4, 2, 2, 1, 1, 4, 1}, value, byte>("10x4, stride 2"),
          seen);
    check(convolution<same(5, 11, 16, 16, 3, 2), value, value>("3x3, dilation 2"), seen);
    check(convolution<same(3, 9, 24, 12, 3, 1, 3), byte, byte>("3x3, 3 groups of 8 channels"), seen);
    check(convolution<same(3, 5, 10, 34, 3, 1, 2), value, byte>("3x3, 2 groups of 5 channels"), seen);
    check(convolution<same(2, 2, 4, 24, 5), byte, byte>("the kernel larger than the image"), seen);
    check(convolution<conv_geometry{1, 16, 4, 1, 16, 4, 1, 7, 1, 1, 1, 1, 0, 3}, value, value>("1x7"), seen);
    check(convolution<conv_geometry{7, 11, 2, 3, 4, 3, 2, 2, 3, 3}, byte, byte>("stride 3 over a kernel of 2"), seen);
    check(convolution<conv_geometry{3, 4, 3, 7, 5, 4, 3, 3, 1, 1, 1, 1, 4, 1}, byte, byte>("windows outside the image"),
          seen);
    CHECK(seen.low > 1000);
    CHECK(seen.high > 1000);
    CHECK(seen.between > 5000);
}

TEST_CASE("conv2d_int8 gives the bytes of the definition: pixels and rows", "[kernels]") {
    tests::int8_seen seen;
    check(convolution<conv_geometry{5, 6, 5, 5, 6, 24}, value, byte>("1x1, 5 channels, the image as one row"), seen);
    check(convolution<conv_geometry{1, 7, 64, 1, 7, 70}, byte, byte>("1x1, 64 to 70 channels"), seen);
    check(convolution<conv_geometry{1, 31, 3, 1, 31, 16}, byte, byte>("1x1, rows of one panel side by side"), seen);
    check(convolution<conv_geometry{1, 29, 8, 1, 29, 24}, byte, value>("1x1, rows of one panel and a half"), seen);
    check(convolution<conv_geometry{7, 7, 16, 4, 4, 16, 1, 1, 2, 2}, byte, value>("1x1, stride 2"), seen);
    check(convolution<conv_geometry{2, 2, 4, 4, 5, 20, 1, 1, 1, 1, 1, 1, 1, 2}, byte, byte>("1x1 over a padded image"),
          seen);
    check(convolution<conv_geometry{1, 3, 17, 1, 3, 3}, value, value>("1x1, fewer pixels than a tile"), seen);
    check(convolution<linear(70, 1), value, byte>("linear, 1 output"), seen);
    check(convolution<linear(16, 10), byte, value>("linear, 10 outputs"), seen);
    check(convolution<linear(64, 256), byte, byte>("linear, 256 outputs"), seen);
    check(convolution<linear(24, 1000), byte, value>("linear, 1000 outputs"), seen);
    CHECK(seen.low > 1000);
    CHECK(seen.high > 1000);
}

TEST_CASE("conv2d_int8 adds a residual", "[kernels]") {
    tests::int8_seen seen;
    check(convolution<same(3, 8, 8, 16, 3), byte, byte, true>("3x3 of whole panels"), seen);
    check(convolution<conv_geometry{4, 5, 16, 4, 5, 24}, value, byte, true, value>("1x1, the last panel in part"),
          seen);
    check(convolution<conv_geometry{1, 19, 12, 1, 19, 24}, byte, byte, true>("1x1, a row of many tiles"), seen);
    check(convolution<conv_geometry{1, 15, 16, 1, 15, 16}, byte, byte, true>("1x1, rows side by side"), seen);
    check(convolution<linear(33, 10), byte, value, true, byte>("linear"), seen);
    CHECK(seen.low > 200);
    CHECK(seen.high > 200);
}

}  // namespace conv2d_int8_test
}  // namespace
