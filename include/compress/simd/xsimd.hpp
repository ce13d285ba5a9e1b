// SPDX-License-Identifier: MIT
#pragma once

// The one door to xsimd. Its `fma` on AVX-512 is a multiplication and an addition in version 8, so the fused one is
// written here; horizontal sums changed their name between 8 and 13 and are not used at all.

#include <compress/simd/detail/intrinsics.hpp>

#include <xsimd/xsimd.hpp>

#include <compress/core/config.hpp>

namespace tensor_compress::simd {

/// Floating-point vectors of one xsimd architecture: `lanes` values, loads and stores without alignment.
template <class XsimdArch>
struct float_unit {
    using f32 = xsimd::batch<float, XsimdArch>;

    static COMPRESS_INLINE f32 load(const float* p) { return f32::load_unaligned(p); }
    static COMPRESS_INLINE f32 splat(float v) { return f32(v); }
    static COMPRESS_INLINE void store(float* p, f32 v) { v.store_unaligned(p); }
    static COMPRESS_INLINE f32 divide(f32 a, f32 b) { return a / b; }
    static COMPRESS_INLINE f32 root(f32 v) { return xsimd::sqrt(v); }
    /// v in the lanes where the condition is above 0, else 0.
    static COMPRESS_INLINE f32 where_positive(f32 condition, f32 v) {
        return xsimd::select(condition > f32(0.0f), v, f32(0.0f));
    }
    static COMPRESS_INLINE f32 zero_if_nan(f32 v) { return xsimd::select(v == v, v, f32(0.0f)); }
};

}  // namespace tensor_compress::simd
