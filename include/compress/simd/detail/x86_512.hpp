// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <cstring>

#include <compress/core/config.hpp>
#include <compress/simd/detail/intrinsics.hpp>
#include <compress/simd/detail/x86_256.hpp>

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
    static COMPRESS_INLINE reg bit_or(reg a, reg b) { return _mm512_or_si512(a, b); }
    static COMPRESS_INLINE reg bit_xor(reg a, reg b) { return _mm512_xor_si512(a, b); }
    static COMPRESS_INLINE __m512 add(__m512 a, __m512 b) { return _mm512_add_ps(a, b); }
    static COMPRESS_INLINE __m512 min(__m512 a, __m512 b) { return _mm512_min_ps(a, b); }
    static COMPRESS_INLINE __m512 max(__m512 a, __m512 b) { return _mm512_max_ps(a, b); }
    static COMPRESS_INLINE reg add32(reg a, reg b) { return _mm512_add_epi32(a, b); }
    static COMPRESS_INLINE reg sub32(reg a, reg b) { return _mm512_sub_epi32(a, b); }
    static COMPRESS_INLINE reg add64(reg a, reg b) { return _mm512_add_epi64(a, b); }
    static COMPRESS_INLINE reg min32(reg a, reg b) { return _mm512_min_epi32(a, b); }
    static COMPRESS_INLINE reg max32(reg a, reg b) { return _mm512_max_epi32(a, b); }
    static COMPRESS_INLINE reg mul_even(reg a, reg b) { return _mm512_mul_epi32(a, b); }
    static COMPRESS_INLINE reg mul_low32(reg a, reg b) { return _mm512_mullo_epi32(a, b); }
    static COMPRESS_INLINE reg mul_low16(reg a, reg b) { return _mm512_mullo_epi16(a, b); }
    static COMPRESS_INLINE reg madd16(reg a, reg b) { return _mm512_madd_epi16(a, b); }
    static COMPRESS_INLINE reg unpack_low8(reg a, reg b) { return _mm512_unpacklo_epi8(a, b); }
    static COMPRESS_INLINE reg unpack_high8(reg a, reg b) { return _mm512_unpackhi_epi8(a, b); }
    static COMPRESS_INLINE reg unpack_low16(reg a, reg b) { return _mm512_unpacklo_epi16(a, b); }
    static COMPRESS_INLINE reg unpack_high16(reg a, reg b) { return _mm512_unpackhi_epi16(a, b); }
    static COMPRESS_INLINE reg unpack_low32(reg a, reg b) { return _mm512_unpacklo_epi32(a, b); }
    static COMPRESS_INLINE reg unpack_high32(reg a, reg b) { return _mm512_unpackhi_epi32(a, b); }
    static COMPRESS_INLINE reg unpack_low64(reg a, reg b) { return _mm512_unpacklo_epi64(a, b); }
    static COMPRESS_INLINE reg unpack_high64(reg a, reg b) { return _mm512_unpackhi_epi64(a, b); }
    /// Part q of vector a becomes part a of vector q.
    static COMPRESS_INLINE void transpose_parts(reg (&v)[4]) {
        const reg low01 = _mm512_shuffle_i32x4(v[0], v[1], 0x44), low23 = _mm512_shuffle_i32x4(v[2], v[3], 0x44);
        const reg high01 = _mm512_shuffle_i32x4(v[0], v[1], 0xee), high23 = _mm512_shuffle_i32x4(v[2], v[3], 0xee);
        v[0] = _mm512_shuffle_i32x4(low01, low23, 0x88);
        v[1] = _mm512_shuffle_i32x4(low01, low23, 0xdd);
        v[2] = _mm512_shuffle_i32x4(high01, high23, 0x88);
        v[3] = _mm512_shuffle_i32x4(high01, high23, 0xdd);
    }
    static COMPRESS_INLINE reg pack32(reg a, reg b) { return _mm512_packs_epi32(a, b); }
    static COMPRESS_INLINE reg pack16_signed(reg a, reg b) { return _mm512_packs_epi16(a, b); }
    static COMPRESS_INLINE reg pack16_unsigned(reg a, reg b) { return _mm512_packus_epi16(a, b); }
    static COMPRESS_INLINE reg add16_saturated(reg a, reg b) { return _mm512_adds_epi16(a, b); }
    static COMPRESS_INLINE reg max_unsigned8(reg a, reg b) { return _mm512_max_epu8(a, b); }
    static COMPRESS_INLINE reg min_unsigned8(reg a, reg b) { return _mm512_min_epu8(a, b); }
    static COMPRESS_INLINE reg xor3(reg a, reg b, reg c) { return _mm512_ternarylogic_epi32(a, b, c, 0x96); }
    /// Of each bit: not the second where the first is set, else the third.
    static COMPRESS_INLINE reg not_second_or_third(reg a, reg b, reg c) {
        return _mm512_ternarylogic_epi32(a, b, c, 0x3a);
    }
    static COMPRESS_INLINE std::uint64_t mask_below_unsigned8(reg a, reg b) { return _mm512_cmplt_epu8_mask(a, b); }
