// SPDX-License-Identifier: MIT
#pragma once

#include <cstring>

#include <compress/core/activation.hpp>
#include <compress/core/config.hpp>

namespace tensor_compress {

/// What follows the sum of a fp32 product: a clamp, an add, a clamp.
struct float_end {
    clamp_kind stage = clamp_kind::none;
    bool residual = false;
    clamp_kind sum = clamp_kind::none;
    friend constexpr bool operator==(const float_end&, const float_end&) = default;
};

namespace detail {

template <class V, clamp_kind Kind>
COMPRESS_INLINE typename V::f32 clamp_vector(typename V::f32 v) {
    if constexpr (Kind != clamp_kind::none) v = V::max(v, V::splat(0.0f));
    if constexpr (Kind == clamp_kind::relu6) v = V::min(v, V::splat(6.0f));
    return v;
}

/// The end of one pixel: its first `Outputs` sums, in vectors.
template <class V, float_end End, int Outputs, int Vectors>
COMPRESS_INLINE void finish_fp32_pixel(const typename V::f32 (&sums)[Vectors], float* output, const float* residual) {
    COMPRESS_UNROLL
    for (int j = 0; j < Vectors; ++j) {
        const int first = j * V::lanes, left = Outputs - first;
        typename V::f32 v = clamp_vector<V, End.stage>(sums[j]);
        if (left >= V::lanes) {
            if constexpr (End.residual) v = clamp_vector<V, End.sum>(V::add(v, V::load(residual + first)));
            V::store(output + first, v);
        } else if (left > 0) {
            float part[V::lanes]{};
            if constexpr (End.residual) {
                std::memcpy(part, residual + first, sizeof(float) * static_cast<std::size_t>(left));
                v = clamp_vector<V, End.sum>(V::add(v, V::load(part)));
            }
            V::store(part, v);
            std::memcpy(output + first, part, sizeof(float) * static_cast<std::size_t>(left));
        }
    }
}

}  // namespace detail
}  // namespace tensor_compress
