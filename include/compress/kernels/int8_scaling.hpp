// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include <compress/core/config.hpp>
#include <compress/simd/vector_unit.hpp>

namespace tensor_compress {

namespace detail {

/// Sums that single precision could not tell from a half: rare, so the factors are made here and now.
template <class V, int Across, int Rows>
COMPRESS_NOINLINE void requantize_exactly(const std::int32_t* multiplier, const std::int8_t* shift,
                                          typename V::i32 (&sums)[4]) {
    for (int k = 0; k < Across; ++k) {
        const auto factor = V::load_factor(multiplier + k * V::lanes, shift + k * V::lanes);
        for (int row = 0; row < Rows; ++row) sums[row * Across + k] = V::requantize(sums[row * Across + k], factor);
    }
}

}  // namespace detail

/// The factors of `Vectors` vectors of sums, in the form in which they are applied fastest.
///
/// Where the instruction set has no high product of 32 bits (x86), single precision gives the same bits in half the
/// instructions, and knows when it might not: one sum in some six thousand is then scaled again in integers.
template <class V, int Vectors, bool Quick = V::quick>
class int8_scaling {
public:
    using i32 = typename V::i32;

    COMPRESS_INLINE int8_scaling(const std::int32_t* multiplier, const std::int8_t* shift) {
        for (int k = 0; k < Vectors; ++k) factors_[k] = V::load_factor(multiplier + k * V::lanes, shift + k * V::lanes);
    }
    /// Scales four vectors, or as many as there are in `Rows` rows of `Across` vectors, which begin at vector `First`.
    template <int First, int Across, int Rows = 1>
    COMPRESS_INLINE void apply(i32 (&sums)[4]) const {
        COMPRESS_UNROLL
        for (int k = 0; k < Across * Rows; ++k) sums[k] = V::requantize(sums[k], factors_[First + k % Across]);
    }

private:
    typename V::factor factors_[Vectors];
};

template <class V, int Vectors>
class int8_scaling<V, Vectors, true> {
public:
    using i32 = typename V::i32;

    COMPRESS_INLINE int8_scaling(const std::int32_t* multiplier, const std::int8_t* shift)
        : multiplier_(multiplier),
          shift_(shift) {
        for (int k = 0; k < Vectors; ++k)
            factors_[k] = V::load_quick_factor(multiplier + k * V::lanes, shift + k * V::lanes);
    }
    template <int First, int Across, int Rows = 1>
    COMPRESS_INLINE void apply(i32 (&sums)[4]) const {
        i32 scaled[4];
        if (!V::template requantize_quickly<Across, Rows>(sums, factors_ + First, scaled)) [[unlikely]] {
            i32 again[4];  // whose address is taken: the others stay in registers
            for (int k = 0; k < Across * Rows; ++k) again[k] = sums[k];
            detail::requantize_exactly<V, Across, Rows>(multiplier_ + First * V::lanes, shift_ + First * V::lanes,
                                                        again);
            for (int k = 0; k < Across * Rows; ++k) scaled[k] = again[k];
        }
        COMPRESS_UNROLL
        for (int k = 0; k < Across * Rows; ++k) sums[k] = scaled[k];
    }

private:
    typename V::quick_factor factors_[Vectors];
    const std::int32_t* multiplier_;
    const std::int8_t* shift_;
};

}  // namespace tensor_compress
