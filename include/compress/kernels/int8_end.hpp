// SPDX-License-Identifier: MIT
#pragma once

#include <compress/core/config.hpp>
#include <compress/core/fixed_add.hpp>
#include <compress/simd/vector_unit.hpp>
#include <compress/storage/panels.hpp>

namespace tensor_compress {

/// What happens to the 32-bit sum of an int8 product: requantisation, activation, and the residual add with its
/// activation.
template <class Sections>
struct int8_end {
    std::int32_t input_zero_point, zero_point, low, high;
    add_scaling add;

    constexpr explicit int8_end(const std::int8_t* packed)
        : input_zero_point(get(packed, int8_parameter::input_zero_point)),
          zero_point(get(packed, int8_parameter::stage_zero_point)),
          low(get(packed, int8_parameter::stage_low)),
          high(get(packed, int8_parameter::stage_high)),
          add{zero_point,
              get(packed, int8_parameter::residual_zero_point),
              get(packed, int8_parameter::sum_zero_point),
              {get(packed, int8_parameter::stage_multiplier), get(packed, int8_parameter::stage_shift)},
              {get(packed, int8_parameter::residual_multiplier), get(packed, int8_parameter::residual_shift)},
              {get(packed, int8_parameter::sum_multiplier), get(packed, int8_parameter::sum_shift)},
              get(packed, int8_parameter::sum_low),
              get(packed, int8_parameter::sum_high)} {}

    static constexpr std::int32_t get(const std::int8_t* packed, int8_parameter which) {
        return static_cast<int>(which) < Sections::parameter_count ? Sections::parameter(packed, which) : 0;
    }

    /// The int8 result of one sum, without and with a residual.
    constexpr std::int32_t finish(std::int32_t sum, fixed_multiplier factor) const {
        return clamp32(requantize(sum, factor) + zero_point, low, high);
    }
};

/// The same over vectors. The result is written as `Out`, whose zero may be moved by `stored_offset`.
template <class V, class Out, bool Residual>
struct int8_vector_end {
    static constexpr int offset = stored_offset<Out>;
    static constexpr int group = 4;  ///< vectors that are narrowed to bytes together

    typename V::byte_end bytes;

    template <class Sections>
    COMPRESS_INLINE explicit int8_vector_end(const int8_end<Sections>& e)
        : bytes(V::make_byte_end(e.zero_point + offset, e.low + offset, e.high + offset)) {}
};

template <class V, class Out>
struct int8_vector_end<V, Out, true> {
    using i32 = typename V::i32;
    using factor = typename V::factor;
    static constexpr int offset = stored_offset<Out>;
    static constexpr int group = 4;

    typename V::byte_end bytes;
    i32 stage_low, stage_high;  ///< moved so that the stage's zero point is 0
    factor stage_factor, residual_factor, sum_factor;
    std::int32_t residual_zero;

    template <class Sections>
    COMPRESS_INLINE explicit int8_vector_end(const int8_end<Sections>& e)
        : bytes(V::make_byte_end(e.add.zero_point + offset, e.add.low + offset, e.add.high + offset)),
          stage_low(V::splat_int(e.low - e.zero_point)),
          stage_high(V::splat_int(e.high - e.zero_point)),
          stage_factor(simd::splat_factor<V>(e.add.first)),
          residual_factor(simd::splat_factor<V>(e.add.second)),
          sum_factor(simd::splat_factor<V>(e.add.sum)),
          residual_zero(e.add.second_zero_point) {}

    /// Scaled sum and stored residual to the scaled result, to which the zero point is still to be added. The common
    /// factors are below 1, so the shift by 20 can be one by 21 that doubles as well.
    COMPRESS_INLINE i32 add(i32 scaled, i32 residual, int residual_offset) const {
        const i32 x = V::clamp(scaled, stage_low, stage_high);
        const i32 y = V::subtract(residual, V::splat_int(residual_zero + residual_offset));
        const i32 a = V::requantize_doubled(V::template shift_left<add_left_shift + 1>(x), stage_factor);
        const i32 b = V::requantize_doubled(V::template shift_left<add_left_shift + 1>(y), residual_factor);
        return V::requantize(V::add(a, b), sum_factor);
    }
};

}  // namespace tensor_compress
