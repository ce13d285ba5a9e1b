// SPDX-License-Identifier: MIT
#pragma once

#include <bit>
#include <cmath>

#include <compress/core/config.hpp>
#include <compress/core/fixed_point.hpp>
#include <compress/core/multiply_add.hpp>
#include <compress/simd/vector_unit.hpp>
#include <compress/simd/isa.hpp>

namespace tensor_compress {

/// output[r, c] = gamma[c] * (input[r, c] - mean[r]) / sqrt(variance[r] + epsilon) + beta[c], with mean and variance
/// (divided by Columns) of each row. Source: Ba, Kiros, Hinton 2016, Layer Normalization.
template <int Rows, int Columns>
COMPRESS_NOTHROW inline void layer_norm_fp32_reference(const float* gamma, const float* beta, float epsilon,
                                                       const float* input, float* output) {
    for (int r = 0; r < Rows; ++r, input += Columns, output += Columns) {
        float sum = 0, squares = 0;
        for (int c = 0; c < Columns; ++c) sum += input[c];
        const float mean = sum / Columns;
        for (int c = 0; c < Columns; ++c) squares = multiply_add(input[c] - mean, input[c] - mean, squares);
        const float factor = 1.0f / std::sqrt(squares / Columns + epsilon);
        for (int c = 0; c < Columns; ++c) output[c] = multiply_add((input[c] - mean) * factor, gamma[c], beta[c]);
    }
}

/// The same up to the order of the sums, over the vectors of `Isa`.
template <class Isa, int Rows, int Columns>
COMPRESS_NOTHROW inline void layer_norm_fp32(const float* gamma, const float* beta, float epsilon, const float* input,
                                             float* output) {
    if constexpr (!simd::has_vectors<Isa>) {
        layer_norm_fp32_reference<Rows, Columns>(gamma, beta, epsilon, input, output);
    } else {
        using V = simd::vector_unit<Isa>;
        using f32 = typename V::f32;
        constexpr int whole = Columns / V::lanes * V::lanes;
        for (int r = 0; r < Rows; ++r, input += Columns, output += Columns) {
            f32 sums = V::splat(0.0f), squares = V::splat(0.0f);
            for (int c = 0; c < whole; c += V::lanes) sums = V::add(sums, V::load(input + c));
            float sum = V::sum_of(sums);
            for (int c = whole; c < Columns; ++c) sum += input[c];
            const float mean = sum / Columns;
            const f32 less = V::splat(-mean);
            for (int c = 0; c < whole; c += V::lanes) {
                const f32 v = V::add(V::load(input + c), less);
                squares = V::madd(v, v, squares);
            }
            float square = V::sum_of(squares);
            for (int c = whole; c < Columns; ++c) square = multiply_add(input[c] - mean, input[c] - mean, square);
            const float factor = 1.0f / std::sqrt(square / Columns + epsilon);
            const f32 factors = V::splat(factor), zero = V::splat(0.0f);
            for (int c = 0; c < whole; c += V::lanes) {
                const f32 normal = V::madd(V::add(V::load(input + c), less), factors, zero);
                V::store(output + c, V::madd(normal, V::load(gamma + c), V::load(beta + c)));
            }
            for (int c = whole; c < Columns; ++c) output[c] = multiply_add((input[c] - mean) * factor, gamma[c], beta[c]);
        }
    }
}

/// Numbers of an int8 layer norm, besides gamma (int8 [C]) and beta (int32 [C]).
struct norm_scaling {
    std::int64_t epsilon = 0;   ///< epsilon * Columns^2 / input scale^2
    fixed_multiplier factor{};  ///< scale of gamma / 2^11 / output scale
    std::int32_t zero_point = 0;
};

/// A normalised value has 11 bits behind the point.
inline constexpr int norm_bits = 11;

namespace detail {

/// floor(sqrt(v))
COMPRESS_NOTHROW constexpr std::uint64_t integer_root(std::uint64_t v) {
    std::uint64_t root = 0;
    for (int bit = 31; bit >= 0; --bit) {
        const std::uint64_t larger = root | std::uint64_t{1} << bit;
        if (larger * larger <= v) root = larger;
    }
    return root;
}

/// 2^norm_bits / sqrt(v) in integers alone, so that all machines have the same; v in [1, 2^62).
COMPRESS_NOTHROW constexpr fixed_multiplier norm_factor(std::uint64_t v) {
    const int pairs = (std::countl_zero(v) - 2) / 2;  // v << 2 * pairs lies in [2^60, 2^62)
    const std::uint64_t root = integer_root(v << (2 * pairs));
    const std::uint64_t inverse = ((std::uint64_t{1} << 61) + root / 2) / root;
    const bool carries = inverse >> 31 != 0;
    return {static_cast<std::int32_t>(carries ? inverse / 2 : inverse), pairs - 30 + norm_bits + (carries ? 1 : 0)};
}

/// Of a row's sum and sum of squares: Columns * q - sum is Columns times the distance from the mean; its root mean
/// square is the root of Columns * squares - sum^2.
template <int Columns>
COMPRESS_NOTHROW constexpr fixed_multiplier norm_factor_of(std::int32_t sum, std::int32_t squares,
                                                           std::int64_t epsilon) {
    const std::int64_t v = std::int64_t{Columns} * squares - std::int64_t{sum} * sum + epsilon;
    return norm_factor(static_cast<std::uint64_t>(v < 1 ? 1 : v));
}

/// Adds up a row from `first` on, and its squares.
template <int Columns, class In>
COMPRESS_NOTHROW constexpr void add_moments(const In* input, int first, std::int32_t& sum, std::int32_t& squares) {
    for (int c = first; c < Columns; ++c) {
        const std::int32_t q = input[c] - stored_offset<In>;
        sum += q;
        squares += q * q;
    }
}

template <int Columns, class In, class Out>
COMPRESS_NOTHROW constexpr void norm_elements(const norm_scaling& s, const std::int8_t* gamma, const std::int32_t* beta,
                                              std::int32_t sum, fixed_multiplier factor, const In* input, Out* output,
                                              int first) {
    for (int c = first; c < Columns; ++c) {
        const std::int32_t distance = Columns * (input[c] - stored_offset<In>)-sum;
        const std::int32_t q = requantize(requantize(distance, factor) * gamma[c] + beta[c], s.factor) + s.zero_point;
        output[c] = static_cast<Out>(clamp32(q, -128, 127) + stored_offset<Out>);
    }
}

}  // namespace detail

/// The same of int8 rows, in integers: distance[c] = Columns * input[c] - sum of the row, exact;
/// normal = requantize(distance, 2^11 / sqrt(sum of distance^2 / Columns + epsilon)); output = clamp(requantize(normal
/// * gamma + beta, factor) + zero point). The input's zero point cancels out.
///
/// @pre  Columns <= 32768: then |distance| < 2^24, |normal| <= 2^11 * sqrt(Columns) < 2^19, and the last sum is below
/// 2^28 with |beta| <= 2^27
template <int Rows, int Columns, class In, class Out>
COMPRESS_NOTHROW constexpr void layer_norm_int8_reference(const norm_scaling& s, const std::int8_t* gamma,
                                                          const std::int32_t* beta, const In* input, Out* output) {
    for (int r = 0; r < Rows; ++r, input += Columns, output += Columns) {
        std::int32_t sum = 0, squares = 0;
        detail::add_moments<Columns>(input, 0, sum, squares);
        detail::norm_elements<Columns>(s, gamma, beta, sum, detail::norm_factor_of<Columns>(sum, squares, s.epsilon),
                                       input, output, 0);
    }
}

/// The same bytes, over the vectors of `Isa`.
template <class Isa, int Rows, int Columns, class In, class Out>
COMPRESS_NOTHROW constexpr void layer_norm_int8(const norm_scaling& s, const std::int8_t* gamma,
                                                const std::int32_t* beta, const In* input, Out* output) {
    if constexpr (!simd::has_vectors<Isa>) {
        layer_norm_int8_reference<Rows, Columns>(s, gamma, beta, input, output);
    } else {
        using V = simd::vector_unit<Isa>;
        using i32 = typename V::i32;
        constexpr int vectors = V::vectors_per_panel, step = 4 * V::lanes, whole = Columns / step * step;
        constexpr int offset = stored_offset<Out>;
        const auto end = V::make_byte_end(s.zero_point + offset, -128 + offset, 127 + offset);
        const auto last = simd::splat_factor<V>(s.factor);
        for (int r = 0; r < Rows; ++r, input += Columns, output += Columns) {
            i32 sums = V::zero(), all_squares = V::zero();
            const i32 zero = V::splat_int(stored_offset<In>);
            const auto load = [&](int c, i32(&v)[vectors]) COMPRESS_LAMBDA_INLINE {
                V::load16(input + c, v);
                COMPRESS_UNROLL
                for (int k = 0; k < vectors; ++k) v[k] = V::subtract(v[k], zero);
            };
            constexpr int sixteens = Columns / 16 * 16;
            for (int c = 0; c < sixteens; c += 16) {
                i32 v[vectors];
                load(c, v);
                COMPRESS_UNROLL
                for (int k = 0; k < vectors; ++k) {
                    sums = V::add(sums, v[k]);
                    all_squares = V::add(all_squares, V::multiply(v[k], v[k]));
                }
            }
            std::int32_t sum = V::sum_of(sums), squares = V::sum_of(all_squares);
            detail::add_moments<Columns>(input, sixteens, sum, squares);
            const fixed_multiplier factor = detail::norm_factor_of<Columns>(sum, squares, s.epsilon);
            const auto scale = simd::splat_factor<V>(factor);
            const i32 count = V::splat_int(Columns), row_sum = V::splat_int(sum);
            for (int c = 0; c < whole; c += step) {
                i32 results[4];
                COMPRESS_UNROLL
                for (int part = 0; part < 4; part += vectors) {
                    i32 v[vectors], g[vectors];
                    load(c + part * V::lanes, v);
                    V::load16(gamma + c + part * V::lanes, g);
                    COMPRESS_UNROLL
                    for (int k = 0; k < vectors; ++k) {
                        const i32 distance = V::subtract(V::multiply(v[k], count), row_sum);
                        const i32 normal = V::requantize(distance, scale);
                        results[part + k] = V::requantize(
                            V::add(V::multiply(normal, g[k]), V::load(beta + c + (part + k) * V::lanes)), last);
                    }
                }
                V::template store_ordered<step>(output + c, V::template narrow<Out>(results, end));
            }
            detail::norm_elements<Columns>(s, gamma, beta, sum, factor, input, output, whole);
        }
    }
}

}  // namespace tensor_compress
