// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <compress/core/activation.hpp>
#include <compress/core/fixed_add.hpp>
#include <compress/storage/conv_geometry.hpp>

/// What the kernels should compute, written from the definitions and without their code: run-time shapes, floor and
/// division instead of shifts, double precision instead of float.
namespace tests::definition {

namespace tc = tensor_compress;

constexpr std::int64_t two_to(int exponent) { return std::int64_t{1} << exponent; }

constexpr std::int64_t floor_divide(std::int64_t a, std::int64_t b) {
    return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

/// Half up.
constexpr std::int32_t high_mul(std::int32_t a, std::int32_t b) {
    constexpr auto lowest = std::numeric_limits<std::int32_t>::min();
    if (a == lowest && b == lowest) return std::numeric_limits<std::int32_t>::max();
    return static_cast<std::int32_t>(floor_divide(std::int64_t{a} * b + two_to(30), two_to(31)));
}

/// To nearest, ties away from zero.
constexpr std::int32_t rounding_shift(std::int32_t x, int e) {
    const std::int64_t magnitude = x < 0 ? -std::int64_t{x} : std::int64_t{x};
    const std::int64_t rounded = (2 * magnitude + two_to(e)) / two_to(e + 1);
    return static_cast<std::int32_t>(x < 0 ? -rounded : rounded);
}

constexpr std::int32_t requantized(std::int32_t sum, tc::fixed_multiplier f) {
    const std::int64_t scaled = sum * two_to(f.shift > 0 ? f.shift : 0);
    return rounding_shift(high_mul(static_cast<std::int32_t>(scaled), f.multiplier), f.shift < 0 ? -f.shift : 0);
}

constexpr std::int32_t limit(std::int32_t v, std::int32_t low, std::int32_t high) {
    if (v < low) return low;
    return v > high ? high : v;
}

/// finish(requantize((a + offset a) * 2^20, ..) + requantize((b + offset b) * 2^20, ..)) of the specification.
constexpr std::int32_t add(const tc::add_scaling& s, std::int32_t a, std::int32_t b) {
    const std::int32_t x = requantized((a - s.first_zero_point) * 1048576, s.first);
    const std::int32_t y = requantized((b - s.second_zero_point) * 1048576, s.second);
    return limit(requantized(x + y, s.sum) + s.zero_point, s.low, s.high);
}

/// One quantised convolution: weights [out, in / groups, kernel height, kernel width].
struct int8_convolution {
    std::vector<std::int8_t> weights;
    std::vector<std::int32_t> bias;  ///< empty for none
    std::vector<tc::fixed_multiplier> factors;
    std::int32_t input_zero_point = 0, zero_point = 0, low = -128, high = 127;
    tc::add_scaling add{};
};

/// f(index into the input, index into the weights) for each term of output [y, x, o] inside the image.
template <class F>
void for_each_term(const tc::conv_geometry& g, int y, int x, int o, F f) {
    const int inputs = g.in_channels / g.groups, outputs = g.out_channels / g.groups;
    for (int c = 0; c < inputs; ++c)
        for (int i = 0; i < g.kernel_height; ++i)
            for (int j = 0; j < g.kernel_width; ++j) {
                const int row = y * g.stride_height + i * g.dilation_height - g.top;
                const int column = x * g.stride_width + j * g.dilation_width - g.left;
                if (row < 0 || row >= g.in_height || column < 0 || column >= g.in_width) continue;
                f((row * g.in_width + column) * g.in_channels + o / outputs * inputs + c,
                  ((o * inputs + c) * g.kernel_height + i) * g.kernel_width + j);
            }
}

/// @param residual  empty for none
inline std::vector<std::int8_t> convolve(const tc::conv_geometry& g, const int8_convolution& p,
                                         const std::vector<std::int8_t>& input,
                                         const std::vector<std::int8_t>& residual) {
    std::vector<std::int8_t> output;
    for (int y = 0; y < g.out_height; ++y)
        for (int x = 0; x < g.out_width; ++x)
            for (int o = 0; o < g.out_channels; ++o) {
                const auto channel = static_cast<std::size_t>(o);
                std::int64_t sum = p.bias.empty() ? 0 : p.bias[channel];
                for_each_term(g, y, x, o, [&](int at, int w) {
                    sum += std::int64_t{input[static_cast<std::size_t>(at)] - p.input_zero_point} *
                           p.weights[static_cast<std::size_t>(w)];
                });
                std::int32_t q = limit(requantized(static_cast<std::int32_t>(sum), p.factors[channel]) + p.zero_point,
                                       p.low, p.high);
                if (!residual.empty()) q = add(p.add, q, residual[output.size()]);
                output.push_back(static_cast<std::int8_t>(q));
            }
    return output;
}

inline double limit(double v, tc::clamp_kind kind) {
    if (kind != tc::clamp_kind::none && v < 0) return 0;
    return kind == tc::clamp_kind::relu6 && v > 6 ? 6 : v;
}

/// A result in double precision, and how far one in single precision may be from it.
struct real_result {
    std::vector<double> values, bounds;
};

/// n additions of rounded products are off by at most n 2^-23 times the sum of their magnitudes (n u / (1 - n u) with
/// u = 2^-24, doubled for what is not a multiply-add); clamps do not enlarge it.
inline real_result convolve(const tc::conv_geometry& g, const std::vector<float>& weights,
                            const std::vector<float>& bias, const std::vector<float>& input,
                            const std::vector<float>& residual, tc::clamp_kind stage, tc::clamp_kind last) {
    real_result result;
    const int terms = g.kernel_height * g.kernel_width * (g.in_channels / g.groups) + (bias.empty() ? 0 : 1) +
                      (residual.empty() ? 0 : 1);
    for (int y = 0; y < g.out_height; ++y)
        for (int x = 0; x < g.out_width; ++x)
            for (int o = 0; o < g.out_channels; ++o) {
                double sum = bias.empty() ? 0 : bias[static_cast<std::size_t>(o)], magnitude = std::fabs(sum);
                for_each_term(g, y, x, o, [&](int at, int w) {
                    const double product =
                        double{input[static_cast<std::size_t>(at)]} * double{weights[static_cast<std::size_t>(w)]};
                    sum += product;
                    magnitude += std::fabs(product);
                });
                sum = limit(sum, stage);
                if (!residual.empty()) {
                    const double other = residual[result.values.size()];
                    sum = limit(sum + other, last);
                    magnitude += std::fabs(other);
                }
                result.values.push_back(sum);
                result.bounds.push_back(terms * std::ldexp(magnitude, -23));
            }
    return result;
}

}  // namespace tests::definition
