// SPDX-License-Identifier: MIT
#pragma once

#include <bit>
#include <cstdint>

namespace tensor_compress {

/// IEEE 754 binary16 of the nearest value, ties to even; what is too large becomes infinite. Kept as its 16 bits,
/// because not every compiler has a type for it.
constexpr std::uint16_t to_half(float value) noexcept {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    const std::uint32_t sign = bits >> 16 & 0x8000u, size = bits & 0x7fffffffu;
    if (size > 0x7f800000u) return static_cast<std::uint16_t>(sign | 0x7e00u);   // not a number
    if (size >= 0x47800000u) return static_cast<std::uint16_t>(sign | 0x7c00u);  // 2^16 and more
    std::uint32_t kept = 0, lost = 0, half = 0;
    if (size >= 0x38800000u) {  // 2^-14, the smallest normal one
        kept = (size - 0x38000000u) >> 13;
        lost = size & 0x1fffu;
        half = 0x1000u;
    } else {
        const int shift = 126 - static_cast<int>(size >> 23);  // to units of 2^-24
        if (shift > 24) return static_cast<std::uint16_t>(sign);
        const std::uint32_t mantissa = (size & 0x7fffffu) | 0x800000u;
        kept = mantissa >> shift;
        lost = mantissa & ((1u << shift) - 1);
        half = 1u << (shift - 1);
    }
    const bool up = lost > half || (lost == half && (kept & 1) != 0);
    return static_cast<std::uint16_t>(sign | (kept + (up ? 1 : 0)));
}
constexpr float from_half(std::uint16_t half) noexcept {
    const std::uint32_t sign = (half & 0x8000u) << 16, size = half & 0x7fffu;
    if (size >= 0x7c00u) return std::bit_cast<float>(sign | 0x7f800000u | (size & 0x3ffu) << 13);
    // Exact for subnormal ones too: the exponent is moved by a multiplication.
    constexpr float moved = std::bit_cast<float>(0x77800000u);  // 2^112
    return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(std::bit_cast<float>(size << 13) * moved));
}

/// The upper 16 bits of a float, of the nearest value, ties to even.
constexpr std::uint16_t to_bfloat(float value) noexcept {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<std::uint16_t>(bits >> 16 | 0x40u);
    return static_cast<std::uint16_t>((bits + 0x7fffu + (bits >> 16 & 1)) >> 16);
}
constexpr float from_bfloat(std::uint16_t bfloat) noexcept {
    return std::bit_cast<float>(static_cast<std::uint32_t>(bfloat) << 16);
}

}  // namespace tensor_compress
