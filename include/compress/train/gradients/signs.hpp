// SPDX-License-Identifier: MIT
#pragma once

#include <compress/train/gradients/elementwise.hpp>

namespace tensor_compress {

/// signs[i] = size where values[i] >= 0, else -size: what a layer of binary_activations multiplies.
template <class Isa, int Count>
void take_signs(float size, const float* values, float* signs) {
    simd::for_each_vector<Isa>(0, Count, [&]<class V>(int i) COMPRESS_LAMBDA_INLINE {
        const auto negative = V::multiply(V::splat(-1.0f), V::load(values + i));
        V::store(signs + i, V::add(V::splat(size), V::where_positive(negative, V::splat(-2 * size))));
    });
}

/// value_gradient[i] (+)= max(0, 1.6 - 1.28 |values[i]| / size) * sign_gradient[i]
///
/// A sign has no slope; this is that of a parabola on either side of zero which bends to -1 and 1 at -w and w, times
/// size / w, with w = 1.25 size: what |v| is on average at a normal distribution, size, is 0.8 of its deviation.
/// Source: Liu et al. 2018, Bi-Real Net, equations 6 and 7, for values of deviation w.
template <class Isa, int Count, bool Add>
void sign_gradient(float size, const float* values, const float* sign_gradient, float* value_gradient) {
    const float fall = 1.28f / size;
    simd::for_each_vector<Isa>(0, Count, [&]<class V>(int i) COMPRESS_LAMBDA_INLINE {
        const auto v = V::load(values + i);
        const auto distance = V::max(v, V::multiply(V::splat(-1.0f), v));
        const auto slope = V::max(V::madd(V::splat(-fall), distance, V::splat(1.6f)), V::splat(0.0f));
        detail::give_vector<V, Add>(value_gradient + i, V::multiply(slope, V::load(sign_gradient + i)));
    });
}

}  // namespace tensor_compress
