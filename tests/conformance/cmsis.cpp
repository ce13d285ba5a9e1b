// SPDX-License-Identifier: MIT

// CMSIS-NN's own test vectors: the steps of fixed-point arithmetic, and the operators without weights. Convolutions and
// linear layers are in cmsis_products.cpp.

#include <algorithm>
#include <cstdio>

#include <compress/core/fixed_point.hpp>
#include <compress/layers/elementwise.hpp>
#include <compress/layers/pool.hpp>
#include <compress/layers/rearrange.hpp>
#include <compress/layers/softmax.hpp>

#include "../catch.hpp"
#include "../data.hpp"
#include "cmsis_case.hpp"

namespace {

namespace tc = tensor_compress;
namespace layers = tc::layers;
using tc::conv_geometry;
using tests::cmsis_case;
using tests::cmsis_cases;

/// How many i have f(i) != expected[i].
template <class F>
int wrong(const std::vector<std::int32_t>& expected, F f) {
    int count = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) count += f(i) != expected[i];
    return count;
}

TEST_CASE("CMSIS-NN: steps of fixed-point arithmetic", "[conformance]") {
    if (tests::left_out("steps of fixed-point arithmetic")) return;
    const cmsis_case requantize = tests::cmsis_primitive("requantize_s32");
    const auto &sums = requantize["acc"].integers, &multipliers = requantize["multiplier"].integers,
               &shifts = requantize["shift"].integers;
    CHECK(sums.size() >= 2000);
    CHECK(wrong(requantize["expected_double"].integers, [&](std::size_t i) {
              return tc::requantize(sums[i], {multipliers[i], shifts[i]});
          }) == 0);

    const cmsis_case steps = tests::cmsis_primitive("fixed_point_steps");
    const auto &a = steps["a"].integers, &b = steps["b"].integers, &exponents = steps["exponent"].integers;
    CHECK(a.size() >= 1000);
    CHECK(wrong(steps["expected_high_mul"].integers, [&](std::size_t i) { return tc::high_mul(a[i], b[i]); }) == 0);
    CHECK(wrong(steps["expected_rounding_shift"].integers,
                [&](std::size_t i) { return tc::rounding_shift(a[i], exponents[i]); }) == 0);
}

TEST_CASE("CMSIS-NN: steps of softmax", "[conformance]") {
    if (tests::left_out("steps of softmax")) return;
    const cmsis_case steps = tests::cmsis_primitive("softmax_steps");
    const auto &exponents = steps["exp_in"].integers, &divisors = steps["recip_in"].integers;
    CHECK(exponents.size() >= 1000);
    CHECK(wrong(steps["exp_expected"].integers,
                [&](std::size_t i) { return tc::detail::exp_of_negative(exponents[i]); }) == 0);
    CHECK(wrong(steps["recip_expected"].integers,
                [&](std::size_t i) { return tc::detail::reciprocal_of_one_plus(divisors[i]); }) == 0);
}

/// f(case) for each; all of them must be there.
template <class F>
void for_each_case(const char* operation, const char* dtype, std::size_t at_least, F f) {
    const std::vector<cmsis_case> cases = cmsis_cases(operation, dtype);
    CHECK(cases.size() >= at_least);
    for (const cmsis_case& c : cases) {
        INFO(c.operation << " " << c.name);
        f(c);
    }
}

