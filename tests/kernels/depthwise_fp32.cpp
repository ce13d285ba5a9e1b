// SPDX-License-Identifier: MIT
#include <compress/kernels/depthwise_fp32.hpp>

#include "fp32_kernels.hpp"

namespace {
namespace depthwise_fp32_test {

namespace tc = tensor_compress;
using tc::clamp_kind;
using tc::conv_geometry;
using tests::depthwise;
using tests::same_depthwise;

TEST_CASE("depthwise_fp32 is within its bound", "[kernels]") {
    check(depthwise<same_depthwise(3, 13, 16, 3), clamp_kind::relu6>("3x3, tiles and one pixel left"));
    check(depthwise<same_depthwise(2, 8, 70, 3), clamp_kind::relu>("3x3, 70 channels"));
    check(depthwise<same_depthwise(4, 1, 5, 3)>("3x3, one pixel wide"));
    check(depthwise<conv_geometry{4, 6, 24, 2, 3, 24, 3, 3, 2, 2, 1, 1, 0, 0, 24}>(
        "3x3, stride 2, 'same' of even sizes"));
    check(depthwise<same_depthwise(6, 7, 17, 5)>("5x5, 17 channels"));
    check(depthwise<same_depthwise(2, 2, 4, 5)>("the kernel larger than the image"));
    check(depthwise<same_depthwise(5, 6, 3, 3, 2)>("3x3, dilation 2, 3 channels"));
    check(depthwise<conv_geometry{13, 6, 64, 7, 3, 64, 10, 4, 2, 2, 1, 1, 4, 1, 64}>("10x4, stride 2, 64 channels"));
    check(depthwise<conv_geometry{1, 9, 1, 1, 9, 1, 1, 3, 1, 1, 1, 1, 0, 1, 1}>("1x3, 1 channel"));
    check(depthwise<conv_geometry{3, 4, 48, 5, 7, 48, 1, 1, 1, 1, 1, 1, 1, 2, 48}>("1x1 over a padded image"));
    check(depthwise<conv_geometry{7, 14, 20, 2, 5, 20, 2, 2, 3, 3, 1, 1, 0, 0, 20}>("stride 3 over a kernel of 2"));
}

}  // namespace depthwise_fp32_test
}  // namespace
