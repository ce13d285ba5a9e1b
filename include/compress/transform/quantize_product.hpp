// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdint>

#include <compress/core/activation.hpp>
#include <compress/core/fixed_add.hpp>
#include <compress/core/quantization.hpp>
#include <compress/transform/effective_weights.hpp>
#include <compress/transform/rounded_layer.hpp>
#include <compress/transform/round_weights.hpp>

namespace tensor_compress {

/// Integers of one int8 layer, in natural order.
struct quantized_product {
    std::vector<std::int8_t> weights;       ///< [outputs, terms], zero point 0
    std::vector<float> scales;              ///< [outputs], real units per step of a weight
    std::vector<std::int32_t> bias;         ///< [outputs], in steps of input scale * weight scale
    std::vector<fixed_multiplier> factors;  ///< [outputs], input scale * weight scale / output scale
};

/// Rounds the weights of a layer to integers with one scale per output channel; int8 by largest |w| / 127. A bias too
/// large for that unit (more than 2^29 steps) widens the channel's scale. Source: Jacob et al. 2018, section 2.4.
///
/// @param  chosen  integers to take instead of rounding
/// @throws error naming the layer when an output scale is so much finer than the input's that a sum would not fit
inline quantized_product quantize_product(const effective_weights& e, affine input, affine output,
                                          const std::string& layer_name, const weight_format& format = {},
                                          const rounded_layer* chosen = nullptr) {
    quantized_product q;
    q.weights.resize(e.weights.size());
    for (std::size_t o = 0; o < e.outputs; ++o) {
        constexpr double most_steps = 1 << 29;
        const double least = std::abs(static_cast<double>(e.bias[o])) / (static_cast<double>(input.scale) * most_steps);
        const std::span rounded(q.weights.data() + o * e.terms, e.terms);
        const double scale = chosen == nullptr ? round_weights(e.row(o), format, least, rounded)
                                               : detail::take_row(*chosen, o, least, layer_name, rounded);
        std::int64_t bound = 0;
        for (const std::int8_t w : rounded) bound += format.largest_input * std::abs(static_cast<int>(w));
        const double unit = static_cast<double>(input.scale) * scale;
        q.scales.push_back(static_cast<float>(scale));
        q.bias.push_back(static_cast<std::int32_t>(std::nearbyint(static_cast<double>(e.bias[o]) / unit)));
        q.factors.push_back(to_fixed_multiplier(unit / static_cast<double>(output.scale)));
        bound += std::abs(static_cast<std::int64_t>(q.bias.back()));
        const int left = std::max(q.factors.back().shift, 0);
        if (left > 20 || (bound << (left + 1)) >= (std::int64_t{1} << 31))
            throw error(layer_name,
                        "output channel " + std::to_string(o) + " would scale its sums by " +
                            std::to_string(unit / static_cast<double>(output.scale)) + ", more than 32 bits hold",
                        "calibrate on records that reach the layer's real range, or give the layer fp32");
    }
    return q;
}

/// Scaling of an int8 add of values with scales `a` and `b`. Source: TensorFlow Lite AddPrepare.
inline add_scaling add_scaling_for(affine a, affine b, affine output, std::int32_t low, std::int32_t high) {
    const double twice = 2.0 * std::max(static_cast<double>(a.scale), static_cast<double>(b.scale));
    return {a.zero_point,
            b.zero_point,
            output.zero_point,
            to_fixed_multiplier(static_cast<double>(a.scale) / twice),
            to_fixed_multiplier(static_cast<double>(b.scale) / twice),
            to_fixed_multiplier(twice / ((1 << add_left_shift) * static_cast<double>(output.scale))),
            low,
            high};
}

/// Scaling of an int8 product of two values, element by element.
inline add_scaling mul_scaling_for(affine a, affine b, affine output, std::int32_t low, std::int32_t high) {
    return {a.zero_point,
            b.zero_point,
            output.zero_point,
            {},
            {},
            to_fixed_multiplier(static_cast<double>(a.scale) * static_cast<double>(b.scale) /
                                static_cast<double>(output.scale)),
            low,
            high};
}

/// Steps between which a fused activation keeps an int8 value.
struct step_bounds {
    std::int32_t low, high;
};
inline step_bounds bounds_of(clamp_kind clamp, affine output) {
    if (clamp == clamp_kind::none) return {-128, 127};
    return {quantize(0.0f, output), clamp == clamp_kind::relu6 ? quantize(6.0f, output) : std::int8_t{127}};
}

}  // namespace tensor_compress