#if defined(__AVX512VPOPCNTDQ__)
    static COMPRESS_INLINE reg count_bits32(reg v) { return _mm512_popcnt_epi32(v); }
#endif
    static COMPRESS_INLINE reg max_signed8(reg a, reg b) { return _mm512_max_epi8(a, b); }
    static COMPRESS_INLINE reg min_signed8(reg a, reg b) { return _mm512_min_epi8(a, b); }
    template <int Bits>
    static COMPRESS_INLINE reg shift_left16(reg v) {
        return _mm512_slli_epi16(v, Bits);
    }
    template <int Bits>
    static COMPRESS_INLINE reg shift_right16(reg v) {
        return _mm512_srli_epi16(v, Bits);
    }
    template <int Bits>
    static COMPRESS_INLINE reg shift_right16_signed(reg v) {
        return _mm512_srai_epi16(v, Bits);
    }
    template <int Bits>
    static COMPRESS_INLINE reg shift_left32(reg v) {
        return _mm512_slli_epi32(v, Bits);
    }
    template <int Bits>
    static COMPRESS_INLINE reg shift_right32(reg v) {
        return _mm512_srai_epi32(v, Bits);
    }
    template <int Bits>
    static COMPRESS_INLINE reg shift_left64(reg v) {
        return _mm512_slli_epi64(v, Bits);
    }
    template <int Bits>
    static COMPRESS_INLINE reg shift_right64(reg v) {
        return _mm512_srli_epi64(v, Bits);
    }
    static COMPRESS_INLINE reg high_byte_of16(reg v) { return _mm512_srli_epi16(v, 8); }
    static COMPRESS_INLINE reg high_byte_of16_signed(reg v) { return _mm512_srai_epi16(v, 8); }
    static COMPRESS_INLINE reg low_byte_of16_signed(reg v) { return _mm512_srai_epi16(_mm512_slli_epi16(v, 8), 8); }
    /// x + y in the lanes where `sign` is negative, else x.
    static COMPRESS_INLINE reg add_where_negative(reg x, reg sign, reg y) {
        return _mm512_mask_add_epi32(x, _mm512_movepi32_mask(sign), x, y);
    }
    /// Odd lanes in the place of even ones; by a shuffle, because the shifts around it fill their port.
    static COMPRESS_INLINE reg odd_to_even(reg v) { return _mm512_shuffle_epi32(v, static_cast<_MM_PERM_ENUM>(0xf5)); }
    /// Even 32-bit lanes of the high halves of `even`, odd ones of those of `odd`.
    static COMPRESS_INLINE reg merge_high_halves(reg even, reg odd) {
        return _mm512_mask_shuffle_epi32(odd, 0x5555, even, static_cast<_MM_PERM_ENUM>(0xf5));
    }

    static COMPRESS_INLINE reg load_eighths(const void* p) {
        long long eight;
        std::memcpy(&eight, p, 8);
        return _mm512_set1_epi64(eight);
    }
    static COMPRESS_INLINE reg load_quarters(const void* p) {
        return _mm512_broadcast_i32x4(_mm_loadu_si128(static_cast<const __m128i*>(p)));
    }
    static COMPRESS_INLINE reg shuffle8(reg table, reg index) { return _mm512_shuffle_epi8(table, index); }
#if defined(__AVX512VBMI2__)
    static COMPRESS_INLINE reg expand8(std::uint64_t mask, const std::int8_t* p) {
        return _mm512_maskz_expand_epi8(mask, load(p));
    }
