// SPDX-License-Identifier: MIT
#include <compress/layers/elementwise.hpp>

#include "../catch.hpp"

namespace {
namespace elementwise_layer_test {

namespace tc = tensor_compress;
namespace layers = tc::layers;
using tc::function;

TEST_CASE("a function in int8 is a table", "[layers]") {
    using layer = layers::map<function::relu, 4, tc::tag::int8>;
    STATIC_REQUIRE(layer::packed_bytes == 256);
    STATIC_REQUIRE(tc::layer<layer>);
    std::int8_t packed[256], output[4];
    layer::pack(packed, 0, {0.5f, 10}, {0.25f, -128});
    const std::int8_t input[] = {10, 12, -128, 127};
    layer::run(packed, input, output);
    CHECK(output[0] == -128);
    CHECK(output[1] == -124);  // 1.0
    CHECK(output[2] == -128);
    CHECK(output[3] == 106);  // 58.5
}

TEST_CASE("only a leaky relu has a parameter", "[layers]") {
    using leaky = layers::map<function::leaky_relu, 2, tc::tag::fp32>;
    STATIC_REQUIRE(leaky::packed_bytes == 4);
    STATIC_REQUIRE(layers::map<function::tanh, 2, tc::tag::fp32>::packed_bytes == 0);
    std::int8_t packed[4];
    leaky::pack(packed, 0.125f);
    const float input[] = {-8, 8};
    float output[2];
    leaky::run(packed, input, output);
    CHECK(output[0] == -1);
    CHECK(output[1] == 8);
}

TEST_CASE("two operands of different period", "[layers]") {
    constexpr tc::pair_extent extent{4, 4, 2};
    const float a[] = {1, 2, 3, 4}, b[] = {10, -3};
    float output[4];
    layers::pair<layers::pair_operator::add, extent, tc::tag::fp32, tc::clamp_kind::relu>::run(nullptr, a, b, output);
    CHECK((output[0] == 11 && output[1] == 0 && output[2] == 13 && output[3] == 1));
    layers::pair<layers::pair_operator::mul, extent, tc::tag::fp32>::run(nullptr, a, b, output);
    CHECK((output[0] == 10 && output[1] == -6 && output[2] == 30 && output[3] == -12));

    using product = layers::pair<layers::pair_operator::mul, extent, tc::tag::int8>;
    std::int8_t packed[product::packed_bytes];
    product::pack(packed, {0, 0, 1, {}, {}, {1 << 30, 0}, -5, 127});  // half of the product, plus 1
    const std::int8_t first[] = {1, 2, 3, 4}, second[] = {10, -3};
    std::int8_t bytes[4];
    product::run(packed, first, second, bytes);
    CHECK((bytes[0] == 6 && bytes[1] == -2 && bytes[2] == 16 && bytes[3] == -5));
}

}  // namespace elementwise_layer_test
}  // namespace
