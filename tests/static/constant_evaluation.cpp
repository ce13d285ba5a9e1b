// SPDX-License-Identifier: MIT
// Layers are literal types whose `pack` and scalar `run` are constant expressions; so are weights objects and recipes.
#include <compress/inference.hpp>

#include <array>
#include <type_traits>

namespace tc = tensor_compress;

// The reference, in the compiler: a whole int8 layer, its numbers worked out by hand.
//
// Two inputs with scale 0.5 and zero point 2, three outputs with scale 1 and zero point -1; weights with scales 0.25,
// 0.5, 1: factor = input scale * weight scale / output scale = 0.125, 0.25, 0.5.
constexpr tc::conv_geometry geometry{1, 1, 2, 1, 1, 3};
using int8_layer = tc::layers::conv2d<geometry, tc::tag::int8>;

constexpr auto packed_int8 = [] {
    constexpr std::int8_t weights[] = {4, 8, -2, 6, 100, -100};
    constexpr std::int32_t bias[] = {16, -8, 0};
    constexpr tc::fixed_multiplier factors[] = {tc::to_fixed_multiplier(0.125), tc::to_fixed_multiplier(0.25),
                                                tc::to_fixed_multiplier(0.5)};
    std::array<std::int8_t, int8_layer::packed_bytes> bytes{};
    int8_layer::pack(bytes.data(), {weights, bias, factors, 2, -1, -128, 127, {}});
    return bytes;
}();

constexpr std::array<std::int8_t, 3> run_int8(std::int8_t a, std::int8_t b) {
    const std::int8_t input[] = {a, b};
    std::array<std::int8_t, 3> output{};
    int8_layer::run<tc::isa::scalar>(packed_int8.data(), input, output.data());
    return output;
}
// (4 * 10 + 8 * 3 + 16) / 8 - 1; (-2 * 10 + 6 * 3 - 8) / 4 - 1 = -2.5 - 1, rounded at the shift; (100 * 10 - 100 * 3) /
// 2 - 1
static_assert(run_int8(12, 5) == std::array<std::int8_t, 3>{9, -4, 127});
// Inputs at the zero point leave the bias: 2 - 1, -2 - 1, 0 - 1.
static_assert(run_int8(2, 2) == std::array<std::int8_t, 3>{1, -3, -1});
static_assert(run_int8(2, 3) == std::array<std::int8_t, 3>{2, -2, -51});  // 24 / 8, -2 / 4 = -0.5 -> -1, -100 / 2

// A float layer: rows of a matrix by a vector, and what a relu makes of them.
using float_layer = tc::layers::linear<3, 2, tc::tag::fp32, tc::tag::dense, 1, tc::float_end{tc::clamp_kind::relu}>;
constexpr std::array<float, 2> run_fp32(float a, float b, float c) {
    constexpr float weights[] = {1, 2, 3, -1, 0.5f, 0}, bias[] = {10, 0.25f};
    std::array<std::int8_t, float_layer::packed_bytes> bytes{};
    float_layer::pack(bytes.data(), weights, bias);
    const float input[] = {a, b, c};
    std::array<float, 2> output{};
    float_layer::run<tc::isa::scalar>(bytes.data(), input, output.data());
    return output;
}
static_assert(run_fp32(1, 2, 3) == std::array<float, 2>{24, 0.25f});
static_assert(run_fp32(0, 0, -4) == std::array<float, 2>{0, 0.25f});
static_assert(run_fp32(1, 0, 0) == std::array<float, 2>{11, 0});

// Values are literal, empty where they are tags, and copied as bytes.
inline constexpr auto written = tc::make_model([](auto& g) { g.relu(g.linear("layer", g.input("x", {2}), 3)); });
inline constexpr auto recipe = tc::recipe{tc::int8}.with("layer", tc::fp32);
using net = tc::net<written, recipe>;
template <class T>
constexpr bool plain = std::is_trivially_copyable_v<T>&& std::is_trivially_destructible_v<T>;
static_assert(plain<tc::node> && plain<tc::shape> && plain<tc::label> && plain<decltype(written)> &&
              plain<decltype(recipe)>);
static_assert(plain<net::weights> && plain<tc::memory_plan<4>> && plain<tc::layer_info>);
static_assert(std::is_empty_v<net> && std::is_empty_v<net::layer<1>> && std::is_empty_v<tc::isa::scalar>);
static_assert(tc::layer<net::layer<1>> && tc::layer<int8_layer> && tc::layer<float_layer>);

constexpr net::weights bound =
    net::bind({nullptr, packed_int8.data(), nullptr, nullptr}, {tc::affine{0.5f, 2}}, {tc::affine{1.0f, -1}});
static_assert(bound.inputs[0] == tc::affine{0.5f, 2} && bound.outputs[0].zero_point == -1);