#endif

    // Shifts by a different count in each lane.
    static COMPRESS_INLINE reg left_operand(reg count) { return count; }
    static COMPRESS_INLINE reg right_operand(reg count) { return count; }
#if defined(__GFNI__)
    static COMPRESS_INLINE reg affine8(reg v, reg matrix) { return _mm512_gf2p8affine_epi64_epi8(v, matrix, 0); }
#endif
    static COMPRESS_INLINE reg shift_down(reg v, int count) { return _mm512_srl_epi32(v, _mm_cvtsi32_si128(count)); }
    /// The lowest 4 bits of each lane, from a table: one instruction on a port that converting leaves free.
    static COMPRESS_INLINE __m512 nibbles_as_float(reg v) {
        return _mm512_permutexvar_ps(v, _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1));
    }
    /// The low 2 bits of a lane say which float of its 16-byte part it picks.
    static COMPRESS_INLINE reg quarter_places(reg v) { return v; }
    static COMPRESS_INLINE __m512 pick32(__m512 v, reg places) { return _mm512_permutevar_ps(v, places); }
    static COMPRESS_INLINE reg shift_left_by(reg v, reg operand) { return _mm512_sllv_epi32(v, operand); }
    static COMPRESS_INLINE reg shift_right_by(reg v, reg operand) { return _mm512_srav_epi32(v, operand); }

    static COMPRESS_INLINE reg truncate(__m512 v) { return _mm512_cvttps_epi32(v); }
    static COMPRESS_INLINE reg nearest(__m512 v) { return _mm512_cvtps_epi32(v); }
    static COMPRESS_INLINE __m512 divide(__m512 a, __m512 b) { return _mm512_div_ps(a, b); }
    /// 0 in the lanes that are not numbers.
    static COMPRESS_INLINE __m512 zero_if_nan(__m512 v) {
        return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(v, v, _CMP_ORD_Q), v);
    }
    /// `size`, which is not negative, with the sign of an integer.
    static COMPRESS_INLINE __m512 with_sign(__m512 size, reg sign) {
        return _mm512_castsi512_ps(
            _mm512_ternarylogic_epi32(_mm512_castps_si512(size), sign, splat32(INT32_MIN), 0xf8));
    }
    /// v - nearest(v), whose size is at most 1/2.
    static COMPRESS_INLINE __m512 from_nearest(__m512 v) { return _mm512_reduce_ps(v, 0); }
    /// The larger size of each pair.
    static COMPRESS_INLINE __m512 larger_size(__m512 a, __m512 b) { return _mm512_range_ps(a, b, 0xb); }
    static COMPRESS_INLINE bool any_above(__m512 v, float bound) {
        return _mm512_cmp_ps_mask(v, _mm512_set1_ps(bound), _CMP_GT_OQ) != 0;
    }
    static COMPRESS_INLINE __m512 as_float(reg v) { return _mm512_castsi512_ps(v); }
    static COMPRESS_INLINE reg as_bits(__m512 v) { return _mm512_castps_si512(v); }
    static COMPRESS_INLINE __m512 to_float(reg v) { return _mm512_cvtepi32_ps(v); }
    static COMPRESS_INLINE reg widen_unsigned(const void* p) {
        return _mm512_cvtepu8_epi32(_mm_loadu_si128(static_cast<const __m128i*>(p)));
    }
    static COMPRESS_INLINE reg widen_signed(const void* p) {
        return _mm512_cvtepi8_epi32(_mm_loadu_si128(static_cast<const __m128i*>(p)));
    }
#if defined(__F16C__)
    static COMPRESS_INLINE __m512 from_half(const void* p) {
        return _mm512_cvtph_ps(_mm256_loadu_si256(static_cast<const __m256i*>(p)));
    }
