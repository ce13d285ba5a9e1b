// SPDX-License-Identifier: MIT
#pragma once

#include <limits>

namespace tensor_compress {

/// Activations that are clamps and so cost nothing as the end of another layer.
enum class clamp_kind : unsigned char { none, relu, relu6 };

constexpr float clamp_low(clamp_kind c) {
    return c == clamp_kind::none ? -std::numeric_limits<float>::infinity() : 0.0f;
}
constexpr float clamp_high(clamp_kind c) {
    return c == clamp_kind::relu6 ? 6.0f : std::numeric_limits<float>::infinity();
}

/// The activation of one value; what is not a number becomes 0 under relu and relu6.
constexpr float clamp_float(float v, clamp_kind kind) noexcept {
    if (kind != clamp_kind::none && !(v > 0.0f)) return 0.0f;
    return kind == clamp_kind::relu6 && v > 6.0f ? 6.0f : v;
}

}  // namespace tensor_compress
