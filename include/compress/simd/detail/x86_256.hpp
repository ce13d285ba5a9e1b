// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <cstring>

#include <compress/core/config.hpp>
#include <compress/simd/detail/intrinsics.hpp>
#include <compress/simd/detail/x86_128.hpp>

namespace tensor_compress::simd {

/// What AVX2 calls its 32-byte instructions; the byte dot product is AVX-VNNI's or AVX-512 VNNI's at that width.
struct x86_registers_256 {
    static constexpr int bytes = 32;
#if defined(__AVX512VL__)
    static constexpr int number_of_registers = 32;
#else
    static constexpr int number_of_registers = 16;
#endif
    using reg = __m256i;
    static COMPRESS_INLINE reg load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
    static COMPRESS_INLINE void store(void* p, reg v) { _mm256_storeu_si256(static_cast<__m256i*>(p), v); }
    static COMPRESS_INLINE reg zero() { return _mm256_setzero_si256(); }
    static COMPRESS_INLINE reg splat8(int v) { return _mm256_set1_epi8(static_cast<char>(v)); }
    static COMPRESS_INLINE reg splat16(int v) { return _mm256_set1_epi16(static_cast<short>(v)); }
    static COMPRESS_INLINE reg splat32(std::int32_t v) { return _mm256_set1_epi32(v); }
    static COMPRESS_INLINE reg splat64(std::int64_t v) { return _mm256_set1_epi64x(v); }
    static COMPRESS_INLINE reg bit_and(reg a, reg b) { return _mm256_and_si256(a, b); }
    static COMPRESS_INLINE reg bit_or(reg a, reg b) { return _mm256_or_si256(a, b); }
    static COMPRESS_INLINE reg bit_xor(reg a, reg b) { return _mm256_xor_si256(a, b); }
    static COMPRESS_INLINE __m256 add(__m256 a, __m256 b) { return _mm256_add_ps(a, b); }
    static COMPRESS_INLINE __m256 min(__m256 a, __m256 b) { return _mm256_min_ps(a, b); }
    static COMPRESS_INLINE __m256 max(__m256 a, __m256 b) { return _mm256_max_ps(a, b); }
    static COMPRESS_INLINE reg add32(reg a, reg b) { return _mm256_add_epi32(a, b); }
    static COMPRESS_INLINE reg sub32(reg a, reg b) { return _mm256_sub_epi32(a, b); }
    static COMPRESS_INLINE reg add64(reg a, reg b) { return _mm256_add_epi64(a, b); }
    static COMPRESS_INLINE reg min32(reg a, reg b) { return _mm256_min_epi32(a, b); }
    static COMPRESS_INLINE reg max32(reg a, reg b) { return _mm256_max_epi32(a, b); }
    static COMPRESS_INLINE reg mul_even(reg a, reg b) { return _mm256_mul_epi32(a, b); }
    static COMPRESS_INLINE reg mul_low32(reg a, reg b) { return _mm256_mullo_epi32(a, b); }
    static COMPRESS_INLINE reg mul_low16(reg a, reg b) { return _mm256_mullo_epi16(a, b); }
    static COMPRESS_INLINE reg madd16(reg a, reg b) { return _mm256_madd_epi16(a, b); }
    static COMPRESS_INLINE reg unpack_low8(reg a, reg b) { return _mm256_unpacklo_epi8(a, b); }
    static COMPRESS_INLINE reg unpack_high8(reg a, reg b) { return _mm256_unpackhi_epi8(a, b); }
    static COMPRESS_INLINE reg unpack_low16(reg a, reg b) { return _mm256_unpacklo_epi16(a, b); }
    static COMPRESS_INLINE reg unpack_high16(reg a, reg b) { return _mm256_unpackhi_epi16(a, b); }
    static COMPRESS_INLINE reg unpack_low32(reg a, reg b) { return _mm256_unpacklo_epi32(a, b); }
    static COMPRESS_INLINE reg unpack_high32(reg a, reg b) { return _mm256_unpackhi_epi32(a, b); }
    static COMPRESS_INLINE reg unpack_low64(reg a, reg b) { return _mm256_unpacklo_epi64(a, b); }
    static COMPRESS_INLINE reg unpack_high64(reg a, reg b) { return _mm256_unpackhi_epi64(a, b); }
    /// Part q of vector a becomes part a of vector q.
    static COMPRESS_INLINE void transpose_parts(reg (&v)[2]) {
        const reg first = v[0];
        v[0] = _mm256_permute2x128_si256(first, v[1], 0x20);
        v[1] = _mm256_permute2x128_si256(first, v[1], 0x31);
    }
    static COMPRESS_INLINE reg load_eighths(const void* p) {
        long long eight;
        std::memcpy(&eight, p, 8);
        return _mm256_set1_epi64x(eight);
    }
    static COMPRESS_INLINE reg load_quarters(const void* p) {
        return _mm256_broadcastsi128_si256(_mm_loadu_si128(static_cast<const __m128i*>(p)));
    }
    static COMPRESS_INLINE reg shuffle8(reg table, reg index) { return _mm256_shuffle_epi8(table, index); }
    static COMPRESS_INLINE reg pack32(reg a, reg b) { return _mm256_packs_epi32(a, b); }
    static COMPRESS_INLINE reg pack16_signed(reg a, reg b) { return _mm256_packs_epi16(a, b); }
    static COMPRESS_INLINE reg pack16_unsigned(reg a, reg b) { return _mm256_packus_epi16(a, b); }
    static COMPRESS_INLINE reg add16_saturated(reg a, reg b) { return _mm256_adds_epi16(a, b); }
    static COMPRESS_INLINE reg max_unsigned8(reg a, reg b) { return _mm256_max_epu8(a, b); }
    static COMPRESS_INLINE reg min_unsigned8(reg a, reg b) { return _mm256_min_epu8(a, b); }
#if defined(__AVX512VL__)
    static COMPRESS_INLINE reg xor3(reg a, reg b, reg c) { return _mm256_ternarylogic_epi32(a, b, c, 0x96); }
    /// Of each bit: not the second where the first is set, else the third.
    static COMPRESS_INLINE reg not_second_or_third(reg a, reg b, reg c) {
        return _mm256_ternarylogic_epi32(a, b, c, 0x3a);
    }
#endif
    static COMPRESS_INLINE std::uint64_t mask_below_unsigned8(reg a, reg b) {
        return static_cast<std::uint32_t>(~_mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_max_epu8(a, b), a)));
    }
