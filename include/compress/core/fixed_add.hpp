// SPDX-License-Identifier: MIT
#pragma once

#include <compress/core/fixed_point.hpp>

namespace tensor_compress {

/// Both operands of an int8 add are moved up by 20 bits before they are scaled to a common unit, as in TensorFlow Lite.
inline constexpr int add_left_shift = 20;

/// a + b of quantised values:
/// q = clamp(requantize(requantize((a - za) << 20, ma) + requantize((b - zb) << 20, mb), m) + z, low, high)
struct add_scaling {
    std::int32_t first_zero_point = 0, second_zero_point = 0, zero_point = 0;
    fixed_multiplier first{}, second{}, sum{};
    std::int32_t low = -128, high = 127;

    constexpr std::int32_t operator()(std::int32_t a, std::int32_t b) const noexcept {
        const std::int32_t x = requantize((a - first_zero_point) * (1 << add_left_shift), first);
        const std::int32_t y = requantize((b - second_zero_point) * (1 << add_left_shift), second);
        return clamp32(requantize(x + y, sum) + zero_point, low, high);
    }
};

}  // namespace tensor_compress
