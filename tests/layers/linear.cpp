// SPDX-License-Identifier: MIT
#include <compress/layers/linear.hpp>

#include <array>

#include "../catch.hpp"

namespace {
namespace linear_layer_test {

namespace tc = tensor_compress;
using one_row = tc::layers::linear<3, 2, tc::tag::fp32>;
using two_rows = tc::layers::linear<3, 2, tc::tag::fp32, tc::tag::dense, 2>;

template <class Layer, class Isa>
constexpr std::array<float, 4> run() {
    std::array<std::int8_t, static_cast<std::size_t>(Layer::packed_bytes)> packed{};
    const float weights[] = {1, 2, 3, -1, 0, 1}, bias[] = {10, 20}, input[] = {1, 1, 2, 0, 0, 1};
    std::array<float, 4> output{};
    Layer::pack(packed.data(), weights, bias);
    Layer::template run<Isa>(packed.data(), input, output.data());
    return output;
}

TEST_CASE("a linear layer multiplies rows by a matrix", "[layers]") {
    STATIC_REQUIRE(one_row::multiply_adds == 6);
    STATIC_REQUIRE(two_rows::multiply_adds == 12);
    STATIC_REQUIRE(one_row::packed_bytes == two_rows::packed_bytes);
    constexpr std::array<float, 4> first{19, 21, 0, 0}, both{19, 21, 13, 21};
    STATIC_REQUIRE(run<one_row, tc::isa::scalar>() == first);
    STATIC_REQUIRE(run<two_rows, tc::isa::scalar>() == both);
    CHECK(run<one_row, tc::native>() == first);
    CHECK(run<two_rows, tc::native>() == both);
}

TEST_CASE("the most terms of an int8 layer", "[layers]") {
    // Half of the range of 32 bits is left for the bias.
    STATIC_REQUIRE(255LL * 128 * tc::max_int8_terms < 1LL << 30);
    STATIC_REQUIRE(255LL * 128 * (tc::max_int8_terms + 1) >= 1LL << 30);
}

}  // namespace linear_layer_test
}  // namespace
