// SPDX-License-Identifier: MIT
#pragma once

#include <compress/kernels/elementwise.hpp>

namespace tensor_compress {

/// The affine parameters whose 256 steps cover all of `input`; what is not a number is passed over.
template <int Count>
COMPRESS_NOTHROW constexpr affine affine_of_values_reference(const float* input) {
    float low = 0, high = 0;
    for (int i = 0; i < Count; ++i) {
        if (input[i] < low) low = input[i];
        if (input[i] > high) high = input[i];
    }
    return affine_for_range(low, high);
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
        float ends[2][V::lanes];
        V::store(ends[0], V::min(V::min(lowest[0], lowest[1]), V::min(lowest[2], lowest[3])));
        V::store(ends[1], V::max(V::max(highest[0], highest[1]), V::max(highest[2], highest[3])));
        float low = 0, high = 0;
        for (int k = 0; k < V::lanes; ++k) {
            if (ends[0][k] < low) low = ends[0][k];
            if (ends[1][k] > high) high = ends[1][k];
        }
        for (int i = whole; i < Count; ++i) {
            if (input[i] < low) low = input[i];
            if (input[i] > high) high = input[i];
        }
        return affine_for_range(low, high);
    }
}

}  // namespace tensor_compress
