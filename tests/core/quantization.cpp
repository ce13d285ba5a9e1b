// SPDX-License-Identifier: MIT
#include <compress/core/quantization.hpp>

#include <cmath>
#include <limits>

#include "../catch.hpp"

namespace tc = tensor_compress;

constexpr float infinity = std::numeric_limits<float>::infinity(),
                not_a_number = std::numeric_limits<float>::quiet_NaN();

static_assert(tc::round_to_int(0.0f) == 0 && tc::round_to_int(0.49f) == 0 && tc::round_to_int(-0.49f) == 0);
static_assert(tc::round_to_int(0.5f) == 1 && tc::round_to_int(-0.5f) == -1);
static_assert(tc::round_to_int(2.5f) == 3 && tc::round_to_int(-2.5f) == -3 && tc::round_to_int(3.5f) == 4);
static_assert(tc::round_to_int(0.49999997f) == 0);       // the float below 0.5, where floor(x + 0.5) is wrong
static_assert(tc::round_to_int(8388609.0f) == 8388609);  // 2^23 + 1, where x + 0.5 is not a float
static_assert(tc::round_to_int(infinity) == 2147483520 && tc::round_to_int(-infinity) == -2147483520);
static_assert(tc::round_to_int(3e9f) == 2147483520 && tc::round_to_int(-3e9f) == -2147483520);

constexpr tc::affine half{0.5f, 10};
static_assert(tc::quantize(0.0f, half) == 10 && tc::quantize(1.0f, half) == 12 && tc::quantize(-1.0f, half) == 8);
static_assert(tc::quantize(0.25f, half) == 11 && tc::quantize(-0.25f, half) == 9);  // ties away from zero
static_assert(tc::quantize(0.24f, half) == 10 && tc::quantize(-0.24f, half) == 10);
static_assert(tc::quantize(58.5f, half) == 127 && tc::quantize(59.0f, half) == 127 && tc::quantize(1e30f, half) == 127);
static_assert(tc::quantize(-69.0f, half) == -128 && tc::quantize(-69.5f, half) == -128 &&
              tc::quantize(-1e30f, half) == -128);
static_assert(tc::quantize(infinity, half) == 127 && tc::quantize(-infinity, half) == -128);
static_assert(tc::quantize(not_a_number, half) == 10);
static_assert(tc::quantize(1e9f, {1e-25f, -128}) == 127 && tc::quantize(-1e9f, {1e-25f, 127}) == -128);

static_assert(tc::dequantize(10, half) == 0.0f && tc::dequantize(127, half) == 58.5f &&
              tc::dequantize(-128, half) == -69.0f);

// Zero is always in the range, and exact.
static_assert(tc::affine_for_range(0, 255) == tc::affine{1.0f, -128});
static_assert(tc::affine_for_range(-128, 127) == tc::affine{1.0f, 0});
static_assert(tc::affine_for_range(-255, 0) == tc::affine{1.0f, 127});
static_assert(tc::affine_for_range(100, 255) == tc::affine{1.0f, -128});  // widened down to 0
static_assert(tc::affine_for_range(-255, -1) == tc::affine{1.0f, 127});
static_assert(tc::affine_for_range(-1, 254) == tc::affine{1.0f, -127});
static_assert(tc::affine_for_range(-63.5f, 64) == tc::affine{0.5f, -1});
static_assert(tc::affine_for_range(-127, 127) == tc::affine{1.0f, 0});  // one step more below
static_assert(tc::affine_for_range(-1, 1).zero_point == 0 && tc::affine_for_range(-3e-7f, 3e-7f).zero_point == 0);
static_assert(tc::quantize(1.0f, tc::affine_for_range(-1, 1)) == 127 &&
              tc::quantize(-1.0f, tc::affine_for_range(-1, 1)) == -127);
static_assert(tc::affine_for_range(0, 0) == tc::affine{1.0f, 0} && tc::affine_for_range(3, -3) == tc::affine{1.0f, 0});
static_assert(tc::affine_for_range(0, not_a_number) == tc::affine{1.0f, 0});
static_assert(tc::affine_for_range(0, 1e-38f) == tc::affine{1.0f, 0});  // too small for a scale that is a normal float

TEST_CASE("every step survives a round trip", "[core]") {
    for (const tc::affine a :
         {tc::affine{0.1f, -128}, tc::affine{3.7f, 0}, tc::affine{1e-4f, 127}, tc::affine{1.0f / 256, -128}})
        for (int q = -128; q < 128; ++q) {
            const auto step = static_cast<std::int8_t>(q);
            CHECK(tc::quantize(tc::dequantize(step, a), a) == step);
        }
}

TEST_CASE("values of the range are within half a step, at its ends within one", "[core]") {
    for (const float low : {-5.0f, -0.1f, 0.0f})
        for (const float high : {0.0f, 0.3f, 77.0f}) {
            if (low == high) continue;
            const tc::affine a = tc::affine_for_range(low, high);
            CHECK(a.zero_point >= -128);
            CHECK(a.zero_point <= 127);
            CHECK(tc::quantize(0.0f, a) == a.zero_point);
            for (int i = 0; i <= 100; ++i) {
                const float v = low + (high - low) * static_cast<float>(i) / 100;
                const float limit = i < 2 || i > 98 ? 1.001f : 0.501f;
                CHECK(std::abs(tc::dequantize(tc::quantize(v, a), a) - v) <= limit * a.scale);
            }
        }
}

TEST_CASE("a range that ends at infinity ends at a float", "[core]") {
    constexpr float endless = std::numeric_limits<float>::infinity(), most = std::numeric_limits<float>::max();
    for (const float low : {-endless, -most, -1.0f, 0.0f})
        for (const float high : {1.0f, most, endless}) {
            const tc::affine a = tc::affine_for_range(low, high);
            CHECK(a.scale > 0);
            CHECK(a.scale < 3e36f);
            CHECK(tc::quantize(0.0f, a) == a.zero_point);
            CHECK(tc::quantize(endless, a) == 127);
            CHECK(tc::quantize(-endless, a) == -128);
        }
}

TEST_CASE("rounding agrees with the standard library", "[core]") {
    for (float v = -1000; v <= 1000; v += 0.0625f)
        CHECK(tc::round_to_int(v) == static_cast<std::int32_t>(std::lround(v)));
}
