// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace tensor_compress {

/// real = scale * (q - zero_point). Units: `scale` is real units per step, `zero_point` is in steps.
struct affine {
    float scale = 1.0f;
    std::int32_t zero_point = 0;
    friend constexpr bool operator==(const affine&, const affine&) = default;
};

/// Nearest integer, ties away from zero, without <cmath>: usable in constant expressions.
constexpr std::int32_t round_to_int(float value) noexcept {
    if (value >= 2147483520.0f) return 2147483520;
    if (value <= -2147483520.0f) return -2147483520;
    const auto truncated = static_cast<std::int32_t>(value);
    const float rest = value - static_cast<float>(truncated);
    return truncated + (rest >= 0.5f ? 1 : 0) - (rest <= -0.5f ? 1 : 0);
}

/// clamp(round(real / scale) + zero_point, -128, 127). Not a number gives the zero point.
constexpr std::int8_t quantize(float real, affine a) noexcept {
    if (real != real) return static_cast<std::int8_t>(a.zero_point);
    const std::int32_t q = round_to_int(real / a.scale);
    if (q > 127 - a.zero_point) return 127;
    if (q < -128 - a.zero_point) return -128;
    return static_cast<std::int8_t>(q + a.zero_point);
}

constexpr float dequantize(std::int8_t q, affine a) noexcept { return a.scale * static_cast<float>(q - a.zero_point); }

/// The affine parameters whose 256 steps cover [low, high]; the range is widened to contain 0, which becomes exact. A
/// range from -high to high has zero point 0, with one step more below it; one that ends at infinity ends at 3.37e38,
/// whose widened negative is still a float. Source: Jacob et al. 2018, "Quantization and
/// Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference".
constexpr affine affine_for_range(float low, float high) noexcept {
    low = low > 0 ? 0 : low;
    high = high < 0 ? 0 : high;
    constexpr float most = 3.37e38f;
    low = low < -most ? -most : low;
    high = high > most ? most : high;
    if (!(high > low)) return {1.0f, 0};
    if (low == -high) low *= 128.0f / 127;  // otherwise the zero point lies between -1 and 0
    const double scale = (static_cast<double>(high) - static_cast<double>(low)) / 255.0;
    const double zero = -128.0 - static_cast<double>(low) / scale;
    const std::int32_t nearest = round_to_int(static_cast<float>(zero));
    const auto narrow = static_cast<float>(scale);
    if (!(narrow > 1e-30f)) return {1.0f, 0};
    return {narrow, nearest < -128 ? -128 : nearest > 127 ? 127 : nearest};
}

/// Values that are quantised at run time lie before their own parameters: `count` bytes, then scale and zero point.
constexpr int ranged_affine_at(int count) { return (count + 3) / 4 * 4; }
constexpr int ranged_bytes(int count) { return ranged_affine_at(count) + 8; }
static_assert(sizeof(affine) == 8);

}  // namespace tensor_compress
