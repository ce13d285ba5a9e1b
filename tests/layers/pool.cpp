// SPDX-License-Identifier: MIT
#include <compress/layers/pool.hpp>

#include "../catch.hpp"

namespace {
namespace pool_layer_test {

namespace tc = tensor_compress;
namespace layers = tc::layers;

constexpr tc::conv_geometry corner{2, 2, 1, 1, 1, 1, 3, 3, 1, 1, 1, 1, 1, 1};

TEST_CASE("only an int8 mean that counts its padding has a parameter", "[layers]") {
    using counting = layers::avg_pool<corner, true, tc::tag::int8>;
    STATIC_REQUIRE(counting::packed_bytes == tc::affine_bytes);
    STATIC_REQUIRE(layers::avg_pool<corner, false, tc::tag::int8>::packed_bytes == 0);
    STATIC_REQUIRE(layers::avg_pool<corner, true, tc::tag::fp32>::packed_bytes == 0);
    STATIC_REQUIRE(layers::max_pool<corner>::packed_bytes == 0);
    STATIC_REQUIRE(tc::layer<counting>);

    const std::int8_t input[] = {10, 20, 30, 40};
    std::int8_t packed[tc::affine_bytes], output = 0;
    counting::pack(packed, {0.5f, -8});
    counting::run(packed, input, &output);
    CHECK(output == 7);  // (100 - 5 * 8) / 9
    layers::avg_pool<corner, false, tc::tag::int8>::run(nullptr, input, &output);
    CHECK(output == 25);
    layers::max_pool<corner>::run(nullptr, input, &output);
    CHECK(output == 40);
}

TEST_CASE("an fp32 mean counts its padding or not", "[layers]") {
    const float input[] = {9, 18, 27, 36};
    float output = 0;
    layers::avg_pool<corner, true, tc::tag::fp32>::run(nullptr, input, &output);
    CHECK(output == 10.0f);
    layers::avg_pool<corner, false, tc::tag::fp32>::run(nullptr, input, &output);
    CHECK(output == 22.5f);
}

}  // namespace pool_layer_test
}  // namespace
