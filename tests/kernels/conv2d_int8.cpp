// SPDX-License-Identifier: MIT
#include <compress/kernels/conv2d_int8.hpp>

#include "product.hpp"

namespace {
namespace conv2d_int8_test {

namespace tc = tensor_compress;
using tc::conv_geometry;
using value = std::int8_t;            // what a caller has
using byte = tc::native::activation;  // what lies in the arena

template <conv_geometry G>
constexpr conv_geometry flat = G.flattened();

/// Each geometry is compiled once, so kinds of input and output take turns.
template <conv_geometry G, class In, class Out, bool Residual = false, class Other = Out>
tests::int8_kernel kernel(const char* name) {
    using order = tc::panel_order<flat<G>, 4>;
    return {name,
            G,
            Residual,
            tc::int8_sections<order, Residual, tc::plain_code>::bytes,
            tc::stored_offset<In>,
            tc::stored_offset<Out>,
            tc::stored_offset<Other>,
            tc::pack_int8<order, flat<G>, Residual>,
            [](const std::int8_t* packed, const void* input, void* output, const void* residual) {
                tc::conv2d_int8_reference<flat<G>, Residual>(packed, static_cast<const In*>(input),
                                                             static_cast<Out*>(output),
                                                             static_cast<const Other*>(residual));
            },
            [](const std::int8_t* packed, const void* input, void* output, const void* residual) {
                tc::conv2d_int8<tc::native, G, Residual>(packed, static_cast<const In*>(input),
                                                         static_cast<Out*>(output),
                                                         static_cast<const Other*>(residual));
            }};
}

/// A square kernel with stride 1 whose output has the size of the image.
constexpr conv_geometry same(int height, int width, int in, int out, int kernel, int dilation = 1, int groups = 1) {
    const int before = (kernel - 1) / 2 * dilation;
    return {height, width, in, height, width, out, kernel, kernel, 1, 1, dilation, dilation, before, before, groups};
}
constexpr conv_geometry linear(int in, int out, int rows = 1) { return {1, rows, in, 1, rows, out}; }

TEST_CASE("conv2d_int8 gives the bytes of the definition: images", "[kernels]") {
    tests::int8_seen seen;
    check(kernel<same(3, 30, 3, 16, 3), value, byte>("3x3, 3 channels, a row of many tiles"), seen);
    check(kernel<conv_geometry{6, 12, 4, 3, 6, 17, 3, 3, 2, 2}, byte, byte>("3x3, stride 2, 'same' of even sizes"),
          seen);
    check(kernel<same(4, 7, 1, 5, 5), byte, value>("5x5, 1 channel"), seen);
    check(kernel<conv_geometry{13, 10, 1, 7, 5, 64, 10, 4, 2, 2, 1, 1, 4, 1}, value, byte>("10x4, stride 2"), seen);
    check(kernel<same(5, 11, 16, 16, 3, 2), value, value>("3x3, dilation 2"), seen);
    check(kernel<same(3, 9, 24, 12, 3, 1, 3), byte, byte>("3x3, 3 groups of 8 channels"), seen);
    check(kernel<same(3, 5, 10, 34, 3, 1, 2), value, byte>("3x3, 2 groups of 5 channels"), seen);
    check(kernel<same(2, 2, 4, 24, 5), byte, byte>("the kernel larger than the image"), seen);
    check(kernel<conv_geometry{1, 16, 4, 1, 16, 4, 1, 7, 1, 1, 1, 1, 0, 3}, value, value>("1x7"), seen);
    check(kernel<conv_geometry{7, 11, 2, 3, 4, 3, 2, 2, 3, 3}, byte, byte>("stride 3 over a kernel of 2"), seen);
    check(kernel<conv_geometry{3, 4, 3, 7, 5, 4, 3, 3, 1, 1, 1, 1, 4, 1}, byte, byte>("windows outside the image"),
          seen);
    CHECK(seen.low > 1000);
    CHECK(seen.high > 1000);
    CHECK(seen.between > 5000);
}

TEST_CASE("conv2d_int8 gives the bytes of the definition: pixels and rows", "[kernels]") {
    tests::int8_seen seen;
    check(kernel<conv_geometry{5, 6, 5, 5, 6, 24}, value, byte>("1x1, 5 channels, the image as one row"), seen);
    check(kernel<conv_geometry{1, 7, 64, 1, 7, 70}, byte, byte>("1x1, 64 to 70 channels"), seen);
    check(kernel<conv_geometry{1, 31, 3, 1, 31, 16}, byte, byte>("1x1, rows of one panel side by side"), seen);
    check(kernel<conv_geometry{1, 29, 8, 1, 29, 24}, byte, value>("1x1, rows of one panel and a half"), seen);
    check(kernel<conv_geometry{7, 7, 16, 4, 4, 16, 1, 1, 2, 2}, byte, value>("1x1, stride 2"), seen);
    check(kernel<conv_geometry{2, 2, 4, 4, 5, 20, 1, 1, 1, 1, 1, 1, 1, 2}, byte, byte>("1x1 over a padded image"),
          seen);
    check(kernel<conv_geometry{1, 3, 17, 1, 3, 3}, value, value>("1x1, fewer pixels than a tile"), seen);
    check(kernel<linear(70, 1), value, byte>("linear, 1 output"), seen);
    check(kernel<linear(16, 10), byte, value>("linear, 10 outputs"), seen);
    check(kernel<linear(64, 256), byte, byte>("linear, 256 outputs"), seen);
    check(kernel<linear(24, 1000), byte, value>("linear, 1000 outputs"), seen);
    CHECK(seen.low > 1000);
    CHECK(seen.high > 1000);
}

TEST_CASE("conv2d_int8 adds a residual", "[kernels]") {
    tests::int8_seen seen;
    check(kernel<same(3, 8, 8, 16, 3), byte, byte, true>("3x3 of whole panels"), seen);
    check(kernel<conv_geometry{4, 5, 16, 4, 5, 24}, value, byte, true, value>("1x1, the last panel in part"), seen);
    check(kernel<conv_geometry{1, 19, 12, 1, 19, 24}, byte, byte, true>("1x1, a row of many tiles"), seen);
    check(kernel<conv_geometry{1, 15, 16, 1, 15, 16}, byte, byte, true>("1x1, rows side by side"), seen);
    check(kernel<linear(33, 10), byte, value, true, byte>("linear"), seen);
    CHECK(seen.low > 200);
    CHECK(seen.high > 200);
}

}  // namespace conv2d_int8_test
}  // namespace