#if defined(__AVX512VPOPCNTDQ__) && defined(__AVX512VL__)
    static COMPRESS_INLINE reg count_bits32(reg v) { return _mm256_popcnt_epi32(v); }
#endif
    static COMPRESS_INLINE reg max_signed8(reg a, reg b) { return _mm256_max_epi8(a, b); }
    static COMPRESS_INLINE reg min_signed8(reg a, reg b) { return _mm256_min_epi8(a, b); }
    template <int Bits>
    static COMPRESS_INLINE reg shift_left16(reg v) {
        return _mm256_slli_epi16(v, Bits);
    }
    template <int Bits>
    static COMPRESS_INLINE reg shift_right16(reg v) {
        return _mm256_srli_epi16(v, Bits);
    }
    template <int Bits>
    static COMPRESS_INLINE reg shift_right16_signed(reg v) {
        return _mm256_srai_epi16(v, Bits);
    }
    template <int Bits>
    static COMPRESS_INLINE reg shift_left32(reg v) {
        return _mm256_slli_epi32(v, Bits);
    }
    template <int Bits>
    static COMPRESS_INLINE reg shift_right32(reg v) {
        return _mm256_srai_epi32(v, Bits);
    }
    template <int Bits>
    static COMPRESS_INLINE reg shift_left64(reg v) {
        return _mm256_slli_epi64(v, Bits);
    }
    template <int Bits>
    static COMPRESS_INLINE reg shift_right64(reg v) {
        return _mm256_srli_epi64(v, Bits);
    }
    static COMPRESS_INLINE reg high_byte_of16(reg v) { return _mm256_srli_epi16(v, 8); }
    static COMPRESS_INLINE reg high_byte_of16_signed(reg v) { return _mm256_srai_epi16(v, 8); }
    static COMPRESS_INLINE reg low_byte_of16_signed(reg v) { return _mm256_srai_epi16(_mm256_slli_epi16(v, 8), 8); }
    /// x + y in the lanes where `sign` is negative, else x.
    static COMPRESS_INLINE reg add_where_negative(reg x, reg sign, reg y) {
        return add32(x, bit_and(shift_right32<31>(sign), y));
    }
    /// Odd lanes in the place of even ones; by a shuffle, because the shifts around it fill their port.
    static COMPRESS_INLINE reg odd_to_even(reg v) { return _mm256_shuffle_epi32(v, 0xf5); }
    /// Even 32-bit lanes of the high halves of `even`, odd ones of those of `odd`.
    static COMPRESS_INLINE reg merge_high_halves(reg even, reg odd) {
        return _mm256_blend_epi32(shift_right64<32>(even), odd, 0xaa);
    }

    // Shifts by a different count in each lane.
    static COMPRESS_INLINE reg left_operand(reg count) { return count; }
    static COMPRESS_INLINE reg right_operand(reg count) { return count; }
