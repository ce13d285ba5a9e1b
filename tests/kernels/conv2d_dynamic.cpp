// SPDX-License-Identifier: MIT
#include <compress/kernels/conv2d_dynamic.hpp>

#include <compress/kernels/quantize_range.hpp>

#include "../catch.hpp"
#include "../numbers.hpp"
#include "definition.hpp"
#include "geometries.hpp"
#include "memory.hpp"

namespace {
namespace conv2d_dynamic_test {

namespace tc = tensor_compress;
namespace tag = tc::tag;
using tc::clamp_kind;
using tc::conv_geometry;
using tc::float_end;
using tests::linear;
using tests::same;
using value = std::int8_t;
using byte = tc::native::activation;

double limit(double v, clamp_kind kind) {
    if (kind != clamp_kind::none && v < 0) v = 0;
    return kind == clamp_kind::relu6 && v > 6 ? 6 : v;
}

/// One kernel over one geometry: the integers are exact, so what vectors give differs from the definition in double
/// precision by the roundings of a factor, a product and a sum.
template <conv_geometry G, class In, class Precision = tag::int8, float_end End = float_end{}>
void check(const char* name) {
    using code = tc::weight_code<tag::dynamic<Precision>, tag::dense>;
    using order = tc::panel_order<tests::flat<G>, 4>;
    INFO(name);
    for (const int zero_point : {-128, -3, 127}) {
        INFO("zero point " << zero_point);
        tests::numbers random(static_cast<std::uint64_t>(G.terms() + zero_point + 500));
        const tc::affine steps{0.02f, zero_point};
        std::vector<std::int8_t> weights, input;
        std::vector<float> scales, bias, residual;
        for (int i = 0; i < G.out_channels * G.terms(); ++i) {
            constexpr tc::weight_grid grid = Precision::grid;
            const int level = grid.has_zero ? random.between(grid.lowest, grid.highest) : random.between(0, 1) * 2 - 1;
            weights.push_back(static_cast<std::int8_t>(level * grid.unit));
        }
        for (int i = 0; i < G.in_elements(); ++i) input.push_back(random.byte());
        for (int o = 0; o < G.out_channels; ++o) {
            scales.push_back(0.001f + 0.0003f * static_cast<float>(o % 11));
            bias.push_back(random.real() * 3);
        }
        for (int i = 0; i < G.out_elements() * End.residual; ++i) residual.push_back(random.real() * 5);

        std::vector<double> expected;
        double largest = 0;
        for (int y = 0; y < G.out_height; ++y)
            for (int x = 0; x < G.out_width; ++x)
                for (int o = 0; o < G.out_channels; ++o) {
                    std::int64_t sum = 0;
                    tests::definition::for_each_term(G, y, x, o, [&](int i, int w) {
                        sum += (std::int64_t{input[static_cast<std::size_t>(i)]} - zero_point) *
                               weights[static_cast<std::size_t>(w)];
                    });
                    const auto at = static_cast<std::size_t>(o);
                    double v =
                        static_cast<double>(sum) * static_cast<double>(scales[at]) * static_cast<double>(steps.scale) +
                        static_cast<double>(bias[at]);
                    v = limit(v, End.stage);
                    if (End.residual) v = limit(v + static_cast<double>(residual[expected.size()]), End.sum);
                    largest = std::max(largest, std::abs(v));
                    expected.push_back(v);
                }

        std::vector<std::int8_t> packed(static_cast<std::size_t>(tc::dynamic_sections<order, code>::bytes) + 64);
        auto* aligned = packed.data() + (64 - reinterpret_cast<std::uintptr_t>(packed.data()) % 64) % 64;
        tc::pack_dynamic<order, tests::flat<G>, code>(aligned, weights.data(), scales.data(), bias.data());
        const auto stored = tests::stored(input, tc::stored_offset<In>);
        const tests::fenced from(stored.data(), stored.size());
        const float* other = End.residual ? residual.data() : nullptr;
        const auto compare = [&](const char* kernel, auto run) {
            INFO(kernel);
            tests::guarded to(expected.size() * sizeof(float), 4);
            run(from.as<const In>(), static_cast<float*>(to.data()));
            CHECK(to.intact());
            double worst = 0;
            for (std::size_t i = 0; i < expected.size(); ++i)
                worst = std::max(worst,
                                 std::abs(static_cast<double>(static_cast<const float*>(to.data())[i]) - expected[i]));
            CHECK(worst <= 4e-7 * largest);
        };
        compare("reference", [&](const In* in, float* out) {
            tc::conv2d_dynamic_reference<tests::flat<G>, End, code>(aligned, steps, in, out, other);
        });
        compare("vectors", [&](const In* in, float* out) {
            tc::conv2d_dynamic<tc::native, G, End, code>(aligned, steps, in, out, other);
        });
    }
}

TEST_CASE("conv2d_dynamic gives the values of the definition", "[kernels]") {
    check<linear(70, 1), value>("linear, 1 output");
    check<linear(784, 256), byte>("linear, 256 outputs");
    check<linear(33, 10, 3), byte>("linear, rows");
    check<same(3, 30, 3, 16, 3), byte>("3x3, 3 channels, a row of many tiles");
    check<conv_geometry{6, 12, 4, 3, 6, 17, 3, 3, 2, 2}, value>("3x3, stride 2");
    check<same(3, 5, 10, 34, 3, 1, 2), byte>("3x3, 2 groups of 5 channels");
    check<same(2, 2, 4, 24, 5), byte>("the kernel larger than the image");
}

TEST_CASE("conv2d_dynamic with few bits", "[kernels]") {
    check<linear(64, 40), byte, tag::int4>("int4, one row");
    check<same(4, 9, 8, 16, 3), byte, tag::int4>("int4, an image");
    check<linear(48, 16), byte, tag::ternary>("ternary");
    check<same(3, 8, 6, 18, 3), byte, tag::binary>("binary, whose padding is no zero");
}

TEST_CASE("conv2d_dynamic ends with activations and a residual", "[kernels]") {
    check<linear(24, 30), byte, tag::int8, float_end{clamp_kind::relu}>("relu");
    check<same(3, 8, 8, 16, 3), byte, tag::int8, float_end{clamp_kind::relu6}>("relu6");
    check<same(3, 8, 8, 20, 3), byte, tag::int8, float_end{clamp_kind::none, true, clamp_kind::relu}>("residual, relu");
}

template <int Count>
void check_range() {
    INFO("values " << Count);
    tests::numbers random(Count);
    for (const float shift : {0.0f, 2.0f, -2.0f}) {
        std::vector<float> values;
        for (int i = 0; i < Count; ++i) values.push_back(random.real() + shift);
        if (Count > 2) values[Count / 2] = std::numeric_limits<float>::quiet_NaN();
        float low = 0, high = 0;
        for (const float v : values)
            if (v == v) low = std::min(low, v), high = std::max(high, v);
        const tests::fenced memory(values.data(), values.size() * sizeof(float));
        const tc::affine expected = tc::affine_for_range(low, high);
        CHECK(tc::affine_of_values_reference<Count>(memory.as<const float>()) == expected);
        CHECK(tc::affine_of_values<tc::native, Count>(memory.as<const float>()) == expected);
    }
}

TEST_CASE("the range of values at run time", "[kernels]") {
    check_range<1>();
    check_range<15>();
    check_range<63>();
    check_range<64>();
    check_range<65>();
    check_range<201>();
    const std::vector<float> zeros(100);
    CHECK(tc::affine_of_values<tc::native, 100>(zeros.data()) == tc::affine{1.0f, 0});
}

}  // namespace conv2d_dynamic_test
}  // namespace
