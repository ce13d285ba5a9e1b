// SPDX-License-Identifier: MIT
#include <compress/layers/depthwise_conv2d.hpp>

#include <array>

#include "../catch.hpp"

namespace {
namespace depthwise_layer_test {

namespace tc = tensor_compress;

constexpr tc::conv_geometry geometry{1, 3, 2, 1, 3, 2, 1, 3, 1, 1, 1, 1, 0, 1, 2};
using real_layer = tc::layers::depthwise_conv2d<geometry, tc::tag::fp32, tc::tag::dense, tc::clamp_kind::relu6>;
using int8_layer = tc::layers::depthwise_conv2d<geometry, tc::tag::int8>;

template <class Isa>
constexpr std::array<float, 6> run_real() {
    std::array<std::int8_t, static_cast<std::size_t>(real_layer::packed_bytes)> packed{};
    const float weights[] = {1, 2, 3, -1, -2, -3}, bias[] = {0.5f, 2}, image[] = {1, 1, 1, 0, 1, 0};
    std::array<float, 6> output{};
    real_layer::pack(packed.data(), weights, bias);
    real_layer::run<Isa>(packed.data(), image, output.data());
    return output;
}

template <class Isa>
constexpr std::array<std::int8_t, 6> run_int8() {
    std::array<std::int8_t, static_cast<std::size_t>(int8_layer::packed_bytes)> packed{};
    const std::int8_t weights[] = {1, 2, 3, -1, -2, -3}, image[] = {-7, -7, -7, -8, -7, -8};
    const tc::fixed_multiplier factors[] = {{1 << 30, 1}, {1 << 30, 2}};
    std::array<std::int8_t, 6> output{};
    int8_layer::pack(packed.data(), {weights, nullptr, factors, -8, 1});
    int8_layer::run<Isa>(packed.data(), image, output.data());
    return output;
}

TEST_CASE("a depthwise convolution keeps channels apart", "[layers]") {
    STATIC_REQUIRE(tc::layer<real_layer>);
    STATIC_REQUIRE(real_layer::multiply_adds == 18);
    STATIC_REQUIRE(int8_layer::multiply_adds == 18);
    constexpr auto real = run_real<tc::isa::scalar>();
    STATIC_REQUIRE(real == std::array<float, 6>{5.5f, 0, 6, 1, 3.5f, 2});
    CHECK(run_real<tc::native>() == real);
    constexpr auto bytes = run_int8<tc::isa::scalar>();
    STATIC_REQUIRE(bytes == std::array<std::int8_t, 6>{6, -3, 7, -1, 4, 1});
    CHECK(run_int8<tc::native>() == bytes);
}

}  // namespace depthwise_layer_test
}  // namespace
