// SPDX-License-Identifier: MIT
#pragma once

#include <bit>
#include <cmath>
#include <limits>
#include <type_traits>

#include <compress/core/config.hpp>
#include <compress/core/fixed_point.hpp>
#include <compress/simd/isa.hpp>

namespace tensor_compress {

/// output[r, i] = exp(input[r, i] - max of the row) / sum of the row's exponentials. The largest is taken off first, so
/// no exponential overflows.
template <int Rows, int Columns>
COMPRESS_NOTHROW inline void softmax_fp32(const float* input, float* output) {
    for (int r = 0; r < Rows; ++r, input += Columns, output += Columns) {
        float largest = input[0];
        for (int i = 1; i < Columns; ++i) largest = input[i] > largest ? input[i] : largest;
        float sum = 0;
        for (int i = 0; i < Columns; ++i) sum += output[i] = std::exp(input[i] - largest);
        const float inverse = 1.0f / sum;
        for (int i = 0; i < Columns; ++i) output[i] *= inverse;
    }
}

/// What scales an int8 softmax: differences times 2^left_shift times multiplier are Q5.26; those below `lowest` count
/// as zero.
struct softmax_scaling {
    std::int32_t multiplier = 0;
    std::int32_t left_shift = 0;
    std::int32_t lowest = 0;
};

/// Scaling for an input scale (real units per step) and beta 1. Source: TensorFlow Lite PreprocessSoftmaxScaling and
/// CalculateInputRadius with 5 integer bits.
constexpr softmax_scaling softmax_scaling_for(float input_scale) {
    constexpr int integer_bits = 5;
    constexpr double largest = 2147483647.0;
    const double real = static_cast<double>(input_scale) * (1 << (31 - integer_bits));
    const fixed_multiplier m = to_fixed_multiplier(real < largest ? real : largest);
    const int shift = m.shift < 0 ? 0 : m.shift > 31 ? 31 : m.shift;
    const double radius =
        ((1 << integer_bits) - 1) * static_cast<double>(1LL << (31 - integer_bits)) / static_cast<double>(1LL << shift);
    return {m.multiplier, shift, -static_cast<std::int32_t>(radius)};
}

namespace detail {

/// exp(v) in Q0.31 for v <= 0 in Q5.26 (gemmlowp exp_on_negative_values).
COMPRESS_NOTHROW constexpr std::int32_t exp_of_negative(std::int32_t v) {
    if (v == 0) return std::numeric_limits<std::int32_t>::max();
    constexpr std::int32_t quarter = 1 << 24;
    const std::int32_t in_quarter = (v & (quarter - 1)) - quarter;
    const std::int32_t rest = in_quarter - v;
    const std::int32_t x = in_quarter * 32 + (1 << 28);
    const std::int32_t x2 = high_mul(x, x);
    const std::int32_t x3 = high_mul(x2, x);
    const std::int32_t x4 = rounding_shift(high_mul(x2, x2), 2);
    constexpr std::int32_t exp_of_minus_eighth = 1895147668, third = 715827883;
    const std::int32_t polynomial = x + rounding_shift(high_mul(x4 + x3, third) + x2, 1);
    std::int32_t y = exp_of_minus_eighth + high_mul(exp_of_minus_eighth, polynomial);
    constexpr std::int32_t powers[] = {1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242};
    for (int k = 0; k < 7; ++k)
        if ((rest >> (24 + k)) & 1) y = high_mul(y, powers[k]);
    return y;
}

/// 1 / (1 + a) in Q0.31 for a in [0, 1) (gemmlowp one_over_one_plus_x_for_x_in_0_1).
COMPRESS_NOTHROW constexpr std::int32_t reciprocal_of_one_plus(std::int32_t a) {
    const std::int64_t sum = static_cast<std::int64_t>(a) + 2147483647;
    const auto half = static_cast<std::int32_t>((sum + (sum >= 0 ? 1 : -1)) / 2);
    std::int32_t x = 1515870810 + high_mul(half, -1010580540);
    for (int i = 0; i < 3; ++i) x += saturating_shift_left(high_mul(x, (1 << 29) - high_mul(half, x)), 2);
    return saturating_shift_left(x, 1);
}

}  // namespace detail

/// Integer softmax of rows of int8; output scale 1 / 256, zero point -128. Source: TensorFlow Lite reference Softmax.
///
/// An exponential is at most 2^19 in the sum, which has 12 bits before its point: 4,095 columns fit 31 bits. Longer
/// rows are summed in 64 bits; a sum from 2^31 on is 4,096 or more, and each of its quotients rounds to 0.
template <int Rows, int Columns, class In, class Out>
COMPRESS_NOTHROW constexpr void softmax_int8(softmax_scaling scaling, const In* input, Out* output) {
    const auto exponential = [&](std::int32_t difference) {
        return detail::exp_of_negative(high_mul(difference * (1 << scaling.left_shift), scaling.multiplier));
    };
    for (int r = 0; r < Rows; ++r, input += Columns, output += Columns) {
        std::int32_t largest = input[0];
        for (int i = 1; i < Columns; ++i) largest = input[i] > largest ? input[i] : largest;
        std::conditional_t<(Columns < 4096), std::int32_t, std::int64_t> exact = 0;
        for (int i = 0; i < Columns; ++i) {
            const std::int32_t difference = input[i] - largest;
            if (difference >= scaling.lowest) exact += rounding_shift(exponential(difference), 12);
        }
        constexpr std::int32_t most = std::numeric_limits<std::int32_t>::max();
        const std::int32_t sum = exact < most ? static_cast<std::int32_t>(exact) : most;
        const int headroom = std::countl_zero(static_cast<std::uint32_t>(sum));
        const auto fraction =
            static_cast<std::int32_t>((static_cast<std::uint32_t>(sum) << headroom) - (std::uint32_t{1} << 31));
        const std::int32_t scale = detail::reciprocal_of_one_plus(fraction);
        for (int i = 0; i < Columns; ++i) {
            const std::int32_t difference = input[i] - largest;
            std::int32_t q = -128;
            const int exponent = 35 - headroom;
            if (difference >= scaling.lowest && exponent <= 31)  // beyond, every quotient rounds to 0
                q = clamp32(rounding_shift(high_mul(scale, exponential(difference)), exponent) - 128, -128, 127);
            output[i] = static_cast<Out>(q + stored_offset<Out>);
        }
    }
}

}  // namespace tensor_compress
