// SPDX-License-Identifier: MIT
#include <compress/kernels/conv2d_fp32.hpp>

#include <limits>

#include "fp32_kernels.hpp"

namespace {
namespace conv2d_fp32_test {

namespace tc = tensor_compress;
using tc::clamp_kind;
using tc::conv_geometry;
using tc::float_end;
using tests::convolution;
using tests::linear;
using tests::same;

constexpr float_end relu{clamp_kind::relu}, relu6{clamp_kind::relu6};
constexpr float_end residual{clamp_kind::none, true, clamp_kind::relu},
    clamped_residual{clamp_kind::relu6, true, clamp_kind::relu6};

TEST_CASE("conv2d_fp32 is within its bound: images", "[kernels]") {
    check(convolution<same(3, 30, 3, 16, 3), relu>("3x3, 3 channels, a row of many tiles"));
    check(convolution<conv_geometry{6, 12, 4, 3, 6, 17, 3, 3, 2, 2}, relu6>("3x3, stride 2, 'same' of even sizes"));
    check(convolution<conv_geometry{13, 10, 1, 7, 5, 64, 10, 4, 2, 2, 1, 1, 4, 1}>("10x4, stride 2"));
    check(convolution<same(5, 11, 16, 16, 3, 2)>("3x3, dilation 2"));
    check(convolution<same(3, 5, 10, 34, 3, 1, 2), relu>("3x3, 2 groups of 5 channels"));
    check(convolution<same(2, 2, 5, 24, 5)>("the kernel larger than the image"));
    check(convolution<conv_geometry{1, 16, 4, 1, 16, 4, 1, 7, 1, 1, 1, 1, 0, 3}>("1x7"));
    check(convolution<conv_geometry{7, 11, 2, 3, 4, 3, 2, 2, 3, 3}>("stride 3 over a kernel of 2"));
    check(convolution<conv_geometry{3, 4, 3, 7, 5, 4, 3, 3, 1, 1, 1, 1, 4, 1}>("windows outside the image"));
}

TEST_CASE("conv2d_fp32 is within its bound: pixels and rows", "[kernels]") {
    check(convolution<conv_geometry{5, 6, 5, 5, 6, 24}>("1x1, 5 channels, the image as one row"));
    check(convolution<conv_geometry{1, 7, 64, 1, 7, 70}, relu>("1x1, 64 to 70 channels"));
    check(convolution<conv_geometry{7, 7, 16, 4, 4, 16, 1, 1, 2, 2}>("1x1, stride 2"));
    check(convolution<conv_geometry{2, 2, 4, 4, 5, 20, 1, 1, 1, 1, 1, 1, 1, 2}>("1x1 over a padded image"));
    check(convolution<conv_geometry{1, 3, 17, 1, 3, 3}>("1x1, fewer pixels than a tile"));
    check(convolution<linear(70, 1)>("linear, 1 output"));
    check(convolution<linear(16, 10)>("linear, 10 outputs"));
    check(convolution<linear(64, 256), relu6>("linear, 256 outputs"));
    check(convolution<linear(24, 1000)>("linear, 1000 outputs"));
}

TEST_CASE("conv2d_fp32 adds a residual", "[kernels]") {
    check(convolution<same(3, 8, 8, 16, 3), residual>("3x3 of whole panels"));
    check(convolution<conv_geometry{4, 5, 16, 4, 5, 24}, clamped_residual>("1x1, the last panel in part"));
}

TEST_CASE("clamp_float", "[kernels]") {
    constexpr float infinity = std::numeric_limits<float>::infinity();
    STATIC_REQUIRE(tc::clamp_float(-infinity, clamp_kind::none) == -infinity);
    STATIC_REQUIRE(tc::clamp_float(-1, clamp_kind::relu) == 0);
    STATIC_REQUIRE(tc::clamp_float(7, clamp_kind::relu) == 7);
    STATIC_REQUIRE(tc::clamp_float(7, clamp_kind::relu6) == 6);
    STATIC_REQUIRE(tc::clamp_float(infinity, clamp_kind::relu6) == 6);
}

}  // namespace conv2d_fp32_test
}  // namespace
