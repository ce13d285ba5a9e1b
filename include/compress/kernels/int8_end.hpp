// SPDX-License-Identifier: MIT
#pragma once

#include <compress/core/config.hpp>
#include <compress/core/fixed_add.hpp>
#include <compress/kernels/int8_adding.hpp>
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

/// The same over vectors of scaled sums. The result is written as `Out`, whose zero may be moved by `stored_offset`.
template <class V, class Out>
struct int8_vector_end {
    typename V::byte_end bytes;

    template <class Sections>
    COMPRESS_INLINE explicit int8_vector_end(const int8_end<Sections>& e)
        : bytes(V::make_byte_end(e.zero_point + stored_offset<Out>, e.low + stored_offset<Out>,
                                 e.high + stored_offset<Out>)) {}
};

/// And with a residual, stored as `Other`.
template <class V, class Out, class Other>
struct int8_residual_end {
    using i32 = typename V::i32;

    typename V::byte_end bytes;
    i32 low, high;  ///< of the stage before the add, moved so that its zero point is 0
    int8_adding<V> adding;

    template <class Sections>
    COMPRESS_INLINE explicit int8_residual_end(const int8_end<Sections>& e)
        : bytes(V::make_byte_end(e.add.zero_point + stored_offset<Out>, e.add.low + stored_offset<Out>,
                                 e.add.high + stored_offset<Out>)),
          low(V::splat_int(e.low - e.zero_point)),
          high(V::splat_int(e.high - e.zero_point)),
          adding(e.add, 0, e.add.second_zero_point + stored_offset<Other>) {}

    /// Adds the stored residual to the first `Count` scaled sums.
    template <int Count>
    COMPRESS_INLINE void add(i32 (&scaled)[4], const i32 (&residual)[4]) const {
        COMPRESS_UNROLL
        for (int k = 0; k < Count; ++k) scaled[k] = V::clamp(scaled[k], low, high);
        adding.template apply<Count>(scaled, residual);
    }
};

}  // namespace tensor_compress
