// SPDX-License-Identifier: MIT
#pragma once

#include <compress/core/config.hpp>
#include <compress/core/fixed_point.hpp>
#include <compress/simd/isa.hpp>

#if defined(COMPRESS_FORCE_SCALAR)
// Only the reference kernels.
#elif defined(__SSE4_2__)
#    include <compress/simd/detail/x86_128.hpp>
#    include <compress/simd/detail/x86_unit.hpp>
#    if defined(__AVX2__) && defined(__FMA__)
#        include <compress/simd/detail/x86_256.hpp>
#    endif
#    if defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#        include <compress/simd/detail/x86_512.hpp>
#    endif
#elif defined(__ARM_NEON) && defined(__aarch64__)
#    include <compress/simd/detail/arm_neon.hpp>
#endif

namespace tensor_compress::simd {

/// The primitives that kernels/ is written in, for one instruction set: `f32` and `i32` vectors with load, store,
/// splat, madd, dot4 and requantize. `half` is the unit of half the width, for what is left of a row of channels.
template <class Isa>
struct vector_unit;

template <class Isa>
inline constexpr bool has_vectors = true;
template <>
inline constexpr bool has_vectors<isa::scalar> = false;

#if defined(COMPRESS_FORCE_SCALAR)
#elif defined(__SSE4_2__)

/// The same primitives in narrower registers, where the instruction set still has its dot product there.
template <bool Vnni>
struct x86_quarter : x86_unit<xsimd::sse4_2, x86_registers_128, Vnni> {
    using half = x86_quarter;
};
template <>
struct vector_unit<isa::sse4> : x86_quarter<false> {};

#    if defined(__AVX2__) && defined(__FMA__)
template <bool Vnni, bool QuarterVnni>
struct x86_half : x86_unit<xsimd::fma3<xsimd::avx2>, x86_registers_256, Vnni> {
    using half = x86_quarter<QuarterVnni>;
};
template <>
struct vector_unit<isa::avx2> : x86_half<false, false> {};
#        if defined(__AVXVNNI__)
template <>
struct vector_unit<isa::avx2_vnni> : x86_half<true, false> {};
#        endif
#    endif

#    if defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
template <bool Vnni>
struct x86_whole : x86_unit<xsimd::avx512bw, x86_registers_512, Vnni> {
    using half = x86_half<Vnni, Vnni>;
};
template <>
struct vector_unit<isa::avx512> : x86_whole<false> {};
#        if defined(__AVX512VNNI__)
template <>
struct vector_unit<isa::avx512_vnni> : x86_whole<true> {};
#        endif
#    endif

#elif defined(__ARM_NEON) && defined(__aarch64__)

template <>
struct vector_unit<isa::neon> : neon_unit<false> {
    using half = vector_unit;
};
template <>
struct vector_unit<isa::neon_dot> : neon_unit<true> {
    using half = vector_unit;
};

#endif

/// One factor for all lanes.
template <class V>
COMPRESS_INLINE typename V::factor splat_factor(fixed_multiplier m) {
    return V::make_factor(V::splat_int(m.multiplier), V::splat_int(m.shift));
}

}  // namespace tensor_compress::simd
