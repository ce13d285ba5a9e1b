// SPDX-License-Identifier: MIT
#pragma once

#include <compress/core/fixed_add.hpp>
#include <compress/simd/vector_unit.hpp>
#include <compress/storage/panels.hpp>

namespace tensor_compress {

/// What happens to the 32-bit sum of an int8 product: requantisation, activation, and the residual add with its activation.
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

    static constexpr std::int32_t get(const std::int8_t* packed, int8_parameter which) noexcept {
        return static_cast<int>(which) < Sections::parameter_count ? Sections::parameter(packed, which) : 0;
    }

    /// The int8 result of one sum, without and with a residual.
    constexpr std::int32_t finish(std::int32_t sum, fixed_multiplier factor) const noexcept {
        return clamp32(requantize(sum, factor) + zero_point, low, high);
    }
};

/// The same over vectors. Values are shifted by `stored_offset` where the arena holds unsigned bytes; a residual is read and
/// the result written as `Out`.
template <class V, class Out, bool Residual>
struct int8_vector_end {
    using i32 = typename V::i32;
    using factor = typename V::factor;
    static constexpr int vectors = V::vectors_per_panel;
    static constexpr int offset = stored_offset<Out>;

    i32 zero_point, low, high;
    i32 stage_zero, sum_zero, sum_low, sum_high;
    factor stage_factor, residual_factor, sum_factor;

    template <class Sections>
    COMPRESS_INLINE explicit int8_vector_end(const int8_end<Sections>& e)
        : zero_point(V::splat_int(e.zero_point + (Residual ? 0 : offset))),
          low(V::splat_int(e.low + (Residual ? 0 : offset))),
          high(V::splat_int(e.high + (Residual ? 0 : offset))) {
        if constexpr (Residual) {
            stage_zero = V::splat_int(e.add.first_zero_point);
            sum_zero = V::splat_int(e.add.zero_point + offset);
            sum_low = V::splat_int(e.add.low + offset);
            sum_high = V::splat_int(e.add.high + offset);
            stage_factor = splat(e.add.first);
            residual_factor = splat(e.add.second);
            sum_factor = splat(e.add.sum);
            residual_zero_value = e.add.second_zero_point;
        }
    }
    static COMPRESS_INLINE factor splat(fixed_multiplier m) {
        return V::make_factor(V::splat_int(m.multiplier), V::splat_int(m.shift));
    }

    /// One vector of sums to integers within the range of the stored byte, not yet added to a residual.
    COMPRESS_INLINE i32 stage(i32 sum, const factor& f) const {
        return V::clamp(V::add(V::requantize(sum, f), zero_point), low, high);
    }
    COMPRESS_INLINE i32 add(i32 value, i32 residual, int residual_offset) const {
        const i32 zero = V::splat_int(residual_zero_value + residual_offset);
        const i32 x = V::requantize(V::template shift_left<add_left_shift>(V::subtract(value, stage_zero)), stage_factor);
        const i32 y = V::requantize(V::template shift_left<add_left_shift>(V::subtract(residual, zero)), residual_factor);
        return V::clamp(V::add(V::requantize(V::add(x, y), sum_factor), sum_zero), sum_low, sum_high);
    }
    std::int32_t residual_zero_value = 0;
};

}  // namespace tensor_compress