TEST_CASE("CMSIS-NN: add and mul", "[conformance]") {
    if (tests::left_out("add and mul")) return;
    const auto scaling_of = [](const cmsis_case& c) {
        return tc::add_scaling{-c.integer("input1_offset"),
                               -c.integer("input2_offset"),
                               c.integer("output_offset"),
                               {c.integer("input1_multiplier"), c.integer("input1_shift")},
                               {c.integer("input2_multiplier"), c.integer("input2_shift")},
                               {c.integer("output_multiplier"), c.integer("output_shift")},
                               c.integer("activation_min"),
                               c.integer("activation_max")};
    };
    constexpr tc::pair_extent add_extent{128, 128, 128}, mul_extent{160, 160, 160};
    for_each_case("add", "s8", 1, [&](const cmsis_case& c) {
        REQUIRE(c["expected"].shape == std::vector<int>{add_extent.count});
        REQUIRE(c.integer("left_shift") == tc::add_left_shift);
        const tc::add_scaling s = scaling_of(c);
        const auto a = c["input1"].bytes(), b = c["input2"].bytes();
        std::vector<std::int8_t> one_by_one, output(a.size());
        for (std::size_t i = 0; i < a.size(); ++i) one_by_one.push_back(static_cast<std::int8_t>(s(a[i], b[i])));
        CHECK(c.difference(one_by_one) == "");
        tc::add_int8<tc::native, add_extent>(s, a.data(), b.data(), output.data());
        CHECK(c.difference(output) == "");
    });
    for_each_case("mul", "s8", 1, [&](const cmsis_case& c) {
        REQUIRE(c["expected"].shape == std::vector<int>{mul_extent.count});
        std::vector<std::int8_t> output(static_cast<std::size_t>(mul_extent.count));
        tc::mul_int8<mul_extent>(scaling_of(c), c["input1"].bytes().data(), c["input2"].bytes().data(), output.data());
        CHECK(c.difference(output) == "");
    });
    for_each_case("add", "f32", 1, [&](const cmsis_case& c) {
        REQUIRE(c["expected"].shape == std::vector<int>{add_extent.count});
        std::vector<float> output(static_cast<std::size_t>(add_extent.count));
        tc::add_fp32<add_extent, tc::clamp_kind::none>(c["input1"].reals.data(), c["input2"].reals.data(),
                                                       output.data());
        CHECK(c.difference(output) == "");
    });
    for_each_case("mul", "f32", 1, [&](const cmsis_case& c) {
        REQUIRE(c["expected"].shape == std::vector<int>{mul_extent.count});
        std::vector<float> output(static_cast<std::size_t>(mul_extent.count));
        tc::mul_fp32<mul_extent, tc::clamp_kind::none>(c["input1"].reals.data(), c["input2"].reals.data(),
                                                       output.data());
        CHECK(c.difference(output) == "");
    });
}

/// A pool with its shapes as constants, found by the name of the case.
struct pool_row {
    const char* name;
    conv_geometry geometry;
    void (*max)(const void* input, void* output);
    void (*mean)(const void* input, void* output);
};
template <conv_geometry G, class T>
pool_row pool(const char* name) {
    using precision = std::conditional_t<sizeof(T) == 1, tc::tag::int8, tc::tag::fp32>;
    return {name, G,
            [](const void* in, void* out) {
                layers::max_pool<G>::run(nullptr, static_cast<const T*>(in), static_cast<T*>(out));
            },
            [](const void* in, void* out) {
                layers::avg_pool<G, false, precision>::run(nullptr, static_cast<const T*>(in), static_cast<T*>(out));
            }};
}

