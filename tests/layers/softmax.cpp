// SPDX-License-Identifier: MIT
#include <compress/layers/softmax.hpp>

#include "../catch.hpp"

namespace {
namespace softmax_layer_test {

namespace tc = tensor_compress;

TEST_CASE("softmax", "[layers]") {
    using real = tc::layers::softmax<2, 2, tc::tag::fp32>;
    STATIC_REQUIRE(real::packed_bytes == 0);
    STATIC_REQUIRE(tc::layer<real>);
    const float input[] = {3, 3, 1000, -1000};
    float output[4];
    real::run(nullptr, input, output);
    CHECK((output[0] == 0.5f && output[1] == 0.5f && output[2] == 1.0f && output[3] == 0.0f));
}

TEST_CASE("softmax in int8 has steps of 1 / 256", "[layers]") {
    using bytes = tc::layers::softmax<2, 2, tc::tag::int8>;
    constexpr auto scaling = tc::softmax_scaling_for(0.25f);
    std::int8_t packed[bytes::packed_bytes];
    bytes::pack(packed, scaling);
    const std::int8_t input[] = {3, 3, 127, -128};
    std::int8_t output[4];
    bytes::run(packed, input, output);
    CHECK((output[0] == 0 && output[1] == 0 && output[2] == 127 && output[3] == -128));
}

}  // namespace softmax_layer_test
}  // namespace
