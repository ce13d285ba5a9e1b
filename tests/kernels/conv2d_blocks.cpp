// SPDX-License-Identifier: MIT
#include <compress/kernels/conv2d_blocks.hpp>

#include "fp32_kernels.hpp"
#include "int8_kernels.hpp"

namespace {
namespace conv2d_blocks_test {

namespace tc = tensor_compress;
namespace tag = tc::tag;
using tc::conv_geometry;
using tc::float_end;
using tests::flat;
using tests::linear;
using tests::same;
using byte = tc::native::activation;
using value = std::int8_t;

/// Zeroes blocks until the pattern holds: whole panels, outputs without a weight, and any blocks between.
template <conv_geometry G, class Code, class Value>
void thin(Value* weights) {
    using order = tc::panel_order<flat<G>, 4 / static_cast<int>(sizeof(Value))>;
    constexpr int kept = Code::kept(order::block_elements), places = G.terms() / Code::columns;
    tests::numbers random(7);
    for (int group = 0; group < G.groups; ++group)
        for (int panel = 0; panel < order::panels; ++panel)
            for (int row = 0, count = 0; row < tc::panel_outputs; row += Code::rows)
                for (int place = 0; place < places; ++place) {
                    const int first = panel * tc::panel_outputs + row;
                    if (first >= G.group_outputs()) continue;
                    const bool keeps = count < kept && row / Code::rows % 3 != 1 && random.next() % 3 != 0;
                    count += keeps ? 1 : 0;
                    for (int i = 0; i < Code::width && !keeps; ++i) {
                        const int term = place * Code::columns + i % Code::columns, tap = term / G.group_inputs();
                        const int output = group * G.group_outputs() + first + i / Code::columns;
                        weights[tc::detail::natural_index<G>(output, term % G.group_inputs(), tap / G.kernel_width,
                                                             tap % G.kernel_width)] = 0;
                    }
                }
}

template <conv_geometry G, class Pattern, float_end End = float_end{}>
tests::fp32_kernel real(const char* name) {
    using code = tc::weight_code<tag::fp32, Pattern>;
    auto kernel = tests::convolution<G, End, code>(name);
    kernel.thin = thin<G, code, float>;
    return kernel;
}

template <conv_geometry G, class Pattern, class In, class Out, bool Residual = false>
tests::int8_kernel integer(const char* name) {
    using code = tc::weight_code<tag::int8, Pattern>;
    auto kernel = tests::convolution<G, In, Out, Residual, byte, code>(name);
    kernel.thin = thin<G, code, std::int8_t>;
    return kernel;
}

constexpr float_end relu6{tc::clamp_kind::relu6}, residual{tc::clamp_kind::none, true, tc::clamp_kind::relu};

TEST_CASE("fp32 weights anywhere are within the bound of the definition", "[kernels]") {
    using half = tag::unstructured<50>;
    using most = tag::unstructured<90>;
    check(real<same(3, 30, 3, 16, 3), half, relu6>("3x3, 3 channels"));
    check(real<conv_geometry{13, 10, 1, 7, 5, 64, 10, 4, 2, 2, 1, 1, 4, 1}, half>("10x4, stride 2"));
    check(real<same(5, 11, 16, 18, 3, 2), most>("3x3, dilation 2"));
    check(real<same(3, 5, 10, 34, 3, 1, 2), half>("3x3, 2 groups of 5 channels"));
    check(real<conv_geometry{5, 13, 37, 5, 13, 24}, half, residual>("1x1, 65 pixels, residual"));
    check(real<conv_geometry{8, 8, 64, 8, 8, 70}, most>("1x1, 64 pixels"));
    check(real<conv_geometry{7, 7, 16, 4, 4, 16, 1, 1, 2, 2}, half>("1x1, stride 2"));
    check(real<linear(70, 1), half>("linear, 1 output"));
    check(real<linear(100, 37), half, residual>("linear, 37 outputs"));
    check(real<linear(300, 64), most>("linear, 300 inputs"));
}

TEST_CASE("fp32 weights in blocks are within the bound of the definition", "[kernels]") {
    check(real<conv_geometry{5, 13, 32, 5, 13, 24}, tag::block<1, 16, 50>, residual>("1x16, 1x1"));
    check(real<same(4, 9, 16, 21, 3), tag::block<1, 16, 80>>("1x16, 3x3"));
    check(real<same(4, 9, 8, 32, 3), tag::block<16, 1, 50>, relu6>("16x1, 3x3"));
    check(real<conv_geometry{5, 13, 37, 5, 13, 32}, tag::block<16, 1, 50>, residual>("16x1, 1x1"));
    check(real<conv_geometry{7, 9, 16, 4, 5, 32, 1, 1, 2, 2, 1, 1, 0, 0, 2}, tag::block<16, 2, 50>>(
        "16x2, 1x1, stride 2, groups"));
    check(real<same(3, 5, 8, 40, 3, 1, 2), tag::block<4, 4, 50>>("4x4, 2 groups"));
    check(real<conv_geometry{3, 11, 24, 3, 11, 24}, tag::block<8, 8, 50>>("8x8, 1x1"));
    check(real<conv_geometry{3, 11, 24, 3, 11, 24}, tag::block<2, 4, 50>>("2x4, 1x1"));
    check(real<linear(64, 40), tag::block<1, 16, 50>>("1x16, linear"));
    check(real<linear(96, 33), tag::block<1, 32, 50>, relu6>("1x32, linear"));
    check(real<linear(50, 48), tag::block<16, 1, 50>>("16x1, linear"));
    check(real<linear(50, 48), tag::block<4, 2, 50>, residual>("4x2, linear"));
    check(real<linear(56, 40), tag::block<8, 8, 60>>("8x8, linear"));
    check(real<linear(56, 40), tag::block<4, 4, 90>>("4x4, linear"));
}

TEST_CASE("int8 weights in blocks give the bytes of the definition", "[kernels]") {
    tests::int8_seen seen;
    check(integer<conv_geometry{5, 13, 32, 5, 13, 24}, tag::block<1, 16, 50>, byte, byte, true>("1x16, 1x1"), seen);
    check(integer<same(4, 9, 16, 21, 3), tag::block<1, 16, 80>, value, byte>("1x16, 3x3"), seen);
    check(integer<same(4, 9, 8, 32, 3), tag::block<16, 4, 50>, byte, value>("16x4, 3x3"), seen);
    check(integer<conv_geometry{5, 13, 36, 5, 13, 48}, tag::block<16, 4, 50>, value, byte, true>("16x4, 1x1"), seen);
    check(integer<same(3, 5, 8, 40, 3, 1, 2), tag::block<4, 4, 50>, byte, byte>("4x4, 2 groups"), seen);
    check(integer<conv_geometry{6, 12, 4, 3, 6, 20, 3, 3, 2, 2}, tag::block<4, 4, 50>, byte, byte>("4x4, stride 2"),
          seen);
    check(integer<conv_geometry{3, 11, 24, 3, 11, 24}, tag::block<8, 8, 50>, value, value>("8x8, 1x1"), seen);
    check(integer<linear(64, 40), tag::block<1, 16, 50>, value, byte>("1x16, linear"), seen);
    check(integer<linear(192, 33), tag::block<1, 64, 50>, byte, byte>("1x64, linear"), seen);
    check(integer<linear(52, 48), tag::block<16, 4, 50>, byte, value, true>("16x4, linear"), seen);
    check(integer<linear(52, 40), tag::block<4, 4, 60>, byte, byte>("4x4, linear"), seen);
    check(integer<linear(64, 40), tag::block<4, 16, 90>, byte, byte>("4x16, linear"), seen);
    CHECK(seen.low > 100);
    CHECK(seen.high > 100);
}

}  // namespace conv2d_blocks_test
}  // namespace