using i8 = std::int8_t;
const pool_row pool_rows[] = {
    pool<conv_geometry{12, 22, 20, 3, 3, 20, 5, 6, 5, 9, 1, 1, 1, 1, 20}, i8>("avgpooling"),
    pool<conv_geometry{1, 12, 5, 1, 12, 5, 1, 3, 2, 1, 1, 1, 0, 1, 5}, i8>("avgpooling_2"),
    pool<conv_geometry{1, 9, 2, 1, 5, 2, 1, 1, 1, 2, 1, 1, 0, 0, 2}, i8>("avgpooling_3"),
    pool<conv_geometry{20, 1, 2, 7, 1, 2, 3, 1, 3, 1, 1, 1, 0, 0, 2}, i8>("avgpooling_4"),
    pool<conv_geometry{12, 22, 8, 3, 3, 8, 5, 6, 5, 9, 1, 1, 1, 1, 8}, i8>("maxpooling"),
    pool<conv_geometry{1, 9, 2, 1, 5, 2, 1, 1, 1, 2, 1, 1, 0, 0, 2}, i8>("maxpooling_3"),
    pool<conv_geometry{3, 3, 20, 3, 3, 20, 1, 1, 1, 1, 1, 1, 0, 0, 20}, i8>("maxpooling_5"),
    pool<conv_geometry{5, 1, 17, 2, 1, 17, 4, 3, 3, 1, 1, 1, 1, 1, 17}, i8>("maxpooling_6"),
    pool<conv_geometry{2, 4, 1, 1, 2, 1, 2, 2, 2, 2, 1, 1, 0, 0, 1}, i8>("maxpooling_7"),
    pool<conv_geometry{12, 22, 20, 3, 3, 20, 5, 6, 5, 9, 1, 1, 1, 1, 20}, float>("avgpooling_f32"),
    pool<conv_geometry{5, 9, 3, 1, 1, 3, 5, 9, 2, 1, 1, 1, 0, 0, 3}, float>("avgpooling_f32_1"),
    pool<conv_geometry{25, 5, 64, 1, 1, 64, 25, 5, 1, 1, 1, 1, 0, 0, 64}, float>("avgpooling_f32_global"),
    pool<conv_geometry{1, 9, 2, 1, 5, 2, 1, 1, 1, 2, 1, 1, 0, 0, 2}, float>("avgpooling_match_3_f32"),
    pool<conv_geometry{1, 4, 4, 1, 2, 4, 1, 2, 1, 2, 1, 1, 0, 0, 4}, float>("maxpooling_1d_k2s2_clip_f32"),
    pool<conv_geometry{1, 6, 3, 1, 3, 3, 1, 2, 1, 2, 1, 1, 0, 0, 3}, float>("maxpooling_1d_k2s2_noclip_f32"),
    pool<conv_geometry{12, 22, 8, 3, 3, 8, 5, 6, 5, 9, 1, 1, 1, 1, 8}, float>("maxpooling_f32"),
    pool<conv_geometry{5, 9, 3, 1, 1, 3, 5, 9, 2, 1, 1, 1, 0, 0, 3}, float>("maxpooling_f32_1"),
    pool<conv_geometry{5, 1, 17, 2, 1, 17, 4, 3, 3, 1, 1, 1, 1, 1, 17}, float>("maxpooling_f32_2"),
    pool<conv_geometry{1, 9, 2, 1, 5, 2, 1, 1, 1, 2, 1, 1, 0, 0, 2}, float>("maxpooling_match_3_f32"),
    pool<conv_geometry{20, 1, 2, 7, 1, 2, 3, 1, 3, 1, 1, 1, 0, 0, 2}, float>("maxpooling_match_4_f32"),
};

template <class T>
void check_pool(const cmsis_case& c, const std::vector<T>& input) {
    const auto row =
        std::find_if(std::begin(pool_rows), std::end(pool_rows), [&](const pool_row& r) { return r.name == c.name; });
    REQUIRE(row != std::end(pool_rows));
    REQUIRE(row->geometry == tests::geometry_of(c));
    const auto in = static_cast<std::size_t>(row->geometry.in_elements()),
               out = static_cast<std::size_t>(row->geometry.out_elements());
    std::vector<T> output(input.size() / in * out);
    for (std::size_t image = 0; image * in < input.size(); ++image)
        (c.operation == "max_pool2d" ? row->max : row->mean)(input.data() + image * in, output.data() + image * out);
    CHECK(c.difference(output) == "");
}

TEST_CASE("CMSIS-NN: pools", "[conformance]") {
    if (tests::left_out("pools")) return;
    for (const char* operation : {"avg_pool2d", "max_pool2d"}) {
        for_each_case(operation, "s8", 4, [](const cmsis_case& c) { check_pool(c, c["input"].bytes()); });
        for_each_case(operation, "f32", 4, [](const cmsis_case& c) { check_pool(c, c["input"].reals); });
    }
}

TEST_CASE("CMSIS-NN: softmax", "[conformance]") {
    if (tests::left_out("softmax")) return;
    const std::vector<int> shape{2, 5};
    for_each_case("softmax", "s8", 1, [&](const cmsis_case& c) {
        REQUIRE(c["expected"].shape == shape);
        std::vector<std::int8_t> output(10);
        const tc::softmax_scaling s{c.integer("input_multiplier"), c.integer("input_left_shift"),
                                    c.integer("diff_min")};
        tc::softmax_int8<2, 5>(s, c["input"].bytes().data(), output.data());
        CHECK(c.difference(output) == "");
    });
    for_each_case("softmax", "f32", 1, [&](const cmsis_case& c) {
        REQUIRE(c["expected"].shape == shape);
        std::vector<float> output(10);
        tc::softmax_fp32<2, 5>(c["input"].reals.data(), output.data());
        CHECK(c.difference(output) == "");
    });
}

