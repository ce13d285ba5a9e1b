// SPDX-License-Identifier: MIT
#include <compress/kernels/depthwise_int8.hpp>

#include "int8_kernels.hpp"

namespace {
namespace depthwise_int8_test {

namespace tc = tensor_compress;
using tc::conv_geometry;
using tests::depthwise;
using tests::same_depthwise;
using value = std::int8_t;
using byte = tc::native::activation;

TEST_CASE("depthwise_int8 gives the bytes of the definition", "[kernels]") {
    tests::int8_seen seen;
    check(depthwise<same_depthwise(3, 7, 16, 3), byte, byte>("3x3, pairs of pixels and one left"), seen);
    check(depthwise<same_depthwise(2, 6, 70, 3), value, byte>("3x3, 70 channels"), seen);
    check(depthwise<same_depthwise(3, 9, 112, 3), value, byte>("3x3, 64 + 32 + 16 channels, pixels side by side"),
          seen);
    check(depthwise<same_depthwise(2, 11, 32, 5), byte, value>("5x5, 32 channels, two pixels side by side"), seen);
    check(depthwise<conv_geometry{5, 17, 16, 3, 9, 16, 3, 3, 2, 2, 1, 1, 1, 1, 16}, byte, byte>(
              "3x3, stride 2, 16 channels, four pixels side by side"),
          seen);
    check(depthwise<same_depthwise(4, 1, 5, 3), byte, value>("3x3, one pixel wide"), seen);
    check(depthwise<conv_geometry{4, 6, 24, 2, 3, 24, 3, 3, 2, 2, 1, 1, 0, 0, 24}, byte, byte>(
              "3x3, stride 2, 'same' of even sizes"),
          seen);
    check(depthwise<same_depthwise(6, 7, 17, 5), value, value>("5x5, 17 channels"), seen);
    check(depthwise<same_depthwise(2, 2, 4, 5), byte, byte>("the kernel larger than the image"), seen);
    check(depthwise<same_depthwise(5, 6, 3, 3, 2), byte, value>("3x3, dilation 2, 3 channels"), seen);
    check(depthwise<conv_geometry{13, 6, 64, 7, 3, 64, 10, 4, 2, 2, 1, 1, 4, 1, 64}, byte, byte>(
              "10x4, stride 2, 64 channels"),
          seen);
    check(depthwise<conv_geometry{1, 9, 1, 1, 9, 1, 1, 3, 1, 1, 1, 1, 0, 1, 1}, value, byte>("1x3, 1 channel"), seen);
    check(depthwise<conv_geometry{3, 4, 48, 5, 7, 48, 1, 1, 1, 1, 1, 1, 1, 2, 48}, value, value>(
              "1x1 over a padded image"),
          seen);
    check(depthwise<conv_geometry{7, 8, 20, 2, 3, 20, 2, 2, 3, 3, 1, 1, 0, 0, 20}, byte, byte>(
              "stride 3 over a kernel of 2"),
          seen);
    check(depthwise<conv_geometry{3, 3, 8, 1, 1, 8, 3, 3, 1, 1, 1, 1, 0, 0, 8}, byte, value>("one window"), seen);
    CHECK(seen.low > 1000);
    CHECK(seen.high > 1000);
    CHECK(seen.between > 3000);
}

}  // namespace depthwise_int8_test
}  // namespace
