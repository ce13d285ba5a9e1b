// SPDX-License-Identifier: MIT
#include <compress/core/fixed_point.hpp>

#include <cmath>
#include <random>

#include "../catch.hpp"

namespace tc = tensor_compress;

constexpr std::int32_t lowest = std::numeric_limits<std::int32_t>::min(),
                       highest = std::numeric_limits<std::int32_t>::max();
constexpr std::int32_t half = 1 << 30;  // 0.5 in Q0.31

// high_mul: (a * b + 2^30) >> 31, so ties go up.
static_assert(tc::high_mul(0, highest) == 0);
static_assert(tc::high_mul(1, half) == 1);    // 0.5
static_assert(tc::high_mul(-1, half) == 0);   // -0.5
static_assert(tc::high_mul(3, half) == 2);    // 1.5
static_assert(tc::high_mul(-3, half) == -1);  // -1.5
static_assert(tc::high_mul(5, half) == 3);    // 2.5
static_assert(tc::high_mul(100, half) == 50 && tc::high_mul(-100, half) == -50);
static_assert(tc::high_mul(1000, 1288490189) == 600);  // 0.6 * 2^31
static_assert(tc::high_mul(highest, highest) == highest - 1);
static_assert(tc::high_mul(lowest, highest) == -highest);
static_assert(tc::high_mul(lowest, half) == -half);
static_assert(tc::high_mul(lowest, lowest) == highest);  // the only one that does not fit

// rounding_shift: to nearest, ties away from zero.
static_assert(tc::rounding_shift(12345, 0) == 12345 && tc::rounding_shift(-12345, 0) == -12345);
static_assert(tc::rounding_shift(1, 1) == 1 && tc::rounding_shift(-1, 1) == -1);  // 0.5
static_assert(tc::rounding_shift(3, 1) == 2 && tc::rounding_shift(-3, 1) == -2);  // 1.5
static_assert(tc::rounding_shift(5, 2) == 1 && tc::rounding_shift(-5, 2) == -1);  // 1.25
static_assert(tc::rounding_shift(6, 2) == 2 && tc::rounding_shift(-6, 2) == -2);  // 1.5
static_assert(tc::rounding_shift(7, 2) == 2 && tc::rounding_shift(-7, 2) == -2);  // 1.75
static_assert(tc::rounding_shift(2, 2) == 1 && tc::rounding_shift(-2, 2) == -1);  // 0.5
static_assert(tc::rounding_shift(1, 2) == 0 && tc::rounding_shift(-1, 2) == 0);   // 0.25
static_assert(tc::rounding_shift(highest, 30) == 2 && tc::rounding_shift(lowest, 30) == -2);
static_assert(tc::rounding_shift(highest, 31) == 1 && tc::rounding_shift(lowest, 31) == -1);
static_assert(tc::rounding_shift(half, 31) == 1 && tc::rounding_shift(half - 1, 31) == 0);
static_assert(tc::rounding_shift(-half, 31) == -1 && tc::rounding_shift(1 - half, 31) == 0);

static_assert(tc::saturating_shift_left(3, 4) == 48 && tc::saturating_shift_left(-3, 4) == -48);
static_assert(tc::saturating_shift_left(half, 1) == highest && tc::saturating_shift_left(half - 1, 1) == highest - 1);
static_assert(tc::saturating_shift_left(-half, 1) == lowest && tc::saturating_shift_left(-half - 1, 1) == lowest);
static_assert(tc::saturating_shift_left(1, 31) == highest && tc::saturating_shift_left(-1, 31) == lowest);
static_assert(tc::saturating_shift_left(highest, 31) == highest && tc::saturating_shift_left(lowest, 31) == lowest);

// requantize rounds twice: 3 * 0.5 = 1.5 -> 2, then 2 / 4 = 0.5 -> 1, though 3 / 8 is nearer to 0.
static_assert(tc::requantize(3, {half, -2}) == 1);
static_assert(tc::requantize(-3, {half, -2}) == 0);   // -1.5 -> -1, then -0.25 -> 0
static_assert(tc::requantize(-5, {half, -2}) == -1);  // -2.5 -> -2, then -0.5 -> -1
static_assert(tc::requantize(1000, {half, 0}) == 500);
static_assert(tc::requantize(1000, {half, 1}) == 1000);
static_assert(tc::requantize(1000, {half, 3}) == 4000 && tc::requantize(-1000, {half, 3}) == -4000);
static_assert(tc::requantize(1000, {half, -3}) == 63);  // 62.5
static_assert(tc::requantize(-1000, {half, -3}) == -63);
static_assert(tc::requantize(highest, {highest, 0}) == highest - 1);
static_assert(tc::requantize(highest, {0, 0}) == 0);
static_assert(tc::requantize(lowest, {half, -31}) == -1 && tc::requantize(half, {half, -31}) == 0);

