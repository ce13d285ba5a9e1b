// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <limits>

namespace tensor_compress {

/// A positive real factor as multiplier * 2^(shift - 31), multiplier in [2^30, 2^31) or 0.
struct fixed_multiplier {
    std::int32_t multiplier = 0;
    int shift = 0;
    friend constexpr bool operator==(const fixed_multiplier&, const fixed_multiplier&) = default;
};

/// (a * b + 2^30) >> 31: the high half of the doubled product, rounded half up. Only -2^31 * -2^31 saturates.
/// Source: gemmlowp SaturatingRoundingDoublingHighMul, as used by TensorFlow Lite.
constexpr std::int32_t high_mul(std::int32_t a, std::int32_t b) noexcept {
    constexpr auto lowest = std::numeric_limits<std::int32_t>::min();
    if (a == lowest && b == lowest) return std::numeric_limits<std::int32_t>::max();
    return static_cast<std::int32_t>((static_cast<std::int64_t>(a) * b + (std::int64_t{1} << 30)) >> 31);
}

/// value / 2^exponent to nearest, ties away from zero; exponent in [0, 31].
constexpr std::int32_t rounding_shift(std::int32_t value, int exponent) noexcept {
    const std::int32_t mask = static_cast<std::int32_t>((std::int64_t{1} << exponent) - 1);
    const std::int32_t threshold = (mask >> 1) + (value < 0 ? 1 : 0);
    return (value >> exponent) + ((value & mask) > threshold ? 1 : 0);
}

/// value * 2^exponent, saturated to 32 bits; exponent in [0, 31].
constexpr std::int32_t saturating_shift_left(std::int32_t value, int exponent) noexcept {
    const std::int64_t wide = static_cast<std::int64_t>(value) << exponent;
    if (wide > std::numeric_limits<std::int32_t>::max()) return std::numeric_limits<std::int32_t>::max();
    if (wide < std::numeric_limits<std::int32_t>::min()) return std::numeric_limits<std::int32_t>::min();
    return static_cast<std::int32_t>(wide);
}

/// accumulator * factor with TensorFlow Lite's double rounding: once in the high product, once in the right shift.
/// Every instruction set gives these bits.
/// @pre  accumulator * 2^shift fits 32 bits where shift > 0
constexpr std::int32_t requantize(std::int32_t accumulator, fixed_multiplier factor) noexcept {
    const int left = factor.shift > 0 ? factor.shift : 0;
    const int right = factor.shift > 0 ? 0 : -factor.shift;
    const auto shifted = static_cast<std::int32_t>(static_cast<std::uint32_t>(accumulator) << left);
    return rounding_shift(high_mul(shifted, factor.multiplier), right);
}

/// The nearest fixed multiplier of a real factor >= 0: mantissa in Q31, rounded half away from zero.
/// Factors below 2^-32 become 0, as in TensorFlow Lite's QuantizeMultiplier.
constexpr fixed_multiplier to_fixed_multiplier(double factor) noexcept {
    if (!(factor > 0)) return {};
    int shift = 0;
    while (factor >= 1.0) factor /= 2, ++shift;
    while (factor < 0.5) factor *= 2, --shift;
    auto mantissa = static_cast<std::int64_t>(factor * 2147483648.0 + 0.5);
    if (mantissa == std::int64_t{1} << 31) mantissa /= 2, ++shift;
    if (shift < -31) return {};
    return {static_cast<std::int32_t>(mantissa), shift};
}

constexpr std::int32_t clamp32(std::int32_t value, std::int32_t low, std::int32_t high) noexcept {
    return value < low ? low : value > high ? high : value;
}

}  // namespace tensor_compress
