// SPDX-License-Identifier: MIT

// CMSIS-NN's own test vectors for convolutions, depthwise convolutions and linear layers. Each is computed three times:
// by the definition that tests/kernels measures the kernels with, by the reference kernel, and by the one in vectors.

#include <compress/layers/conv2d.hpp>
#include <compress/layers/depthwise_conv2d.hpp>

#include "../data.hpp"
#include "../kernels/product.hpp"
#include "cmsis_case.hpp"

namespace {

namespace tc = tensor_compress;
namespace layers = tc::layers;
using tc::conv_geometry;
using tests::cmsis_case;
using tests::fp32_kernel;
using tests::int8_kernel;
using i8 = std::int8_t;

/// Depthwise convolutions with a multiplier are convolutions of as many groups as channels.
template <conv_geometry G>
constexpr bool depthwise = G.groups > 1 && G.groups == G.in_channels&& G.in_channels == G.out_channels;

template <conv_geometry G>
int8_kernel int8_row(const char* name) {
    if constexpr (depthwise<G>) {
        using layer = layers::depthwise_conv2d<G, tc::tag::int8>;
        return {name,
                G,
                false,
                layer::packed_bytes,
                0,
                0,
                0,
                layer::pack,
                [](const i8* packed, const void* in, void* out, const void*) {
                    layer::template run<tc::isa::scalar>(packed, static_cast<const i8*>(in), static_cast<i8*>(out));
                },
                [](const i8* packed, const void* in, void* out, const void*) {
                    layer::template run<tc::native>(packed, static_cast<const i8*>(in), static_cast<i8*>(out));
                }};
    } else {
        using layer = layers::conv2d<G, tc::tag::int8>;
        return {name,
                G,
                false,
                layer::packed_bytes,
                0,
                0,
                0,
                layer::pack,
                [](const i8* packed, const void* in, void* out, const void*) {
                    layer::template run<tc::isa::scalar>(packed, static_cast<const i8*>(in), static_cast<i8*>(out));
                },
                [](const i8* packed, const void* in, void* out, const void*) {
                    layer::template run<tc::native>(packed, static_cast<const i8*>(in), static_cast<i8*>(out));
                }};
    }
}

template <conv_geometry G>
fp32_kernel fp32_row(const char* name) {
    constexpr auto none = tc::clamp_kind::none;
    if constexpr (depthwise<G>) {
        using layer = layers::depthwise_conv2d<G, tc::tag::fp32>;
        return {name,
                G,
                none,
                false,
                none,
                layer::packed_bytes,
                layer::pack,
                [](const i8* packed, const float* in, float* out, const float*) {
                    layer::template run<tc::isa::scalar>(packed, in, out);
                },
                [](const i8* packed, const float* in, float* out, const float*) {
                    layer::template run<tc::native>(packed, in, out);
                }};
    } else {
        using layer = layers::conv2d<G, tc::tag::fp32>;
        return {name,
                G,
                none,
                false,
                none,
                layer::packed_bytes,
                layer::pack,
                [](const i8* packed, const float* in, float* out, const float*) {
                    layer::template run<tc::isa::scalar>(packed, in, out);
                },
                [](const i8* packed, const float* in, float* out, const float*) {
                    layer::template run<tc::native>(packed, in, out);
                }};
    }
}

const int8_kernel int8_rows[] = {
    int8_row<conv_geometry{1, 2, 4, 1, 2, 3, 1, 3, 1, 1, 1, 1, 0, 1, 1}>("conv_1_x_n_1"),
    int8_row<conv_geometry{1, 296, 4, 1, 125, 3, 1, 48, 1, 2, 1, 1, 0, 0, 1}>("conv_1_x_n_2"),
    int8_row<conv_geometry{1, 296, 4, 1, 148, 1, 1, 48, 1, 2, 1, 1, 0, 23, 1}>("conv_1_x_n_3"),
    int8_row<conv_geometry{1, 17, 4, 1, 6, 1, 1, 3, 1, 3, 1, 1, 0, 0, 1}>("conv_1_x_n_5"),
    int8_row<conv_geometry{1, 148, 20, 1, 148, 15, 1, 32, 1, 1, 1, 1, 0, 15, 1}>("conv_1_x_n_7"),
    int8_row<conv_geometry{1, 148, 12, 1, 74, 10, 1, 48, 1, 2, 1, 1, 0, 23, 1}>("conv_1_x_n_8"),
    int8_row<conv_geometry{10, 10, 2, 6, 6, 2, 3, 3, 1, 1, 2, 2, 0, 0, 1}>("conv_2x2_dilation"),
    int8_row<conv_geometry{5, 5, 2, 5, 5, 2, 3, 3, 1, 1, 2, 2, 2, 2, 1}>("conv_2x2_dilation_5x5_input"),
    int8_row<conv_geometry{11, 9, 2, 11, 9, 2, 3, 3, 1, 1, 2, 2, 2, 2, 1}>("conv_3x3_dilation_5x5_input"),
    int8_row<conv_geometry{3, 3, 4, 3, 3, 2, 3, 3, 1, 1, 1, 1, 1, 1, 1}>("conv_out_activation"),
    int8_row<conv_geometry{5, 5, 2, 4, 4, 6, 2, 2, 1, 1, 1, 1, 0, 0, 2}>("grouped_conv_1"),
    int8_row<conv_geometry{3, 7, 4, 2, 7, 2, 2, 1, 1, 1, 1, 1, 0, 0, 2}>("grouped_conv_2"),
    int8_row<conv_geometry{5, 7, 19, 5, 7, 7, 1, 1, 1, 1, 1, 1, 0, 0, 1}>("kernel1x1"),
    int8_row<conv_geometry{4, 7, 9, 4, 3, 5, 1, 1, 1, 3, 1, 1, 0, 0, 1}>("kernel1x1_stride_x"),
    int8_row<conv_geometry{6, 7, 23, 3, 4, 15, 1, 1, 2, 2, 1, 1, 0, 0, 1}>("kernel1x1_stride_x_y"),
    int8_row<conv_geometry{4, 4, 5, 2, 2, 5, 1, 1, 2, 2, 1, 1, 0, 0, 1}>("kernel1x1_stride_x_y_1"),
    int8_row<conv_geometry{4, 4, 5, 2, 2, 5, 1, 1, 3, 3, 1, 1, 0, 0, 1}>("kernel1x1_stride_x_y_2"),
    int8_row<conv_geometry{7, 7, 1, 4, 4, 1, 3, 3, 2, 2, 1, 1, 1, 1, 1}>("stride2pad1"),
    int8_row<conv_geometry{5, 6, 3, 3, 3, 9, 4, 3, 2, 2, 1, 1, 1, 0, 3}>("depthwise_2"),
    int8_row<conv_geometry{5, 7, 250, 5, 7, 250, 2, 2, 1, 1, 1, 1, 0, 0, 250}>("depthwise_eq_in_out_ch"),
    int8_row<conv_geometry{5, 3, 3, 3, 2, 3, 4, 2, 2, 2, 1, 1, 1, 0, 3}>("depthwise_mult_batches"),
    int8_row<conv_geometry{5, 4, 2, 5, 4, 2, 2, 2, 1, 1, 1, 1, 0, 0, 2}>("depthwise_null_bias_0"),
    int8_row<conv_geometry{5, 7, 9, 4, 6, 9, 2, 2, 1, 1, 1, 1, 0, 0, 9}>("depthwise_sub_block"),
    int8_row<conv_geometry{5, 7, 9, 4, 3, 9, 2, 2, 1, 2, 1, 1, 0, 0, 9}>("depthwise_x_stride"),
    int8_row<conv_geometry{7, 7, 1, 4, 4, 1, 3, 3, 2, 2, 1, 1, 1, 1, 1}>("in_ch_one_out_ch_larger_one"),
    int8_row<conv_geometry{1, 3, 20, 1, 3, 6}>("fully_connected"),
    int8_row<conv_geometry{1, 1, 16, 1, 1, 9}>("fully_connected_mve_0"),
    int8_row<conv_geometry{1, 2, 33, 1, 2, 5}>("fully_connected_null_bias_0"),
};

// Mostly those whose shapes are not among the int8 ones.
const fp32_kernel fp32_rows[] = {
    fp32_row<conv_geometry{3, 17, 11, 3, 9, 13, 1, 1, 1, 2, 1, 1, 0, 0, 1}>("conv_1x1_stride2_nhwc_f32"),
    fp32_row<conv_geometry{1, 21, 8, 1, 19, 12, 1, 3, 1, 1, 1, 1, 0, 0, 1}>("conv_k3_opt_f32"),
    fp32_row<conv_geometry{1, 21, 8, 1, 17, 12, 1, 5, 1, 1, 1, 1, 0, 0, 1}>("conv_k5_opt_f32"),
    fp32_row<conv_geometry{1, 21, 16, 1, 17, 16, 1, 5, 1, 1, 1, 1, 0, 0, 1}>("conv_k5_opt_nhwc_tuned_f32"),
    fp32_row<conv_geometry{6, 7, 4, 5, 6, 5, 2, 2, 1, 1, 1, 1, 0, 0, 1}>("conv_kernel_2x2_f32"),
    fp32_row<conv_geometry{5, 7, 19, 5, 7, 7, 1, 1, 1, 1, 1, 1, 0, 0, 1}>("conv_match_1x1_basic_f32"),
    fp32_row<conv_geometry{1, 4, 1, 1, 1, 16, 1, 8, 1, 4, 1, 1, 0, 2, 1}>("conv_match_1xn_6_generic_f32"),
    fp32_row<conv_geometry{3, 3, 2, 3, 3, 2, 3, 3, 1, 1, 2, 3, 2, 3, 1}>("conv_match_3x2_dilation_f32"),
    fp32_row<conv_geometry{11, 9, 2, 11, 9, 2, 3, 3, 1, 1, 2, 2, 2, 2, 1}>("conv_match_3x3_dilation_5x5_input_f32"),
    fp32_row<conv_geometry{8, 5, 1, 5, 4, 1, 4, 2, 1, 1, 1, 1, 0, 0, 1}>("conv_match_basic_f32"),
    fp32_row<conv_geometry{49, 10, 3, 24, 9, 1, 10, 4, 2, 1, 1, 1, 4, 1, 1}>("conv_match_conv_3_f32"),
    fp32_row<conv_geometry{5, 5, 3, 2, 2, 3, 3, 2, 2, 2, 1, 1, 0, 0, 1}>("conv_match_conv_4_f32"),
    fp32_row<conv_geometry{2, 21, 1, 1, 17, 16, 2, 5, 1, 1, 1, 1, 0, 0, 1}>("depthwise_2x5_opt_nhwc_chmult16_f32"),
    fp32_row<conv_geometry{9, 11, 8, 7, 9, 8, 3, 3, 1, 1, 1, 1, 0, 0, 8}>("depthwise_basic_f32"),
    fp32_row<conv_geometry{1, 21, 8, 1, 19, 8, 1, 3, 1, 1, 1, 1, 0, 0, 8}>("depthwise_k3_1d_opt_batch2_f32"),
    fp32_row<conv_geometry{5, 4, 5, 3, 1, 5, 3, 3, 2, 2, 1, 1, 1, 0, 5}>("depthwise_kernel_3x3_null_bias_f32"),
    fp32_row<conv_geometry{5, 7, 9, 4, 6, 9, 2, 2, 1, 1, 1, 1, 0, 0, 9}>("depthwise_match_sub_block_f32"),
    fp32_row<conv_geometry{1, 2, 17, 1, 2, 2}>("fully_connected_2out_tail17_f32"),
    fp32_row<conv_geometry{1, 2, 512, 1, 2, 64}>("fully_connected_large_f32"),
    fp32_row<conv_geometry{1, 1, 89, 1, 1, 22}>("fully_connected_match_fc_per_ch_f32"),
    fp32_row<conv_geometry{1, 2, 33, 1, 2, 5}>("fully_connected_null_bias_f32"),
};

template <class Row, std::size_t Count>
const Row* find(const Row (&rows)[Count], const std::string& name) {
    for (const Row& row : rows)
        if (row.name == name) return &row;
    return nullptr;
}

/// f(image in, image out) for each of a batch.
template <class T, class F>
std::vector<T> for_each_image(const conv_geometry& g, const std::vector<T>& input, F f) {
    const auto in = static_cast<std::size_t>(g.in_elements()), out = static_cast<std::size_t>(g.out_elements());
    std::vector<T> output(input.size() / in * out);
    for (std::size_t image = 0; image * in < input.size(); ++image)
        f(input.data() + image * in, output.data() + image * out);
    return output;
}

tests::definition::int8_convolution product_of(const cmsis_case& c) {
    const auto outputs = static_cast<std::size_t>(tests::geometry_of(c).out_channels);
    tests::definition::int8_convolution p;
    p.weights = tests::natural_weights(c, c["weights"].bytes());
    if (c.has("bias")) p.bias = c["bias"].integers;
    const auto &multipliers = c["multiplier"].integers, &shifts = c["shift"].integers;
    for (std::size_t o = 0; o < outputs; ++o) {
        const std::size_t at = multipliers.size() == 1 ? 0 : o;
        p.factors.push_back({multipliers[at], shifts[at]});
    }
    p.input_zero_point = -c.integer("input_offset");
    p.zero_point = c.integer("output_offset");
    p.low = c.integer("activation_min");
    p.high = c.integer("activation_max");
    return p;
}

TEST_CASE("CMSIS-NN: int8 convolutions and linear layers", "[conformance]") {
    if (tests::left_out("int8 convolutions and linear layers")) return;
    int done = 0;
    for (const char* operation : {"conv2d", "depthwise_conv2d", "fully_connected"})
        for (const cmsis_case& c : tests::cmsis_cases(operation, "s8")) {
            INFO(c.operation << " " << c.name);
            if (c.integer("filter_offset") != 0) {
                tests::skip_notice("CMSIS-NN: " + c.name + ", whose weights have a zero point");
                continue;
            }
            const conv_geometry g = tests::geometry_of(c);
            const auto product = product_of(c);
            CHECK(c.difference(for_each_image(g, c["input"].bytes(), [&](const i8* in, i8* out) {
                const std::vector<i8> image(in, in + g.in_elements());
                const std::vector<i8> result = tests::definition::convolve(g, product, image, {});
                std::copy(result.begin(), result.end(), out);
            })) == "");

            const int8_kernel* kernel = find(int8_rows, c.name);
            REQUIRE(kernel != nullptr);
            REQUIRE(kernel->geometry == g);
            std::vector<i8> packed(static_cast<std::size_t>(kernel->packed_bytes));
            kernel->pack(packed.data(), {product.weights.data(), product.bias.empty() ? nullptr : product.bias.data(),
                                         product.factors.data(), product.input_zero_point, product.zero_point,
                                         product.low, product.high});
            for (const auto run : {kernel->reference, kernel->vectors})
                CHECK(c.difference(for_each_image(g, c["input"].bytes(), [&](const i8* in, i8* out) {
                    run(packed.data(), in, out, nullptr);
                })) == "");
            ++done;
        }
    CHECK(done >= 28);
}

TEST_CASE("CMSIS-NN: fp32 convolutions and linear layers", "[conformance]") {
    if (tests::left_out("fp32 convolutions and linear layers")) return;
    int done = 0, without_kernel = 0;
    for (const char* operation : {"conv2d", "depthwise_conv2d", "fully_connected"})
        for (const cmsis_case& c : tests::cmsis_cases(operation, "f32")) {
            INFO(c.operation << " " << c.name);
            const fp32_kernel* kernel = find(fp32_rows, c.name);
            if (kernel == nullptr) {
                ++without_kernel;
                continue;
            }
            const conv_geometry g = tests::geometry_of(c);
            REQUIRE(kernel->geometry == g);
            const std::vector<float> weights = tests::natural_weights(c, c["weights"].reals);
            std::vector<i8> packed(static_cast<std::size_t>(kernel->packed_bytes));
            kernel->pack(packed.data(), weights.data(), c.has("bias") ? c["bias"].reals.data() : nullptr);
            for (const auto run : {kernel->reference, kernel->vectors})
                CHECK(c.difference(for_each_image(g, c["input"].reals, [&](const float* in, float* out) {
                    run(packed.data(), in, out, nullptr);
                })) == "");
            ++done;
        }
    CHECK(done >= 21);
    tests::skip_notice("CMSIS-NN: " + std::to_string(without_kernel) + " fp32 cases, most of the shapes of int8 cases");
}

}  // namespace