TEST_CASE("CMSIS-NN: activations", "[conformance]") {
    if (tests::left_out("activations")) return;
    for_each_case("activation", "f32", 2, [](const cmsis_case& c) {
        REQUIRE(c["expected"].shape == std::vector<int>{9});
        std::vector<float> output(9);
        const std::string& function = c.texts.at("function");
        REQUIRE((function == "tanh" || function == "leaky_relu"));
        if (function == "tanh")
            tc::map_fp32<tc::function::tanh, 9>(c["input"].reals.data(), output.data(), 0);
        else
            tc::map_fp32<tc::function::leaky_relu, 9>(c["input"].reals.data(), output.data(),
                                                      static_cast<float>(c.param("alpha")));
        CHECK(c.difference(output) == "");
    });
}

template <class T>
void check_transpose(const cmsis_case& c, const std::vector<T>& input) {
    tc::shape from;
    int order[tc::max_rank]{};
    for (const int extent : c["input"].shape) from.extent[from.rank++] = extent;
    for (int axis = 0; axis < from.rank; ++axis) order[axis] = static_cast<int>(c.param("perm", axis));
    std::vector<T> output(input.size());
    tc::transpose_elements(from, order, input.data(), output.data());
    CHECK(c.difference(output) == "");
}

TEST_CASE("CMSIS-NN: transpose, pad and concat", "[conformance]") {
    if (tests::left_out("transpose, pad and concat")) return;
    for_each_case("transpose", "s8", 6, [](const cmsis_case& c) { check_transpose(c, c["input"].bytes()); });
    for_each_case("transpose", "f32", 7, [](const cmsis_case& c) { check_transpose(c, c["input"].reals); });

    const auto pads = [](const cmsis_case& c, std::vector<int> shape, std::vector<double> before,
                         std::vector<double> after) {
        return c["input"].shape == shape && c.params.at("pre_pad") == before && c.params.at("post_pad") == after;
    };
    for_each_case("pad", "s8", 1, [&](const cmsis_case& c) {
        REQUIRE(pads(c, {1, 2, 2, 2}, {0, 2, 2, 0}, {0, 1, 1, 0}));
        std::vector<std::int8_t> output(50);
        tc::pad_image<2, 2, 2, 2, 2, 1, 1>(c["input"].bytes().data(), output.data(), c.integer("pad_value"));
        CHECK(c.difference(output) == "");
    });
    for_each_case("pad", "f32", 2, [&](const cmsis_case& c) {
        const auto fill = static_cast<float>(c.param("pad_value"));
        std::vector<float> output(c["expected"].reals.size());
        if (pads(c, {1, 2, 2, 2}, {0, 2, 2, 0}, {0, 1, 1, 0})) {
            tc::pad_image<2, 2, 2, 2, 2, 1, 1>(c["input"].reals.data(), output.data(), fill);
        } else {
            REQUIRE(pads(c, {1, 7, 9, 5}, {0, 2, 1, 0}, {0, 1, 2, 0}));
            tc::pad_image<7, 9, 5, 2, 1, 1, 2>(c["input"].reals.data(), output.data(), fill);
        }
        CHECK(c.difference(output) == "");
    });
    for_each_case("concat", "f32", 1, [&](const cmsis_case& c) {
        REQUIRE(
            (c["input1"].shape == std::vector<int>{1, 8, 8, 5} && c["input2"].shape == std::vector<int>{1, 8, 8, 3}));
        std::vector<float> output(512);
        layers::concat<64, tc::tag::fp32, 5, 3>::run(nullptr, output.data(), c["input1"].reals.data(),
                                                     c["input2"].reals.data());
        CHECK(c.difference(output) == "");
    });
}

TEST_CASE("CMSIS-NN: what is left out", "[conformance]") {
    if (tests::left_out("counts of operators that there are not")) return;
    for (const char* operation :
         {"batch_matmul", "batch_norm", "lstm", "maximum", "minimum", "svdf", "transpose_conv2d"}) {
        const std::size_t count = cmsis_cases(operation, "s8").size() + cmsis_cases(operation, "f32").size();
        tests::skip_notice("CMSIS-NN: " + std::to_string(count) + " cases of " + operation +
                           ", an operator that there is not");
    }
}

}  // namespace
