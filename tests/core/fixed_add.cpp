// SPDX-License-Identifier: MIT
#include <compress/core/fixed_add.hpp>

#include <cmath>

#include "../catch.hpp"

namespace tc = tensor_compress;

namespace {

/// As a converter makes it from real scales.
constexpr tc::add_scaling scaling(double first, double second, double sum, int first_zero, int second_zero, int zero) {
    const double twice = 2 * (first > second ? first : second);
    return {first_zero,
            second_zero,
            zero,
            tc::to_fixed_multiplier(first / twice),
            tc::to_fixed_multiplier(second / twice),
            tc::to_fixed_multiplier(twice / ((1 << tc::add_left_shift) * sum))};
}

}  // namespace

// Equal scales: plain addition, saturated.
constexpr tc::add_scaling plain = scaling(0.5, 0.5, 0.5, 0, 0, 0);
static_assert(plain(3, 4) == 7 && plain(-3, -4) == -7 && plain(100, 100) == 127 && plain(-100, -100) == -128);

// 0.5 * (q1 - 10) + 0.25 * (q2 + 20), in steps of 1 from 5.
constexpr tc::add_scaling mixed = scaling(0.5, 0.25, 1.0, 10, -20, 5);
static_assert(mixed(10, -20) == 5);
static_assert(mixed(14, -20) == 7);  // 2.0
static_assert(mixed(10, -16) == 6);  // 1.0
static_assert(mixed(14, -16) == 8);
static_assert(mixed(11, -20) == 6);  // 0.5 goes away from zero
static_assert(mixed(9, -20) == 4);   // and so does -0.5

// Bounds of an activation.
constexpr tc::add_scaling clamped = [] {
    tc::add_scaling s = scaling(1, 1, 1, 0, 0, -3);
    s.low = -3;
    s.high = 3;
    return s;
}();
static_assert(clamped(-2, -2) == -3 && clamped(1, 1) == -1 && clamped(50, 1) == 3);

TEST_CASE("a fixed-point sum is within one step of the real one", "[core]") {
    constexpr double first = 0.031, second = 0.117, sum = 0.093;
    constexpr tc::add_scaling s = scaling(first, second, sum, -7, 13, 4);
    for (int a = -128; a < 128; ++a)
        for (int b = -128; b < 128; ++b) {
            const double real = (first * (a + 7) + second * (b - 13)) / sum + 4;
            const double expected = std::min(127.0, std::max(-128.0, real));
            if (std::abs(s(a, b) - expected) > 0.51)
                FAIL(a << " + " << b << " gives " << s(a, b) << " for " << expected);
        }
}