#if defined(__GFNI__)
    static COMPRESS_INLINE reg affine8(reg v, reg matrix) { return _mm256_gf2p8affine_epi64_epi8(v, matrix, 0); }
#endif
    static COMPRESS_INLINE reg shift_down(reg v, int count) { return _mm256_srl_epi32(v, _mm_cvtsi32_si128(count)); }
    /// The low 2 bits of a lane say which float of its 16-byte part it picks.
    static COMPRESS_INLINE reg quarter_places(reg v) { return v; }
    static COMPRESS_INLINE __m256 pick32(__m256 v, reg places) { return _mm256_permutevar_ps(v, places); }
    static COMPRESS_INLINE reg shift_left_by(reg v, reg operand) { return _mm256_sllv_epi32(v, operand); }
    static COMPRESS_INLINE reg shift_right_by(reg v, reg operand) { return _mm256_srav_epi32(v, operand); }

    static COMPRESS_INLINE reg truncate(__m256 v) { return _mm256_cvttps_epi32(v); }
    static COMPRESS_INLINE reg nearest(__m256 v) { return _mm256_cvtps_epi32(v); }
    static COMPRESS_INLINE __m256 divide(__m256 a, __m256 b) { return _mm256_div_ps(a, b); }
    /// 0 in the lanes that are not numbers.
    static COMPRESS_INLINE __m256 zero_if_nan(__m256 v) { return _mm256_and_ps(v, _mm256_cmp_ps(v, v, _CMP_ORD_Q)); }
    /// `size`, which is not negative, with the sign of an integer.
    static COMPRESS_INLINE __m256 with_sign(__m256 size, reg sign) {
        return _mm256_or_ps(size, _mm256_castsi256_ps(bit_and(sign, splat32(INT32_MIN))));
    }
    /// v - nearest(v), whose size is at most 1/2.
    static COMPRESS_INLINE __m256 from_nearest(__m256 v) { return _mm256_sub_ps(v, _mm256_round_ps(v, 0)); }
    /// The larger size of each pair.
    static COMPRESS_INLINE __m256 larger_size(__m256 a, __m256 b) {
        const __m256 sign = _mm256_castsi256_ps(splat32(INT32_MIN));
        return _mm256_max_ps(_mm256_andnot_ps(sign, a), _mm256_andnot_ps(sign, b));
    }
    static COMPRESS_INLINE bool any_above(__m256 v, float bound) {
        return _mm256_movemask_ps(_mm256_cmp_ps(v, _mm256_set1_ps(bound), _CMP_GT_OQ)) != 0;
    }
    static COMPRESS_INLINE __m256 as_float(reg v) { return _mm256_castsi256_ps(v); }
    static COMPRESS_INLINE reg as_bits(__m256 v) { return _mm256_castps_si256(v); }
    static COMPRESS_INLINE __m256 to_float(reg v) { return _mm256_cvtepi32_ps(v); }
    static COMPRESS_INLINE reg widen_unsigned(const void* p) {
        return _mm256_cvtepu8_epi32(_mm_loadl_epi64(static_cast<const __m128i*>(p)));
    }
    static COMPRESS_INLINE reg widen_signed(const void* p) {
        return _mm256_cvtepi8_epi32(_mm_loadl_epi64(static_cast<const __m128i*>(p)));
    }
