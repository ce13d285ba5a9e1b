// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <span>
#include <vector>

#include <compress/graph/hint.hpp>

namespace tensor_compress {

/// map[p] = q[p] / |q| with q[p] = sum over c of values[p, c]^2, a map of unit length; zeros where all values are 0.
/// Source: Zagoruyko and Komodakis 2017, Paying More Attention to Attention, section 3.1, F_sum^2.
///
/// @param  values  [pixels, channels]
/// @param  map     [pixels]
/// @return |q|
inline double attention_map(std::span<const float> values, std::span<float> map) {
    const std::size_t channels = values.size() / map.size();
    std::vector<double> sums(map.size());
    double squares = 0;
    for (std::size_t p = 0; p < map.size(); ++p) {
        for (const float v : values.subspan(p * channels, channels))
            sums[p] += static_cast<double>(v) * static_cast<double>(v);
        squares += sums[p] * sums[p];
    }
    const double length = std::sqrt(squares);
    for (std::size_t p = 0; p < map.size(); ++p) map[p] = length > 0 ? static_cast<float>(sums[p] / length) : 0.0f;
    return length;
}

/// |map of the values - target|^2 / 2; its gradient times `weight` is added to `gradient`. With u the map and e = u -
/// target it is
///
///   dL/dvalues[p, c] = 2 * values[p, c] * (e[p] - u[p] * sum over i of u[i] * e[i]) / |q|
///
/// and 0 where all values are 0. Source: Zagoruyko and Komodakis 2017, equation 2, with the square of its norm, which
/// has a gradient where maps agree.
///
/// @param  target  [pixels], an attention_map
inline double add_attention_error(std::span<const float> values, std::span<const float> target,
                                  std::span<float> gradient, double weight = 1) {
    std::vector<float> map(target.size());
    const double length = attention_map(values, map);
    double squares = 0, along = 0;
    for (std::size_t p = 0; p < map.size(); ++p) {
        const double u = static_cast<double>(map[p]), e = u - static_cast<double>(target[p]);
        squares += e * e;
        along += u * e;
    }
    const std::size_t channels = values.size() / map.size();
    for (std::size_t i = 0; length > 0 && i < values.size(); ++i) {
        const double u = static_cast<double>(map[i / channels]), e = u - static_cast<double>(target[i / channels]);
        gradient[i] += static_cast<float>(weight * 2 * static_cast<double>(values[i]) * (e - u * along) / length);
    }
    return squares / 2;
}

}  // namespace tensor_compress
