// SPDX-License-Identifier: MIT
#pragma once

#include <compress/calibrate/entropy.hpp>
#include <compress/calibrate/running_range.hpp>
#include <compress/tensor/error.hpp>

namespace tensor_compress {

/// How a range is chosen from the values seen.
enum class range_method : unsigned char {
    min_max,         ///< all values
    percentile,      ///< all but a small part at both ends
    mse,             ///< the range whose 256 steps give the least mean squared error, clipping included
    moving_average,  ///< running means of each record's least and largest value
    entropy,         ///< the range whose 256 steps diverge least from the distribution of the values
};

struct calibration_options {
    range_method method = range_method::mse;
    double percentile = 99.99;  ///< percent of values kept by `percentile`, half of the rest cut at each end
    double momentum = 0.1;      ///< of `moving_average`: the weight of a record
    bool symmetric = false;     ///< ranges [-m, m], whose zero point is 0
};

/// Interval of real values that int8 steps have to cover, and the mean of |value|, for which a sign stands.
struct value_range {
    float low = 0;
    float high = 0;
    float mean_size = 0;
};

namespace detail {

/// Mean squared error of rounding a histogram's values to the steps of [low, high].
inline double quantization_error(const value_histogram& h, value_range r) {
    const affine a = affine_for_range(r.low, r.high);
    const double low = static_cast<double>(a.scale) * (-128 - a.zero_point),
                 high = static_cast<double>(a.scale) * (127 - a.zero_point);
    const double rounding = static_cast<double>(a.scale) * static_cast<double>(a.scale) / 12;
    double error = 0;
    for (int bin = 0; bin < value_histogram::bins; ++bin) {
        if (h[bin] == 0) continue;
        const double v = static_cast<double>(h.centre(bin));
        const double clipped = v < low ? low - v : v > high ? v - high : 0;
        error += static_cast<double>(h[bin]) * (clipped > 0 ? clipped * clipped + rounding : rounding);
    }
    return error;
}

/// The range [-m, m] that a range becomes when it is to be symmetric.
inline value_range mirrored(value_range r, bool symmetric) {
    const float m = std::max(-r.low, r.high);
    return symmetric ? value_range{-m, m, r.mean_size} : r;
}

inline value_range least_error_range(const value_histogram& h, bool symmetric) {
    value_range best = mirrored({h.low(), h.high(), h.mean_size()}, symmetric);
    double least = quantization_error(h, best);
    // One end at a time: first both together in steps of 2 %, then each alone around the best.
    const auto try_range = [&](value_range r) {
        r = mirrored(r, symmetric);
        const double error = quantization_error(h, r);
        if (error < least) least = error, best = r;
    };
    for (int percent = 98; percent >= 20; percent -= 2) {
        const float part = static_cast<float>(percent) / 100;
        try_range({h.low() * part, h.high() * part, h.mean_size()});
    }
    const value_range both = best;
    for (int percent = 140; percent >= 40; percent -= 2) {
        const float part = static_cast<float>(percent) / 100;
        try_range({std::max(both.low * part, h.low()), best.high, h.mean_size()});
    }
    const float low = best.low;
    for (int percent = 140; percent >= 40; percent -= 2) {
        const float part = static_cast<float>(percent) / 100;
        try_range({low, std::min(both.high * part, h.high()), h.mean_size()});
    }
    return best;
}

inline value_range least_entropy_range(const value_histogram& h, bool symmetric) {
    const auto clipped = [&](float t) {
        return mirrored({std::max(-t, h.low()), std::min(t, h.high()), h.mean_size()}, symmetric);
    };
    return clipped(least_entropy_threshold(h, [&](float t) {
        const value_range r = clipped(t);
        return affine_for_range(r.low, r.high);
    }));
}

}  // namespace detail

/// The range that a method makes of the values seen.
///
/// @param  running  of the same values; moving_average alone needs it
/// @throws error when moving_average is asked for and `running` has seen no record
inline value_range choose_range(const value_histogram& h, const calibration_options& options,
                                const running_range& running = running_range{}) {
    const auto made = [&](double low, double high) {
        const value_range r{static_cast<float>(low), static_cast<float>(high), h.mean_size()};
        return detail::mirrored(r, options.symmetric);
    };
    const double cut = (100.0 - options.percentile) / 200.0;
    switch (options.method) {
    case range_method::mse:
        return detail::least_error_range(h, options.symmetric);
    case range_method::entropy:
        return detail::least_entropy_range(h, options.symmetric);
    case range_method::percentile:
        return made(h.quantile(cut), h.quantile(1.0 - cut));
    case range_method::min_max:
        return made(h.low(), h.high());
    case range_method::moving_average:
        break;
    }
    if (running.empty())
        throw error("choose_range", "no running means", "add each record to a running_range for moving_average");
    return made(running.low(), running.high());
}

}  // namespace tensor_compress
