// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>

#include <compress/core/multiply_add.hpp>
#include <compress/simd/vector_unit.hpp>

namespace tensor_compress::simd {

/// The floating-point primitives over one number: what is left after whole vectors, and machines without any.
struct one_lane {
    using f32 = float;
    static constexpr int lanes = 1;
    static COMPRESS_INLINE f32 load(const float* p) { return *p; }
    static COMPRESS_INLINE void store(float* p, f32 v) { *p = v; }
    static COMPRESS_INLINE f32 splat(float v) { return v; }
    static COMPRESS_INLINE f32 madd(f32 a, f32 b, f32 c) { return multiply_add(a, b, c); }
    static COMPRESS_INLINE f32 add(f32 a, f32 b) { return a + b; }
    static COMPRESS_INLINE f32 multiply(f32 a, f32 b) { return a * b; }
    static COMPRESS_INLINE f32 min(f32 a, f32 b) { return a < b ? a : b; }
    static COMPRESS_INLINE f32 max(f32 a, f32 b) { return a > b ? a : b; }  // b where either is not a number
    static COMPRESS_INLINE f32 divide(f32 a, f32 b) { return a / b; }
    static COMPRESS_INLINE f32 root(f32 v) { return std::sqrt(v); }
    static COMPRESS_INLINE f32 where_positive(f32 condition, f32 v) { return condition > 0.0f ? v : 0.0f; }
};

/// f.template operator()<V>(i) for i from `begin` to before `end`: a vector of V at a time while there are whole ones,
/// then number by number. An algorithm is written once for both.
template <class Isa, class F>
COMPRESS_INLINE void for_each_vector(int begin, int end, const F& f) {
    int i = begin;
    if constexpr (has_vectors<Isa>) {
        using V = vector_unit<Isa>;
        for (; i + V::lanes <= end; i += V::lanes) f.template operator()<V>(i);
    }
    for (; i < end; ++i) f.template operator()<one_lane>(i);
}

}  // namespace tensor_compress::simd
