// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include <compress/core/quantization.hpp>
#include <compress/kernels/layer_norm.hpp>

namespace tensor_compress {

/// Integers of an int8 layer norm.
struct quantized_norm {
    std::vector<std::int8_t> gamma;
    std::vector<std::int32_t> beta;  ///< in steps of gamma's scale / 2^11
    norm_scaling scaling;
};

/// Rounds gamma to int8 with one scale, by its largest size; a beta beyond 2^27 of its steps widens that scale.
inline quantized_norm quantize_norm(const float* gamma, const float* beta, int channels, float epsilon, affine input,
                                    affine output) {
    double widest = 0, highest = 0;
    for (int c = 0; c < channels; ++c) {
        widest = std::max(widest, static_cast<double>(std::abs(gamma[c])));
        highest = std::max(highest, static_cast<double>(std::abs(beta[c])));
    }
    constexpr double steps = 1 << norm_bits, most = 1 << 27;
    const double scale = std::max({widest / 127, highest * steps / most, 1e-20});
    quantized_norm q;
    for (int c = 0; c < channels; ++c) {
        q.gamma.push_back(static_cast<std::int8_t>(std::nearbyint(static_cast<double>(gamma[c]) / scale)));
        q.beta.push_back(static_cast<std::int32_t>(std::nearbyint(static_cast<double>(beta[c]) / scale * steps)));
    }
    const double count = channels / static_cast<double>(input.scale);
    q.scaling.epsilon = std::llround(std::min(static_cast<double>(epsilon) * count * count, 0x1p60));
    q.scaling.factor = to_fixed_multiplier(scale / steps / static_cast<double>(output.scale));
    q.scaling.zero_point = output.zero_point;
    return q;
}

}  // namespace tensor_compress
