// SPDX-License-Identifier: MIT
#pragma once

#include <bit>
#include <cstdint>

#include <compress/core/config.hpp>
#include <compress/core/fixed_add.hpp>
#include <compress/simd/vector_unit.hpp>

namespace tensor_compress {

/// x + y in vectors: requantize(requantize((x - zx) << 20, mx) + requantize((y - zy) << 20, my), m), to which the zero
/// point is still to be added.
///
/// @param  first_zero, second_zero  zx and zy, moved by the stored_offset of the operand
template <class V, bool Quick = V::quick>
class int8_adding {
public:
    using i32 = typename V::i32;

    COMPRESS_INLINE int8_adding(const add_scaling& s, int first_zero, int second_zero)
        : first_(simd::splat_factor<V>(s.first)),
          second_(simd::splat_factor<V>(s.second)),
          sum_(simd::splat_factor<V>(s.sum)),
          first_zero_(V::splat_int(first_zero)),
          second_zero_(V::splat_int(second_zero)) {}

    /// x := x + y for the first `Count` of four vectors. The operands' factors are at most 1, so the shift by 20 can be
    /// one by 21 that doubles as well.
    template <int Count>
    COMPRESS_INLINE void apply(i32 (&x)[4], const i32 (&y)[4]) const {
        COMPRESS_UNROLL
        for (int k = 0; k < Count; ++k) {
            const i32 a = V::template shift_left<add_left_shift + 1>(V::subtract(x[k], first_zero_));
            const i32 b = V::template shift_left<add_left_shift + 1>(V::subtract(y[k], second_zero_));
            x[k] = V::requantize(V::add(V::requantize_doubled(a, first_), V::requantize_doubled(b, second_)), sum_);
        }
    }

private:
    typename V::factor first_, second_, sum_;
    i32 first_zero_, second_zero_;
};

namespace detail {

template <class V, int Count>
COMPRESS_NOINLINE void add_exactly(const add_scaling& s, int first_zero, int second_zero, typename V::i32 (&x)[4],
                                   const typename V::i32 (&y)[4]) {
    int8_adding<V, false>(s, first_zero, second_zero).template apply<Count>(x, y);
}

}  // namespace detail

/// The same bits by single precision, nearest(x * first + y * second + start), where it is further from a half than
/// its error can be.
///
/// With u = 2^-24, S = mx * 2^20 * m and T = my * 2^20 * m for values of up to 256 in size, the constants, products and
/// sums are off by at most u * 256 * (3 S + 5 T + 1), and the roundings of the definition by 3 m.
template <class V>
class int8_adding<V, true> {
public:
    using i32 = typename V::i32;
    using f32 = typename V::f32;

    COMPRESS_INLINE int8_adding(const add_scaling& s, int first_zero, int second_zero)
        : exact_(s),
          first_zero_(first_zero),
          second_zero_(second_zero) {
        const double sum = real(s.sum), step = sum * (1 << add_left_shift);
        const double first = real(s.first) * step, second = real(s.second) * step;
        first_ = V::splat(static_cast<float>(first));
        second_ = V::splat(static_cast<float>(second));
        start_ = V::splat(static_cast<float>(-first_zero * first - second_zero * second));
        certain_ = static_cast<float>(0.5 - 256.0 / (1 << 24) * (3 * first + 5 * second + 1) - 3 * sum);
    }

    template <int Count>
    COMPRESS_INLINE void apply(i32 (&x)[4], const i32 (&y)[4]) const {
        i32 sums[4];
        f32 furthest = V::splat(0.0f);
        COMPRESS_UNROLL
        for (int k = 0; k < Count; ++k) {
            const f32 value = V::madd(V::to_float(x[k]), first_, V::madd(V::to_float(y[k]), second_, start_));
            sums[k] = V::nearest(value);
            furthest = V::larger_size(furthest, V::from_nearest(value));
        }
        if (V::any_above(furthest, certain_)) [[unlikely]] {
            i32 a[4], b[4];  // whose addresses are taken: the others stay in registers
            for (int k = 0; k < Count; ++k) a[k] = x[k], b[k] = y[k];
            detail::add_exactly<V, Count>(exact_, first_zero_, second_zero_, a, b);
            for (int k = 0; k < Count; ++k) sums[k] = a[k];
        }
        COMPRESS_UNROLL
        for (int k = 0; k < Count; ++k) x[k] = sums[k];
    }

private:
    static COMPRESS_INLINE double real(fixed_multiplier m) {
        // 2^(shift - 31) by its exponent bits; a product by a power of two is exact.
        return m.multiplier * std::bit_cast<double>(static_cast<std::int64_t>(1023 + m.shift - 31) << 52);
    }

    const add_scaling& exact_;
    int first_zero_, second_zero_;
    f32 first_, second_, start_;
    float certain_;
};

}  // namespace tensor_compress
