// SPDX-License-Identifier: MIT

// Float products whose weights are stored in fewer bits, against the definition over the weights they stand for.

#include "fp32_kernels.hpp"
#include "words.hpp"

namespace {
namespace coded_fp32_test {

namespace tc = tensor_compress;
namespace tag = tc::tag;
using tc::clamp_kind;
using tc::conv_geometry;
using tc::float_end;
using tests::flat;
using tests::linear;
using tests::same;
using tests::same_depthwise;

/// Real units per step of output o's weights.
constexpr float scale_of(int o) { return 0.01f + 0.003f * static_cast<float>(o % 7); }

/// The step of weight i, in natural order, among the groups of neighbouring inputs: 1 to 16.
template <conv_geometry G, int Size>
int step_of(int i) {
    const int o = i / G.terms(), channel = i % G.terms() / (G.kernel_height * G.kernel_width);
    const int i_row = i / G.kernel_width % G.kernel_height, j = i % G.kernel_width;
    const int k = G.merged() ? j * G.in_channels + channel : channel;
    return 1 + (o * 5 + (i_row * 3 + (G.merged() ? 0 : j)) * 7 + k / Size) % 16;
}

/// What the weights of a layer can be.
template <conv_geometry G, class Precision>
void express(float* weights) {
    for (int i = 0; i < G.out_channels * G.terms(); ++i) {
        float& w = weights[i];
        if constexpr (std::is_same_v<Precision, tag::fp16>) {
            // Subnormal ones too, and the largest.
            w = i % 17 == 0 ? static_cast<float>(i % 1024) * 0x1p-24f
                            : tc::from_half(tc::to_half(w * (i % 5 == 0 ? 3e-5f : 1)));
        } else if constexpr (std::is_same_v<Precision, tag::bf16>) {
            w = tc::from_bfloat(tc::to_bfloat(w));
        } else if constexpr (!std::is_same_v<Precision, tag::fp32>) {
            constexpr tc::weight_grid grid = Precision::levels::grid;
            const int level = static_cast<int>(std::nearbyint(w / 3 * -static_cast<float>(grid.lowest)));
            w = static_cast<float>(tests::definition::limit(level, grid.lowest, grid.highest)) *
                scale_of(i / G.terms());
            if constexpr (Precision::group != 0) w *= static_cast<float>(step_of<G, Precision::group>(i));
        }
    }
}

template <class Order, conv_geometry G, class Precision>
void pack(std::int8_t* to, const float* weights, const float* bias) {
    using code = tc::weight_code<Precision, tag::dense>;
    if constexpr (tc::scaled_code<code>) {
        constexpr int unit = Precision::group != 0 ? 1 : Precision::levels::grid.unit;
        std::vector<std::int8_t> integers;
        std::vector<float> scales;
        for (int i = 0; i < G.out_channels * G.terms(); ++i)
            integers.push_back(static_cast<std::int8_t>(std::lround(weights[i] / scale_of(i / G.terms())) * unit));
        for (int o = 0; o < G.out_channels; ++o) scales.push_back(scale_of(o) / static_cast<float>(unit));
        tc::pack_scaled<Order, G, code>(to, integers.data(), scales.data(), bias);
    } else {
        tc::pack_float<Order, G, code>(to, weights, bias);
    }
}

template <conv_geometry G, class Precision, float_end End = float_end{}>
tests::fp32_kernel convolution(const char* name) {
    auto kernel = tests::convolution<G, End, tc::weight_code<Precision, tag::dense>>(
        name, pack<tc::panel_order<flat<G>, 1>, flat<G>, Precision>);
    kernel.thin = express<G, Precision>;
    return kernel;
}

template <conv_geometry G, class Precision, clamp_kind Clamp = clamp_kind::none>
tests::fp32_kernel depthwise(const char* name) {
    auto kernel = tests::depthwise<G, Clamp, tc::weight_code<Precision, tag::dense>>(
        name, pack<tc::depthwise_order<G, 1>, G, Precision>);
    kernel.thin = express<G, Precision>;
    return kernel;
}

constexpr float_end residual{clamp_kind::relu6, true, clamp_kind::relu};

template <class Precision>
void check_precision() {
    INFO(Precision::name);
    check(convolution<same(3, 9, 5, 20, 3), Precision>("3x3, 5 channels"));
    check(convolution<conv_geometry{5, 6, 8, 5, 6, 34, 3, 3, 1, 1, 2, 2, 2, 2, 2}, Precision>(
        "3x3, dilation 2, 2 groups"));
    check(convolution<linear(36, 70, 5), Precision, residual>("5 rows, residual"));
    check(convolution<linear(70, 40), Precision>("1 row"));
    check(convolution<linear(256, 130), Precision>("1 row, 256 inputs"));
    check(convolution<same(3, 9, 8, 20, 3), Precision>("3x3, 8 channels"));
    check(depthwise<same_depthwise(4, 7, 24, 3), Precision, clamp_kind::relu>("depthwise 3x3, 24 channels"));
    check(depthwise<same_depthwise(3, 5, 70, 5), Precision>("depthwise 5x5, 70 channels"));
}

TEST_CASE("float weights with a step a group are within the bound of the definition", "[kernels]") {
    using tag::grouped, tag::int4, tag::weight_only;
    check(convolution<linear(256, 70), weight_only<grouped<int4, 32>>>("1 row, groups of 32"));
    check(convolution<linear(128, 40, 5), weight_only<grouped<int4, 64>>, residual>("5 rows, groups of 64"));
    check(convolution<same(3, 9, 8, 20, 3), weight_only<grouped<int4, 8>>>("3x3, groups of 8"));
    check(convolution<same(3, 9, 12, 20, 3), weight_only<grouped<int4, 12>>>("3x3, groups of 12"));
    check(convolution<conv_geometry{5, 6, 16, 5, 6, 34, 3, 3, 1, 1, 2, 2, 2, 2, 2}, weight_only<grouped<int4, 4>>>(
        "3x3, dilation 2, 2 groups, groups of 4"));
}

TEST_CASE("float weights of fewer bits are within the bound of the definition", "[kernels]") {
    check_precision<tag::fp16>();
    check_precision<tag::bf16>();
    check_precision<tag::weight_only<tag::int8>>();
    check_precision<tag::weight_only<tag::int4>>();
}

template <conv_geometry G, class Precision, int Kept>
void thin_words(float* weights) {
    express<G, Precision>(weights);
    tests::for_each_of_words<G, Kept>([&](int i, bool keeps) { weights[i] = keeps ? weights[i] : 0; });
}

template <conv_geometry G, class Precision, int Kept, float_end End = float_end{}>
tests::fp32_kernel words(const char* name) {
    auto kernel = tests::convolution<G, End, tc::weight_code<Precision, tag::n_of_m<Kept, 4>>>(name);
    kernel.thin = thin_words<G, Precision, Kept>;
    return kernel;
}

template <class Precision, int Kept>
void check_words() {
    INFO(Precision::name << ", " << Kept << " of 4");
    check(words<same(3, 9, 8, 20, 3), Precision, Kept>("3x3, 8 channels"));
    check(words<same(3, 9, 5, 20, 3), Precision, Kept>("3x3, 5 channels"));
    check(words<conv_geometry{5, 6, 6, 5, 6, 34, 3, 3, 1, 1, 2, 2, 2, 2, 2}, Precision, Kept>(
        "3x3, dilation 2, 2 groups of 3 channels"));
    check(words<conv_geometry{9, 9, 3, 5, 5, 18, 3, 3, 2, 2, 1, 1, 1, 1}, Precision, Kept>("3x3, stride 2"));
    check(words<linear(36, 70, 5), Precision, Kept, residual>("5 rows, residual"));
    check(words<linear(70, 40), Precision, Kept>("1 row, 70 inputs"));
    check(words<linear(256, 130), Precision, Kept>("1 row, 256 inputs"));
    check(words<linear(3, 3), Precision, Kept>("1 row, 9 weights"));
}

TEST_CASE("float weights without the zeros of their words are within the bound of the definition", "[kernels]") {
    check_words<tag::fp32, 2>();
    check_words<tag::fp32, 1>();
    check_words<tag::fp16, 2>();
    check_words<tag::bf16, 2>();
    check_words<tag::bf16, 1>();
}

}  // namespace coded_fp32_test
}  // namespace