#if defined(__F16C__)
    static COMPRESS_INLINE __m256 from_half(const void* p) {
        return _mm256_cvtph_ps(_mm_loadu_si128(static_cast<const __m128i*>(p)));
    }
#endif
    static COMPRESS_INLINE reg widen_unsigned16(const void* p) {
        return _mm256_cvtepu16_epi32(_mm_loadu_si128(static_cast<const __m128i*>(p)));
    }
    static COMPRESS_INLINE __m256 gather(const float* base, reg at) { return _mm256_i32gather_ps(base, at, 4); }
    /// v in the first `count` lanes, 0 in the others.
    static COMPRESS_INLINE reg first_lanes(reg v, int count) {
        return _mm256_and_si256(v, _mm256_cmpgt_epi32(splat32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)));
    }
    static COMPRESS_INLINE std::int32_t sum(reg v) {
        return x86_registers_128::sum(_mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1)));
    }
    static COMPRESS_INLINE float sum(__m256 v) {
        return x86_registers_128::sum(_mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1)));
    }
    /// Packing works within 16-byte parts: dword 4 q + j of a vector packed from four holds their part q of vector j.
    static COMPRESS_INLINE reg order_packed(reg v) {
        return _mm256_permutevar8x32_epi32(v, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    }
    /// The first `Bytes` bytes.
    template <int Bytes>
    static COMPRESS_INLINE void store_part(void* p, reg v) {
        if constexpr (Bytes == 32) {
            store(p, v);
        } else if constexpr (Bytes == 16) {
            _mm_storeu_si128(static_cast<__m128i*>(p), _mm256_castsi256_si128(v));
        } else {
            alignas(32) unsigned char buffer[32];
            store(buffer, v);
            std::memcpy(p, buffer, Bytes);
        }
    }
    template <int Bytes>
    static COMPRESS_INLINE reg load_part(const void* p) {
        if constexpr (Bytes == 32) {
            return load(p);
        } else if constexpr (Bytes == 16) {
            return _mm256_zextsi128_si256(_mm_loadu_si128(static_cast<const __m128i*>(p)));
        } else {
            alignas(32) unsigned char buffer[32]{};
            std::memcpy(buffer, p, Bytes);
            return load(buffer);
        }
    }
    static COMPRESS_INLINE reg join(const void* const (&p)[2]) {
        return _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128(static_cast<const __m128i*>(p[0]))),
                                       _mm_loadu_si128(static_cast<const __m128i*>(p[1])), 1);
    }
    /// Half `Index` of a vector.
    template <int Parts, int Index>
    static COMPRESS_INLINE void store_chunk(void* p, reg v) {
        static_assert(Parts == 2);
        _mm_storeu_si128(static_cast<__m128i*>(p), _mm256_extracti128_si256(v, Index));
    }

#if defined(__AVXVNNI__) || (defined(__AVX512VNNI__) && defined(__AVX512VL__))
    /// sum + the four products of unsigned bytes of `a` and signed bytes of `b` in each lane.
    static COMPRESS_INLINE reg dot4(reg sum, reg a, reg b) {
#    if defined(__AVX512VNNI__) && defined(__AVX512VL__)
        return _mm256_dpbusd_epi32(sum, a, b);
#    else
        return _mm256_dpbusd_avx_epi32(sum, a, b);
#    endif
    }
#endif
};

}  // namespace tensor_compress::simd
