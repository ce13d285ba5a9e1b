// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <numbers>
#include <span>
#include <vector>

#include <compress/core/precision.hpp>
#include <compress/train/optimizer.hpp>

namespace tensor_compress {

/// How the choice between two levels is trained.
struct level_training {
    int iterations = 4000;
    double rate = 0.01;       ///< of Adam
    double push = 3;          ///< lambda: of the term that makes choices definite
    double warm_start = 0.2;  ///< part of the iterations before it acts
    double first_power = 20;  ///< beta when it begins, by half a cosine to
    double last_power = 2;    ///< that at the end
};

/// Weights of which each is between two neighbouring levels of its grid, and which of the two it is is learned:
///
///   w = step * (lower + h(v)), h(v) = clamp(1.2 sigmoid(v) - 0.1, 0, 1)
///
/// minimising an error of theirs + lambda * sum(1 - |2 h(v) - 1|^beta). A large beta moves only what is nearly decided,
/// a small one all. Source: Nagel et al. 2020, Up or Down? Adaptive Rounding for Post-Training Quantization, equations
/// 21 to 24 and section 4.
class soft_levels {
public:
    /// @param  count  of weights; all 0 and fixed until they are set
    soft_levels(std::size_t count, const level_training& training)
        : training_(training),
          steps_(count),
          lower_(count),
          slope_(count),
          choices_(count),
          gradients_(count) {
        state_.first.resize(count);
        state_.second.resize(count);
    }

    /// Weight i is between the level next to it and the one on the side of `exact`, starting at `exact`.
    ///
    /// @param  step   not 0
    /// @param  level  on the grid
    void set(std::size_t i, double exact, double step, int level, const weight_grid& grid) {
        const int below = exact / step >= level ? level : level - 1;
        const int lower = std::clamp(below, grid.lowest, grid.highest - 1);
        // Where h is 0 or 1 it has no slope, and a weight would stay for ever.
        const double share = std::clamp(exact / step - lower, 0.01, 0.99), p = (share + 0.1) / 1.2;
        steps_[i] = static_cast<float>(step);
        lower_[i] = lower;
        choices_[i] = static_cast<float>(std::log(p / (1 - p)));
    }

    /// The weights as they are now.
    void soften(std::span<float> weights) {
        for (std::size_t i = 0; i < weights.size(); ++i) {
            const float p = 1 / (1 + std::exp(-choices_[i])), h = 1.2f * p - 0.1f;
            slope_[i] = h > 0 && h < 1 ? 1.2f * p * (1 - p) : 0.0f;
            weights[i] = steps_[i] * (static_cast<float>(lower_[i]) + std::clamp(h, 0.0f, 1.0f));
        }
    }

    /// One step of Adam, after `soften`.
    ///
    /// @param  weights    as soften gave them
    /// @param  gradients  of the error by them
    void learn(std::span<const float> weights, std::span<const float> gradients) {
        const double progress = static_cast<double>(state_.steps) / training_.iterations;
        const double part = (progress - training_.warm_start) / (1 - training_.warm_start);
        const double half_cosine = (1 + std::cos(std::numbers::pi * part)) / 2;
        const auto beta =
            static_cast<float>(training_.last_power + half_cosine * (training_.first_power - training_.last_power));
        const auto push = static_cast<float>(part < 0 ? 0 : 2 * training_.push);
        for (std::size_t i = 0; i < weights.size(); ++i) {
            gradients_[i] = 0;
            if (slope_[i] == 0 || steps_[i] == 0) continue;
            const float undecided = 2 * (weights[i] / steps_[i] - static_cast<float>(lower_[i])) - 1;
            // d/dh (1 - |2 h - 1|^beta)
            const float pushed = push == 0 ? 0.0f : push * beta * std::pow(std::abs(undecided), beta - 1);
            gradients_[i] = slope_[i] * (gradients[i] * steps_[i] - std::copysign(pushed, undecided));
        }
        ++state_.steps;
        const adam rule{.rate = training_.rate};
        const int count = static_cast<int>(choices_.size());
        update<native>(rule, state_, 1, {"choices", 0, count}, 0, count, choices_.data(), gradients_.data());
    }

    /// The level that each weight is nearer to.
    int level(std::size_t i) const { return lower_[i] + (steps_[i] != 0 && choices_[i] >= 0 ? 1 : 0); }

private:
    level_training training_;
    std::vector<float> steps_;
    std::vector<int> lower_;
    std::vector<float> slope_;  ///< of h
    aligned_floats choices_, gradients_;
    optimizer_state state_;
};

}  // namespace tensor_compress
