// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include <compress/core/config.hpp>
#include <compress/simd/detail/intrinsics.hpp>

namespace tensor_compress::simd {

/// What AVX-512 (F, BW, DQ, VL) calls its 64-byte instructions.
struct x86_registers_512 {
    static constexpr int bytes = 64;
    static constexpr int number_of_registers = 32;
    using reg = __m512i;
    static COMPRESS_INLINE reg load(const void* p) { return _mm512_loadu_si512(p); }
    static COMPRESS_INLINE void store(void* p, reg v) { _mm512_storeu_si512(p, v); }
    static COMPRESS_INLINE reg zero() { return _mm512_setzero_si512(); }
    static COMPRESS_INLINE reg splat8(int v) { return _mm512_set1_epi8(static_cast<char>(v)); }
    static COMPRESS_INLINE reg splat16(int v) { return _mm512_set1_epi16(static_cast<short>(v)); }
    static COMPRESS_INLINE reg splat32(std::int32_t v) { return _mm512_set1_epi32(v); }
    static COMPRESS_INLINE reg splat64(std::int64_t v) { return _mm512_set1_epi64(v); }
    static COMPRESS_INLINE reg bit_and(reg a, reg b) { return _mm512_and_si512(a, b); }
    static COMPRESS_INLINE reg bit_xor(reg a, reg b) { return _mm512_xor_si512(a, b); }
    static COMPRESS_INLINE reg add32(reg a, reg b) { return _mm512_add_epi32(a, b); }
    static COMPRESS_INLINE reg sub32(reg a, reg b) { return _mm512_sub_epi32(a, b); }
    static COMPRESS_INLINE reg add64(reg a, reg b) { return _mm512_add_epi64(a, b); }
    static COMPRESS_INLINE reg min32(reg a, reg b) { return _mm512_min_epi32(a, b); }
    static COMPRESS_INLINE reg max32(reg a, reg b) { return _mm512_max_epi32(a, b); }
    static COMPRESS_INLINE reg mul_even(reg a, reg b) { return _mm512_mul_epi32(a, b); }
    static COMPRESS_INLINE reg madd16(reg a, reg b) { return _mm512_madd_epi16(a, b); }
    static COMPRESS_INLINE reg unpack_low8(reg a, reg b) { return _mm512_unpacklo_epi8(a, b); }
    static COMPRESS_INLINE reg unpack_high8(reg a, reg b) { return _mm512_unpackhi_epi8(a, b); }
    static COMPRESS_INLINE reg unpack_low16(reg a, reg b) { return _mm512_unpacklo_epi16(a, b); }
    static COMPRESS_INLINE reg unpack_high16(reg a, reg b) { return _mm512_unpackhi_epi16(a, b); }
    static COMPRESS_INLINE reg pack32(reg a, reg b) { return _mm512_packs_epi32(a, b); }
    static COMPRESS_INLINE reg pack16_signed(reg a, reg b) { return _mm512_packs_epi16(a, b); }
    static COMPRESS_INLINE reg pack16_unsigned(reg a, reg b) { return _mm512_packus_epi16(a, b); }
    template <int Bits>
    static COMPRESS_INLINE reg shift_left32(reg v) { return _mm512_slli_epi32(v, Bits); }
    template <int Bits>
    static COMPRESS_INLINE reg shift_right32(reg v) { return _mm512_srai_epi32(v, Bits); }
    template <int Bits>
    static COMPRESS_INLINE reg shift_right64(reg v) { return _mm512_srli_epi64(v, Bits); }
    static COMPRESS_INLINE reg high_byte_of16(reg v) { return _mm512_srli_epi16(v, 8); }
    static COMPRESS_INLINE reg high_byte_of16_signed(reg v) { return _mm512_srai_epi16(v, 8); }
    static COMPRESS_INLINE reg low_byte_of16_signed(reg v) { return _mm512_srai_epi16(_mm512_slli_epi16(v, 8), 8); }
    /// Even 32-bit lanes of the high halves of `even`, odd ones of those of `odd`.
    static COMPRESS_INLINE reg merge_high_halves(reg even, reg odd) {
        return _mm512_mask_blend_epi32(0xaaaa, shift_right64<32>(even), odd);
    }

    // Shifts by a different count in each lane.
    static COMPRESS_INLINE reg left_operand(reg count) { return count; }
    static COMPRESS_INLINE reg right_operand(reg count) { return count; }
    static COMPRESS_INLINE reg shift_left_by(reg v, reg operand) { return _mm512_sllv_epi32(v, operand); }
    static COMPRESS_INLINE reg shift_right_by(reg v, reg operand) { return _mm512_srav_epi32(v, operand); }

    static COMPRESS_INLINE reg widen_unsigned(const void* p) { return _mm512_cvtepu8_epi32(_mm_loadu_si128(static_cast<const __m128i*>(p))); }
    static COMPRESS_INLINE reg widen_signed(const void* p) { return _mm512_cvtepi8_epi32(_mm_loadu_si128(static_cast<const __m128i*>(p))); }
    /// 16 integers that fit a byte, as 16 bytes.
    static COMPRESS_INLINE void narrow16(void* p, const reg (&v)[1]) {
        _mm_storeu_si128(static_cast<__m128i*>(p), _mm512_cvtepi32_epi8(v[0]));
    }

#if defined(__AVX512VNNI__)
    /// sum + the four products of unsigned bytes of `a` and signed bytes of `b` in each lane.
    static COMPRESS_INLINE reg dot4(reg sum, reg a, reg b) {
#if defined(__clang__)
        return _mm512_dpbusd_epi32(sum, a, b);
#else
        // g++ 12 spills around the intrinsic above 16 sums (460 -> 190 GOP/s); it leaves an asm operand in its register.
        asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
        return sum;
#endif
    }
#endif
};

}  // namespace tensor_compress::simd
