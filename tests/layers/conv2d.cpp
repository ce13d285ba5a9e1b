// SPDX-License-Identifier: MIT
#include <compress/layers/conv2d.hpp>

#include <array>

#include "../catch.hpp"

namespace {
namespace conv2d_layer_test {

namespace tc = tensor_compress;
using tc::clamp_kind;
using tc::conv_geometry;
using tc::float_end;

constexpr conv_geometry geometry{3, 3, 2, 3, 3, 4, 3, 3, 1, 1, 1, 1, 1, 1};
constexpr float_end added{clamp_kind::relu, true, clamp_kind::relu6};
using real_layer = tc::layers::conv2d<geometry, tc::tag::fp32, tc::tag::dense, added>;
using int8_layer = tc::layers::conv2d<geometry, tc::tag::int8>;
using added_layer = tc::layers::conv2d<geometry, tc::tag::int8, tc::tag::dense, added>;

TEST_CASE("a convolution knows its size", "[layers]") {
    STATIC_REQUIRE(tc::layer<real_layer>);
    STATIC_REQUIRE(tc::layer<int8_layer>);
    STATIC_REQUIRE(real_layer::multiply_adds == 3 * 3 * 4 * 18);
    STATIC_REQUIRE(int8_layer::multiply_adds == real_layer::multiply_adds);
    STATIC_REQUIRE(int8_layer::packed_bytes < real_layer::packed_bytes);
    STATIC_REQUIRE(added_layer::packed_bytes == int8_layer::packed_bytes + 40);
}

/// All weights w, the bias 10 o for output o, an image of ones: a corner sees 4 pixels of 2 channels, the middle 9.
template <class Isa>
constexpr std::array<float, 36> run_real(float w) {
    std::array<std::int8_t, static_cast<std::size_t>(real_layer::packed_bytes)> packed{};
    std::array<float, 72> weights{};
    std::array<float, 36> residual{}, output{};
    std::array<float, 18> image{};
    weights.fill(w);
    image.fill(1);
    for (std::size_t i = 0; i < 36; ++i) residual[i] = i % 4 == 3 ? 100.0f : 0.5f;
    const float bias[] = {0, 10, -100, 0};
    real_layer::pack(packed.data(), weights.data(), bias);
    real_layer::run<Isa>(packed.data(), image.data(), output.data(), residual.data());
    return output;
}

TEST_CASE("a convolution in fp32 ends in a clamp, a residual and a clamp", "[layers]") {
    constexpr auto here = run_real<tc::isa::scalar>(0.25f);
    STATIC_REQUIRE(here[0] == 2.5f);      // 8 / 4 + 0.5
    STATIC_REQUIRE(here[4 * 4] == 5.0f);  // 18 / 4 + 0.5
    STATIC_REQUIRE(here[1] == 6.0f);      // clamped after the residual
    STATIC_REQUIRE(here[2] == 0.5f);      // clamped before it
    STATIC_REQUIRE(here[3] == 6.0f);
    CHECK(run_real<tc::native>(0.25f) == here);
}

template <class Isa>
constexpr std::array<std::int8_t, 36> run_int8() {
    std::array<std::int8_t, static_cast<std::size_t>(int8_layer::packed_bytes)> packed{};
    std::array<std::int8_t, 72> weights{};
    std::array<std::int8_t, 18> image{};
    std::array<std::int8_t, 36> output{};
    weights.fill(3);
    image.fill(7);
    const std::int32_t bias[] = {0, 1, 1000, -1000};
    const tc::fixed_multiplier half{1 << 30, 0}, factors[] = {half, half, half, half};
    int8_layer::pack(packed.data(), {weights.data(), bias, factors, 5, -1, -20, 100});
    int8_layer::run<Isa>(packed.data(), image.data(), output.data());
    return output;
}

TEST_CASE("a convolution in int8 pads with its zero point", "[layers]") {
    constexpr auto here = run_int8<tc::isa::scalar>();
    STATIC_REQUIRE(here[0] == 23);          // 4 pixels of 2 channels: 8 * 3 * (7 - 5) / 2 - 1
    STATIC_REQUIRE(here[4 * 4 + 1] == 54);  // 9 pixels: (108 + 1) / 2, half up, - 1
    STATIC_REQUIRE(here[2] == 100);
    STATIC_REQUIRE(here[3] == -20);
    CHECK(run_int8<tc::native>() == here);
}

}  // namespace conv2d_layer_test
}  // namespace