// to_fixed_multiplier: multiplier in [2^30, 2^31), value multiplier * 2^(shift - 31).
static_assert(tc::to_fixed_multiplier(1.0) == tc::fixed_multiplier{half, 1});
static_assert(tc::to_fixed_multiplier(0.5) == tc::fixed_multiplier{half, 0});
static_assert(tc::to_fixed_multiplier(0.25) == tc::fixed_multiplier{half, -1});
static_assert(tc::to_fixed_multiplier(0.75) == tc::fixed_multiplier{3 << 29, 0});
static_assert(tc::to_fixed_multiplier(3.0) == tc::fixed_multiplier{3 << 29, 2});
static_assert(tc::to_fixed_multiplier(0.6) == tc::fixed_multiplier{1288490189, 0});   // 1288490188.8
static_assert(tc::to_fixed_multiplier(0.1) == tc::fixed_multiplier{1717986918, -3});  // 0.8 * 2^31 = 1717986918.4
static_assert(tc::to_fixed_multiplier(1.0 - 1.0 / (1LL << 33)) == tc::fixed_multiplier{half, 1});  // rounds up to 2^31
static_assert(tc::to_fixed_multiplier(0.0) == tc::fixed_multiplier{});
static_assert(tc::to_fixed_multiplier(-1.0) == tc::fixed_multiplier{});
static_assert(tc::to_fixed_multiplier(1.0 / (1LL << 32)) == tc::fixed_multiplier{half, -31});
static_assert(tc::to_fixed_multiplier(0.99 / (1LL << 32)) == tc::fixed_multiplier{});  // 2^-33 is the next power below
static_assert(tc::to_fixed_multiplier(1.5 / (1LL << 33)) == tc::fixed_multiplier{});
static_assert(tc::to_fixed_multiplier(1073741824.0) == tc::fixed_multiplier{half, 31});  // 2^30

static_assert(tc::clamp32(5, -1, 3) == 3 && tc::clamp32(-5, -1, 3) == -1 && tc::clamp32(2, -1, 3) == 2);

TEST_CASE("requantised sums are within one of the real product", "[core]") {
    std::mt19937 random(1);
    std::uniform_int_distribution<std::int32_t> sums(-(1 << 24), 1 << 24);
    std::uniform_real_distribution<double> exponents(-20, 3);
    for (int i = 0; i < 20000; ++i) {
        const std::int32_t sum = sums(random);
        const double factor = std::exp2(exponents(random));
        const double difference = tc::requantize(sum, tc::to_fixed_multiplier(factor)) - sum * factor;
        if (std::abs(difference) > 1.0) FAIL(sum << " * " << factor << " is off by " << difference);
    }
}

TEST_CASE("a fixed multiplier is as near as 31 bits allow", "[core]") {
    std::mt19937 random(2);
    std::uniform_real_distribution<double> exponents(-31, 30);
    for (int i = 0; i < 20000; ++i) {
        const double factor = std::exp2(exponents(random));
        const tc::fixed_multiplier m = tc::to_fixed_multiplier(factor);
        const bool normal = m.multiplier >= half;
        const double error = std::abs(std::ldexp(m.multiplier, m.shift - 31) / factor - 1);
        if (!normal || error > 1.0 / (1LL << 31)) FAIL(factor << " is off by a factor of " << error);
    }
}

TEST_CASE("both roundings agree with the definition on every short value", "[core]") {
    for (int exponent = 0; exponent <= 8; ++exponent)
        for (int value = -600; value <= 600; ++value) {
            const double exact = std::ldexp(value, -exponent);
            CHECK(tc::rounding_shift(value, exponent) ==
                  static_cast<std::int32_t>(std::round(exact)));  // away from zero
            CHECK(tc::high_mul(value, 1 << (31 - (exponent + 1))) ==
                  static_cast<std::int32_t>(std::floor(std::ldexp(value, -exponent - 1) + 0.5)));
        }
}