#endif
    static COMPRESS_INLINE reg widen_unsigned16(const void* p) {
        return _mm512_cvtepu16_epi32(_mm256_loadu_si256(static_cast<const __m256i*>(p)));
    }
    static COMPRESS_INLINE __m512 gather(const float* base, reg at) { return _mm512_i32gather_ps(at, base, 4); }
    /// v in the first `count` lanes, 0 in the others.
    static COMPRESS_INLINE reg first_lanes(reg v, int count) {
        return _mm512_maskz_mov_epi32(static_cast<__mmask16>((1u << count) - 1), v);
    }
    static COMPRESS_INLINE std::int32_t sum(reg v) {
        return x86_registers_256::sum(_mm256_add_epi32(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1)));
    }
    static COMPRESS_INLINE float sum(__m512 v) {
        return x86_registers_256::sum(_mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1)));
    }
    /// Packing works within 16-byte parts: dword 4 q + j of a vector packed from four holds their part q of vector j.
    static COMPRESS_INLINE reg order_packed(reg v) {
        return _mm512_permutexvar_epi32(_mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), v);
    }
    /// The first `Bytes` bytes, in stores of exactly that size: a load after a masked store waits for all the bytes
    /// that the mask could have covered, which costs an in-place residual three times the layer.
    template <int Bytes>
    static COMPRESS_INLINE void store_part(void* p, reg v) {
        auto* to = static_cast<char*>(p);
        if constexpr (Bytes == 64) {
            store(p, v);
        } else if constexpr (Bytes >= 32) {
            _mm256_storeu_si256(static_cast<__m256i*>(p), _mm512_castsi512_si256(v));
            if constexpr (Bytes > 32)
                store_part<Bytes - 32>(to + 32, _mm512_castsi256_si512(_mm512_extracti64x4_epi64(v, 1)));
        } else if constexpr (Bytes >= 16) {
            _mm_storeu_si128(static_cast<__m128i*>(p), _mm512_castsi512_si128(v));
            if constexpr (Bytes > 16)
                store_part<Bytes - 16>(to + 16, _mm512_castsi128_si512(_mm512_extracti32x4_epi32(v, 1)));
        } else if constexpr (Bytes >= 8) {
            _mm_storel_epi64(static_cast<__m128i*>(p), _mm512_castsi512_si128(v));
            if constexpr (Bytes > 8)
                store_part<Bytes - 8>(to + 8, _mm512_castsi128_si512(_mm_srli_si128(_mm512_castsi512_si128(v), 8)));
        } else {
            const long long rest = _mm_cvtsi128_si64(_mm512_castsi512_si128(v));
            std::memcpy(p, &rest, Bytes);
        }
    }
    template <int Bytes>
    static COMPRESS_INLINE reg load_part(const void* p) {
        return _mm512_maskz_loadu_epi8(Bytes == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << (Bytes % 64)) - 1, p);
    }
    static COMPRESS_INLINE reg join(const void* const (&p)[2]) {
        const __m256i first = _mm256_loadu_si256(static_cast<const __m256i*>(p[0]));
        return _mm512_inserti64x4(_mm512_castsi256_si512(first), _mm256_loadu_si256(static_cast<const __m256i*>(p[1])),
                                  1);
    }
    static COMPRESS_INLINE reg join(const void* const (&p)[4]) {
        const auto quarter = [&p](int i)
                                 COMPRESS_LAMBDA_INLINE { return _mm_loadu_si128(static_cast<const __m128i*>(p[i])); };
        reg v = _mm512_inserti32x4(_mm512_castsi128_si512(quarter(0)), quarter(1), 1);
        v = _mm512_inserti32x4(v, quarter(2), 2);
        return _mm512_inserti32x4(v, quarter(3), 3);
    }
    /// Half or quarter `Index` of a vector.
    template <int Parts, int Index>
    static COMPRESS_INLINE void store_chunk(void* p, reg v) {
        if constexpr (Parts == 2)
            _mm256_storeu_si256(static_cast<__m256i*>(p), _mm512_extracti64x4_epi64(v, Index));
        else
            _mm_storeu_si128(static_cast<__m128i*>(p), _mm512_extracti32x4_epi32(v, Index));
    }

#if defined(__AVX512VNNI__)
    /// sum + the four products of unsigned bytes of `a` and signed bytes of `b` in each lane.
    static COMPRESS_INLINE reg dot4(reg sum, reg a, reg b) {
#    if defined(__clang__)
        return _mm512_dpbusd_epi32(sum, a, b);
#    else
        // g++ 12 spills around the intrinsic above 16 sums (460 -> 190 GOP/s); it leaves an asm operand in its
        // register.
        asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
        return sum;
#    endif
    }
#endif
};

}  // namespace tensor_compress::simd
