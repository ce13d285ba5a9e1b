// SPDX-License-Identifier: MIT
#pragma once

#include <compress/kernels/elementwise.hpp>

namespace tensor_compress {

namespace detail {

/// The smallest and the largest of some values and 0. What is not a number is neither.
struct value_ends {
    float low = 0, high = 0;
    constexpr void add(float v) {
        if (v < low) low = v;
        if (v > high) high = v;
    }
};

}  // namespace detail

/// The affine parameters whose 256 steps cover all of `input`; what is not a number is passed over.
template <int Count>
COMPRESS_NOTHROW constexpr affine affine_of_values_reference(const float* input) {
    detail::value_ends ends;
    for (int i = 0; i < Count; ++i) ends.add(input[i]);
    return affine_for_range(ends.low, ends.high);
}

/// The same over the vectors of `Isa`.
template <class Isa, int Count>
COMPRESS_NOTHROW constexpr affine affine_of_values(const float* input) {
    if constexpr (!simd::has_vectors<Isa>) {
        return affine_of_values_reference<Count>(input);
    } else {
        using V = simd::vector_unit<Isa>;
        using f32 = typename V::f32;
        constexpr int chains = 4, step = chains * V::lanes;  // the latency of a minimum is four times its rate
        constexpr int whole = Count / step * step;
        f32 lowest[chains], highest[chains];
        COMPRESS_UNROLL
        for (int k = 0; k < chains; ++k) lowest[k] = highest[k] = V::splat(0.0f);
        for (int i = 0; i < whole; i += step) {
            COMPRESS_UNROLL
            for (int k = 0; k < chains; ++k) {
                const f32 x = V::zero_if_nan(V::load(input + i + k * V::lanes));
                lowest[k] = V::min(lowest[k], x);
                highest[k] = V::max(highest[k], x);
            }
        }
        float stored[2 * V::lanes];
        V::store(stored, V::min(V::min(lowest[0], lowest[1]), V::min(lowest[2], lowest[3])));
        V::store(stored + V::lanes, V::max(V::max(highest[0], highest[1]), V::max(highest[2], highest[3])));
        detail::value_ends ends;
        for (const float v : stored) ends.add(v);
        for (int i = whole; i < Count; ++i) ends.add(input[i]);
        return affine_for_range(ends.low, ends.high);
    }
}

}  // namespace tensor_compress
