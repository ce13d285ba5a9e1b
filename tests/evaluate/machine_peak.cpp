// SPDX-License-Identifier: MIT
#include <compress/evaluate/machine_peak.hpp>

#include "../catch.hpp"

namespace tc = tensor_compress;

TEST_CASE("the peak is one of whole vectors", "[evaluate]") {
    const auto peak = tc::measure_peak<tc::native>();
    const auto plain = tc::measure_peak<tc::isa::scalar>();
    CHECK_FALSE(plain.fp32);
    CHECK_FALSE(plain.of(tc::element::signed8));
    if constexpr (tc::simd::has_vectors<tc::native>) {
        // No machine makes less than one vector each four cycles of 500 MHz, nor more than four a cycle of 8 GHz.
        constexpr double lanes = tc::simd::vector_unit<tc::native>::lanes;
        CHECK(*peak.fp32 > lanes * 125);
        CHECK(*peak.fp32 < lanes * 32000);
        CHECK(peak.of(tc::element::float32) == peak.fp32);
        CHECK(*peak.int8 > lanes * 125);
        CHECK(*peak.int8 < 4 * lanes * 32000);
    }
}
