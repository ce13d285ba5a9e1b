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
struct int8_end {
    std::int32_t input_zero_point, zero_point, low, high;
    add_scaling add;

    /// Of packed sections; without a residual the numbers of the add are 0.
    template <class Sections>
    static constexpr int8_end of(const std::int8_t* packed) {
        const auto get = [packed](int8_parameter which) {
            return static_cast<int>(which) < Sections::parameter_count ? Sections::parameter(packed, which) : 0;
        };
        using enum int8_parameter;
        const std::int32_t zero_point = get(stage_zero_point);
        return {get(int8_parameter::input_zero_point),
                zero_point,
                get(stage_low),
                get(stage_high),
                {zero_point,
                 get(residual_zero_point),
                 get(sum_zero_point),
                 {get(stage_multiplier), get(stage_shift)},
                 {get(residual_multiplier), get(residual_shift)},
                 {get(sum_multiplier), get(sum_shift)},
                 get(sum_low),
                 get(sum_high)}};
    }

    /// The int8 result of one sum, without and with a residual.
    constexpr std::int32_t finish(std::int32_t sum, fixed_multiplier factor) const {
        return clamp32(requantize(sum, factor) + zero_point, low, high);
    }
};

COMPRESS_INLINE const std::int32_t* words_of(const std::int8_t* part) {
    return reinterpret_cast<const std::int32_t*>(part);
}

namespace detail {
template <class V, int Panels, class Operands>
struct int8_block;
}

/// Where the parts of a packed product lie, besides its weights.
struct int8_parts {
    template <class V, int Panels, class Operands>
    using block = detail::int8_block<V, Panels, Operands>;

    const std::int8_t *bias, *weight_sum, *multiplier, *shift;

    template <class Sections>
    static constexpr int8_parts of(const std::int8_t* packed) {
        return {packed + Sections::bias, packed + Sections::weight_sum, packed + Sections::multiplier,
                packed + Sections::shift};
    }
};

/// What the reference kernels do with the sum of the output in padded place `slot`, whose value goes to output[at].
template <class Sections, bool Residual, class Out, class Other>
COMPRESS_NOTHROW constexpr void finish_reference(const std::int8_t* packed, const int8_end& end, std::int32_t sum,
                                                 int slot, int at, Out* output, const Other* residual) {
    const fixed_multiplier factor{load_bytes<std::int32_t>(packed + Sections::multiplier + 4 * slot),
                                  packed[Sections::shift + slot]};
    std::int32_t q = end.finish(sum, factor);
    if constexpr (Residual) q = end.add(q, residual[at] - stored_offset<Other>);
    output[at] = static_cast<Out>(q + stored_offset<Out>);
}

/// The same over vectors of scaled sums. The result is written as `Out`, whose zero may be moved by `stored_offset`.
template <class V, class Out>
struct int8_vector_end {
    typename V::byte_end bytes;

    COMPRESS_INLINE explicit int8_vector_end(const int8_end& e)
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

    COMPRESS_INLINE explicit int8_residual_end(const int8_end& e)
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
