// SPDX-License-Identifier: MIT
#include <compress/core/half.hpp>

#include <cmath>
#include <limits>

#include "../catch.hpp"

namespace tc = tensor_compress;

namespace {
constexpr float infinity = std::numeric_limits<float>::infinity();
static_assert(tc::from_half(0x3c00) == 1 && tc::from_half(0xc000) == -2 && tc::from_half(0x7bff) == 65504);
static_assert(tc::from_half(0x0001) == 0x1p-24f && tc::from_half(0x0400) == 0x1p-14f);
static_assert(tc::to_half(65519.996f) == 0x7bff && tc::to_half(65520) == 0x7c00 && tc::to_half(-infinity) == 0xfc00);
static_assert(tc::to_half(0x1p-25f) == 0 && tc::to_half(0x1.000002p-25f) == 1 && tc::to_half(-0x1p-30f) == 0x8000);
static_assert(tc::to_bfloat(1) == 0x3f80 && tc::from_bfloat(0xc000) == -2);
static_assert(tc::to_bfloat(1 + 0x1p-8f) == 0x3f80 && tc::to_bfloat(1 + 0x3p-8f) == 0x3f82);
static_assert(tc::to_bfloat(-infinity) == 0xff80 && tc::to_bfloat(std::numeric_limits<float>::max()) == 0x7f80);
}  // namespace

TEST_CASE("every binary16 comes back, and what lies between two goes to the nearest, ties to even", "[core]") {
    int wrong = 0;
    for (std::uint32_t h = 0; h <= 0x7c00; ++h) {
        const auto half = static_cast<std::uint16_t>(h);
        const float value = tc::from_half(half);
        if (tc::to_half(value) != half || tc::to_half(-value) != (half | 0x8000u)) ++wrong;
        if (h >= 0x7bff) continue;
        const float next = tc::from_half(static_cast<std::uint16_t>(h + 1)), middle = value + (next - value) / 2;
        const auto even = static_cast<std::uint16_t>(h % 2 == 0 ? h : h + 1);
        if (tc::to_half(middle) != even) ++wrong;
        if (tc::to_half(std::nextafter(middle, 0.0f)) != half) ++wrong;
        if (tc::to_half(std::nextafter(middle, infinity)) != h + 1) ++wrong;
    }
    CHECK(wrong == 0);
    CHECK(std::isnan(tc::from_half(tc::to_half(std::numeric_limits<float>::quiet_NaN()))));
}

TEST_CASE("every bfloat comes back, and what lies between two goes to the nearest, ties to even", "[core]") {
    int wrong = 0;
    for (std::uint32_t b = 0; b < 0x7f80; ++b) {
        const auto bfloat = static_cast<std::uint16_t>(b);
        if (tc::to_bfloat(tc::from_bfloat(bfloat)) != bfloat) ++wrong;
        const float middle = std::bit_cast<float>(b << 16 | 0x8000u);
        if (tc::to_bfloat(middle) != (b % 2 == 0 ? b : b + 1)) ++wrong;
        if (tc::to_bfloat(std::bit_cast<float>(b << 16 | 0x7fffu)) != b) ++wrong;
        if (tc::to_bfloat(-std::bit_cast<float>(b << 16 | 0x8001u)) != (0x8000u | (b + 1))) ++wrong;
    }
    CHECK(wrong == 0);
    CHECK(std::isnan(tc::from_bfloat(tc::to_bfloat(std::numeric_limits<float>::quiet_NaN()))));
}
