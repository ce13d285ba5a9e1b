// SPDX-License-Identifier: MIT
#pragma once

#include <compress/calibrate/histogram.hpp>
#include <compress/core/quantization.hpp>

namespace tensor_compress {

/// How a range is chosen from the values seen.
enum class range_method : unsigned char {
    min_max,     ///< all values
    percentile,  ///< all but a small part at both ends
    mse,         ///< the range whose 256 steps give the least mean squared error, clipping included
};

struct calibration_options {
    range_method method = range_method::mse;
    double percentile = 99.99;  ///< percent of values kept by `percentile`, half of the rest cut at each end
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

inline value_range least_error_range(const value_histogram& h) {
    value_range best{h.low(), h.high(), h.mean_size()};
    double least = quantization_error(h, best);
    // One end at a time: first both together in steps of 2 %, then each alone around the best.
    const auto try_range = [&](value_range r) {
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

}  // namespace detail

inline value_range choose_range(const value_histogram& h, const calibration_options& options) {
    if (options.method == range_method::percentile) {
        const double cut = (100.0 - options.percentile) / 200.0;
        return {h.quantile(cut), h.quantile(1.0 - cut), h.mean_size()};
    }
    if (options.method == range_method::mse) return detail::least_error_range(h);
    return {h.low(), h.high(), h.mean_size()};
}

}  // namespace tensor_compress
