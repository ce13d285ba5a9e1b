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

}  // namespace tensor_compress
