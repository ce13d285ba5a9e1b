// SPDX-License-Identifier: MIT
#include <compress/kernels/conv2d_binary.hpp>

#include "geometries.hpp"
#include "product.hpp"

namespace {
namespace conv2d_binary_test {

namespace tc = tensor_compress;
using tc::conv_geometry;
using tests::linear;
using tests::same;
using value = std::int8_t;
using byte = tc::native::activation;

template <conv_geometry G, class In, class Out, bool Residual = false>
tests::int8_kernel kernel(const char* name) {
    using code = tc::weight_code<tc::tag::binary_activations, tc::tag::dense>;
    using order = tc::bit_order<G>;
    tests::int8_kernel k{
        name,
        G,
        Residual,
        tc::int8_sections<order, Residual, code>::bytes,
        tc::stored_offset<In>,
        tc::stored_offset<Out>,
        tc::stored_offset<byte>,
        tc::pack_int8<order, G, Residual, code>,
        [](const std::int8_t* packed, const void* input, void* output, const void* residual) {
            tc::conv2d_binary_reference<G, Residual>(packed, static_cast<const In*>(input), static_cast<Out*>(output),
                                                     static_cast<const byte*>(residual));
        },
        [](const std::int8_t* packed, const void* input, void* output, const void* residual) {
            tc::conv2d_binary<tc::native, G, Residual>(packed, static_cast<const In*>(input), static_cast<Out*>(output),
                                                       static_cast<const byte*>(residual));
        }};
    k.signs = true;
    return k;
}

TEST_CASE("conv2d_binary is the definition over signs, to the bit", "[kernels]") {
    tests::int8_seen seen;
    check(kernel<linear(32, 16), value, value>("a word of inputs"), seen);
    check(kernel<linear(1, 1), byte, value>("one input, one output"), seen);
    check(kernel<linear(100, 37), value, byte>("words and panels that are not full"), seen);
    check(kernel<linear(200, 90), byte, byte, true>("linear with a residual"), seen);
    check(kernel<same(5, 7, 64, 40, 1), byte, byte>("1x1"), seen);
    check(kernel<same(1, 67, 40, 100, 1), byte, byte, true>("1x1, a prime number of pixels"), seen);
    check(kernel<same(9, 17, 64, 32, 3), byte, byte>("3x3, padding on all sides"), seen);
    check(kernel<same(6, 5, 23, 20, 3), value, byte, true>("3x3 of 23 channels with a residual"), seen);
    check(kernel<same(3, 2, 70, 9, 5), byte, value>("the kernel larger than the image"), seen);
    check(kernel<conv_geometry{11, 13, 33, 5, 6, 18, 3, 3, 2, 2, 1, 1, 0, 0}, byte, byte>("3x3, stride 2, valid"),
          seen);
    check(kernel<conv_geometry{12, 12, 96, 12, 12, 17, 3, 3, 1, 1, 2, 2, 2, 2}, byte, byte>("3x3, dilation 2"), seen);
    check(kernel<conv_geometry{9, 9, 48, 3, 3, 16, 1, 1, 3, 3, 1, 1, 0, 0}, byte, byte>("1x1, stride 3"), seen);
    check(kernel<same(2, 300, 512, 16, 1), byte, byte>("more signs than a row holds"), seen);
    CHECK(seen.low > 100);
    CHECK(seen.high > 100);
    CHECK(seen.between > 10000);
}

TEST_CASE("rows of signs are as long as divides the image and fits", "[kernels]") {
    constexpr auto rows = [](int height, int width, int channels) { return same(height, width, channels, 16, 1); };
    constexpr conv_geometry small = tc::detail::in_sign_rows<rows(5, 7, 64)>();
    STATIC_REQUIRE(small.in_height == 1 && small.out_width == 35);
    constexpr conv_geometry large = tc::detail::in_sign_rows<rows(2, 300, 512)>();
    STATIC_REQUIRE(large.in_height == 3 && large.in_width == 200);
    constexpr conv_geometry kernel3 = tc::detail::in_sign_rows<same(5, 7, 64, 16, 3)>();
    STATIC_REQUIRE(kernel3 == same(5, 7, 64, 16, 3));
}

}  // namespace conv2d_binary_test
}  // namespace
