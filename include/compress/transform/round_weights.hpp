// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include <compress/core/precision.hpp>

namespace tensor_compress {

/// What the weights of a layer are rounded to.
struct weight_format {
    weight_grid grid = tag::int8::grid;
    std::vector<int> groups;  ///< of each term the group that shares its step; empty for one step an output
    int largest_input = 255;  ///< |input - zero point|, which the sums have to hold
};

namespace detail {

inline int nearest_level(double w, double step, const weight_grid& grid) {
    if (!grid.has_zero) return w < 0 ? -1 : 1;
    return static_cast<int>(
        std::clamp(std::nearbyint(w / step), static_cast<double>(grid.lowest), static_cast<double>(grid.highest)));
}

/// The step of a grid for some weights. int8 takes the largest weight for its end. Fewer bits clip: of steps between a
/// tenth of that and all of it the one whose levels q leave the least squared error, sum w^2 - (sum w q)^2 / sum q^2,
/// and then the best step for these levels, sum w q / sum q^2.
inline double best_step(std::span<const float> weights, const weight_grid& grid) {
    double widest = 0;
    for (const float w : weights)
        widest =
            std::max(widest, static_cast<double>(w) / (w < 0 ? std::min(grid.lowest, -1) : std::max(grid.highest, 1)));
    if (widest == 0) return 1;
    if (grid == tag::int8::grid) return widest;
    double best = widest, most_explained = -1;
    for (int percent = 10; percent <= 100; percent += 2) {
        const double step = widest * percent / 100;
        double products = 0, squares = 0;
        for (const float w : weights) {
            const double q = nearest_level(static_cast<double>(w), step, grid);
            products += static_cast<double>(w) * q;
            squares += q * q;
        }
        if (squares == 0 || products * products / squares <= most_explained) continue;
        most_explained = products * products / squares;
        best = products / squares;
    }
    return best;
}

}  // namespace detail

/// The steps of one output's weights: weight k is scale * multiples[k] * level, and level * multiples[k] is stored.
struct row_steps {
    double scale = 1;
    std::vector<int> multiples;  ///< at most grid.unit; that where the format has no groups
};

/// Steps with which rounding leaves the least error, the scale not below `least`. Groups: each has the nearest integer
/// multiple, at most grid.unit, of the output's step to its own best step.
inline row_steps steps_of(std::span<const float> weights, const weight_format& format, double least) {
    const weight_grid& grid = format.grid;
    if (format.groups.empty())
        return {std::max(detail::best_step(weights, grid) / grid.unit, least),
                std::vector<int>(weights.size(), grid.unit)};
    const auto count = static_cast<std::size_t>(*std::max_element(format.groups.begin(), format.groups.end())) + 1;
    std::vector<std::vector<float>> members(count);
    for (std::size_t k = 0; k < weights.size(); ++k)
        members[static_cast<std::size_t>(format.groups[k])].push_back(weights[k]);
    std::vector<double> steps;
    for (const auto& group : members) {
        const bool is_zero = std::all_of(group.begin(), group.end(), [](float w) { return w == 0; });
        steps.push_back(is_zero ? 0.0 : detail::best_step(group, grid));
    }
    const double largest = *std::max_element(steps.begin(), steps.end());
    row_steps row{std::max(largest > 0 ? largest / grid.unit : 1.0, least), {}};
    for (const int group : format.groups) {
        const double own = steps[static_cast<std::size_t>(group)] / row.scale;
        row.multiples.push_back(static_cast<int>(std::clamp(std::nearbyint(own), 1.0, static_cast<double>(grid.unit))));
    }
    return row;
}

/// One output's weights as int8, w = scale * int8 within the rounding of its format, and the scale, not below `least`.
inline double round_weights(std::span<const float> weights, const weight_format& format, double least,
                            std::span<std::int8_t> rounded) {
    const row_steps row = steps_of(weights, format, least);
    for (std::size_t k = 0; k < weights.size(); ++k) {
        const double step = row.scale * row.multiples[k];
        rounded[k] = static_cast<std::int8_t>(
            detail::nearest_level(static_cast<double>(weights[k]), step, format.grid) * row.multiples[k]);
    }
    return row.scale;
}

}  // namespace tensor_compress
