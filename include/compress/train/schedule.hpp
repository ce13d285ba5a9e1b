// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <numbers>
#include <variant>

namespace tensor_compress {

/// The optimiser's rate stays as it is.
struct constant_rate {};
/// After every `epochs` epochs the rate is multiplied by `factor`.
struct step_rate {
    double epochs = 1, factor = 0.1;
};
/// last + (1 - last) * (1 + cos(pi * t)) / 2 of the rate, t going from 0 to 1 over the training. Source: Loshchilov and
/// Hutter 2017, SGDR, equation 5.
struct cosine_rate {
    double last = 0;
};
/// 1 - (1 - last) * t of the rate.
struct linear_rate {
    double last = 0;
};

using rate_schedule = std::variant<constant_rate, step_rate, cosine_rate, linear_rate>;

/// What the optimiser's rate is multiplied by.
///
/// @param  warm_up  epochs in which the rate grows linearly from 0; the schedule's own time begins after them
inline double rate_factor(const rate_schedule& schedule, double epoch, double epochs, double warm_up) {
    if (epoch < warm_up) return epoch / warm_up;
    const double time = epochs > warm_up ? (epoch - warm_up) / (epochs - warm_up) : 0;
    struct {
        double time, epoch;
        double operator()(constant_rate) const { return 1; }
        double operator()(step_rate s) const { return std::pow(s.factor, std::floor(epoch / s.epochs)); }
        double operator()(cosine_rate s) const {
            return s.last + (1 - s.last) * (1 + std::cos(std::numbers::pi * time)) / 2;
        }
        double operator()(linear_rate s) const { return 1 - (1 - s.last) * time; }
    } factor{time, epoch - warm_up};
    return std::visit(factor, schedule);
}

}  // namespace tensor_compress
