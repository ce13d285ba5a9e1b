// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <cstring>

#include <compress/core/config.hpp>
#include <compress/simd/detail/intrinsics.hpp>

namespace tensor_compress::simd {

/// What SSE4.2 calls its 16-byte instructions; the byte dot product is AVX-512 VNNI's at that width.
struct x86_registers_128 {
    static constexpr int bytes = 16;
#if defined(__AVX512VL__)
    static constexpr int number_of_registers = 32;
#else
    static constexpr int number_of_registers = 16;
#endif
    using reg = __m128i;
    static COMPRESS_INLINE reg load(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }
    static COMPRESS_INLINE void store(void* p, reg v) { _mm_storeu_si128(static_cast<__m128i*>(p), v); }
    static COMPRESS_INLINE reg zero() { return _mm_setzero_si128(); }
    static COMPRESS_INLINE reg splat8(int v) { return _mm_set1_epi8(static_cast<char>(v)); }
    static COMPRESS_INLINE reg splat16(int v) { return _mm_set1_epi16(static_cast<short>(v)); }
    static COMPRESS_INLINE reg splat32(std::int32_t v) { return _mm_set1_epi32(v); }
    static COMPRESS_INLINE reg splat64(std::int64_t v) { return _mm_set1_epi64x(v); }
    static COMPRESS_INLINE reg bit_and(reg a, reg b) { return _mm_and_si128(a, b); }
    static COMPRESS_INLINE reg bit_or(reg a, reg b) { return _mm_or_si128(a, b); }
    static COMPRESS_INLINE reg bit_xor(reg a, reg b) { return _mm_xor_si128(a, b); }
    static COMPRESS_INLINE __m128 add(__m128 a, __m128 b) { return _mm_add_ps(a, b); }
    static COMPRESS_INLINE __m128 min(__m128 a, __m128 b) { return _mm_min_ps(a, b); }
    static COMPRESS_INLINE __m128 max(__m128 a, __m128 b) { return _mm_max_ps(a, b); }
    static COMPRESS_INLINE reg add32(reg a, reg b) { return _mm_add_epi32(a, b); }
    static COMPRESS_INLINE reg sub32(reg a, reg b) { return _mm_sub_epi32(a, b); }
    static COMPRESS_INLINE reg add64(reg a, reg b) { return _mm_add_epi64(a, b); }
    static COMPRESS_INLINE reg min32(reg a, reg b) { return _mm_min_epi32(a, b); }
    static COMPRESS_INLINE reg max32(reg a, reg b) { return _mm_max_epi32(a, b); }
    static COMPRESS_INLINE reg mul_even(reg a, reg b) { return _mm_mul_epi32(a, b); }
    static COMPRESS_INLINE reg mul_low32(reg a, reg b) { return _mm_mullo_epi32(a, b); }
    static COMPRESS_INLINE reg mul_low16(reg a, reg b) { return _mm_mullo_epi16(a, b); }
    static COMPRESS_INLINE reg madd16(reg a, reg b) { return _mm_madd_epi16(a, b); }
    static COMPRESS_INLINE reg unpack_low8(reg a, reg b) { return _mm_unpacklo_epi8(a, b); }
    static COMPRESS_INLINE reg unpack_high8(reg a, reg b) { return _mm_unpackhi_epi8(a, b); }
    static COMPRESS_INLINE reg unpack_low16(reg a, reg b) { return _mm_unpacklo_epi16(a, b); }
    static COMPRESS_INLINE reg unpack_high16(reg a, reg b) { return _mm_unpackhi_epi16(a, b); }
    static COMPRESS_INLINE reg unpack_low32(reg a, reg b) { return _mm_unpacklo_epi32(a, b); }
    static COMPRESS_INLINE reg unpack_high32(reg a, reg b) { return _mm_unpackhi_epi32(a, b); }
    static COMPRESS_INLINE reg unpack_low64(reg a, reg b) { return _mm_unpacklo_epi64(a, b); }
    static COMPRESS_INLINE reg unpack_high64(reg a, reg b) { return _mm_unpackhi_epi64(a, b); }
    static COMPRESS_INLINE void transpose_parts(reg (&)[1]) {}
    static COMPRESS_INLINE reg load_eighths(const void* p) {
        long long eight;
        std::memcpy(&eight, p, 8);
        return _mm_set1_epi64x(eight);
    }
    static COMPRESS_INLINE reg load_quarters(const void* p) { return load(p); }
    static COMPRESS_INLINE reg shuffle8(reg table, reg index) { return _mm_shuffle_epi8(table, index); }
    static COMPRESS_INLINE reg pack32(reg a, reg b) { return _mm_packs_epi32(a, b); }
    static COMPRESS_INLINE reg pack16_signed(reg a, reg b) { return _mm_packs_epi16(a, b); }
    static COMPRESS_INLINE reg pack16_unsigned(reg a, reg b) { return _mm_packus_epi16(a, b); }
    static COMPRESS_INLINE reg add16_saturated(reg a, reg b) { return _mm_adds_epi16(a, b); }
    static COMPRESS_INLINE reg max_unsigned8(reg a, reg b) { return _mm_max_epu8(a, b); }
    static COMPRESS_INLINE reg min_unsigned8(reg a, reg b) { return _mm_min_epu8(a, b); }
    static COMPRESS_INLINE std::uint64_t mask_below_unsigned8(reg a, reg b) {
        return static_cast<std::uint64_t>(~_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_max_epu8(a, b), a)) & 0xffff);
    }
    static COMPRESS_INLINE reg max_signed8(reg a, reg b) { return _mm_max_epi8(a, b); }
    static COMPRESS_INLINE reg min_signed8(reg a, reg b) { return _mm_min_epi8(a, b); }
    template <int Bits>
    static COMPRESS_INLINE reg shift_left16(reg v) {
        return _mm_slli_epi16(v, Bits);
    }
    template <int Bits>
    static COMPRESS_INLINE reg shift_right16(reg v) {
        return _mm_srli_epi16(v, Bits);
    }
    template <int Bits>
    static COMPRESS_INLINE reg shift_right16_signed(reg v) {
        return _mm_srai_epi16(v, Bits);
    }
    template <int Bits>
    static COMPRESS_INLINE reg shift_left32(reg v) {
        return _mm_slli_epi32(v, Bits);
    }
    template <int Bits>
    static COMPRESS_INLINE reg shift_right32(reg v) {
        return _mm_srai_epi32(v, Bits);
    }
    template <int Bits>
    static COMPRESS_INLINE reg shift_left64(reg v) {
        return _mm_slli_epi64(v, Bits);
    }
    template <int Bits>
    static COMPRESS_INLINE reg shift_right64(reg v) {
        return _mm_srli_epi64(v, Bits);
    }
    static COMPRESS_INLINE reg high_byte_of16(reg v) { return _mm_srli_epi16(v, 8); }
    static COMPRESS_INLINE reg high_byte_of16_signed(reg v) { return _mm_srai_epi16(v, 8); }
    static COMPRESS_INLINE reg low_byte_of16_signed(reg v) { return _mm_srai_epi16(_mm_slli_epi16(v, 8), 8); }
    /// x + y in the lanes where `sign` is negative, else x.
    static COMPRESS_INLINE reg add_where_negative(reg x, reg sign, reg y) {
        return add32(x, bit_and(shift_right32<31>(sign), y));
    }
    /// Odd lanes in the place of even ones; by a shuffle, because the shifts around it fill their port.
    static COMPRESS_INLINE reg odd_to_even(reg v) { return _mm_shuffle_epi32(v, 0xf5); }
    /// Even 32-bit lanes of the high halves of `even`, odd ones of those of `odd`.
    static COMPRESS_INLINE reg merge_high_halves(reg even, reg odd) {
        return _mm_blend_epi16(shift_right64<32>(even), odd, 0xcc);
    }

    // SSE has no shift by a different count in each lane: a left one is a product by 2^count, a right one the product
    // by 2^(30 - count) moved down by 30 in 64 bits, which floors as a shift does. Counts are at most 30.
    static COMPRESS_INLINE reg power_of_two(reg count) {
        return _mm_cvttps_epi32(_mm_castsi128_ps(_mm_slli_epi32(_mm_add_epi32(count, splat32(127)), 23)));
    }
    static COMPRESS_INLINE reg left_operand(reg count) { return power_of_two(count); }
    static COMPRESS_INLINE reg right_operand(reg count) { return power_of_two(_mm_sub_epi32(splat32(30), count)); }
#if defined(__GFNI__)
    static COMPRESS_INLINE reg affine8(reg v, reg matrix) { return _mm_gf2p8affine_epi64_epi8(v, matrix, 0); }
#endif
    static COMPRESS_INLINE reg shift_down(reg v, int count) { return _mm_srl_epi32(v, _mm_cvtsi32_si128(count)); }
    /// The floats at the places that the low 2 bits of a lane say, as the bytes that they are.
    static COMPRESS_INLINE reg quarter_places(reg v) {
        const reg first = shift_left32<2>(bit_and(v, splat32(3)));
        const reg spread = _mm_shuffle_epi8(first, _mm_setr_epi8(0, 0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 8, 12, 12, 12, 12));
        return add32(spread, splat32(0x03020100));
    }
    static COMPRESS_INLINE __m128 pick32(__m128 v, reg places) {
        return as_float(_mm_shuffle_epi8(as_bits(v), places));
    }
    static COMPRESS_INLINE reg shift_left_by(reg v, reg operand) { return _mm_mullo_epi32(v, operand); }
    static COMPRESS_INLINE reg shift_right_by(reg v, reg operand) {
        const reg even = _mm_srli_epi64(_mm_mul_epi32(v, operand), 30);
        const reg odd = _mm_slli_epi64(_mm_mul_epi32(_mm_srli_epi64(v, 32), _mm_srli_epi64(operand, 32)), 2);
        return _mm_blend_epi16(even, odd, 0xcc);
    }

    static COMPRESS_INLINE reg truncate(__m128 v) { return _mm_cvttps_epi32(v); }
    static COMPRESS_INLINE reg nearest(__m128 v) { return _mm_cvtps_epi32(v); }
    static COMPRESS_INLINE __m128 divide(__m128 a, __m128 b) { return _mm_div_ps(a, b); }
    /// 0 in the lanes that are not numbers.
    static COMPRESS_INLINE __m128 zero_if_nan(__m128 v) { return _mm_and_ps(v, _mm_cmpord_ps(v, v)); }
    /// `size`, which is not negative, with the sign of an integer.
    static COMPRESS_INLINE __m128 with_sign(__m128 size, reg sign) {
        return _mm_or_ps(size, _mm_castsi128_ps(bit_and(sign, splat32(INT32_MIN))));
    }
    /// v - nearest(v), whose size is at most 1/2.
    static COMPRESS_INLINE __m128 from_nearest(__m128 v) { return _mm_sub_ps(v, _mm_round_ps(v, 0)); }
    /// The larger size of each pair.
    static COMPRESS_INLINE __m128 larger_size(__m128 a, __m128 b) {
        const __m128 sign = _mm_castsi128_ps(splat32(INT32_MIN));
        return _mm_max_ps(_mm_andnot_ps(sign, a), _mm_andnot_ps(sign, b));
    }
    static COMPRESS_INLINE bool any_above(__m128 v, float bound) {
        return _mm_movemask_ps(_mm_cmpgt_ps(v, _mm_set1_ps(bound))) != 0;
    }
    static COMPRESS_INLINE __m128 as_float(reg v) { return _mm_castsi128_ps(v); }
    static COMPRESS_INLINE reg as_bits(__m128 v) { return _mm_castps_si128(v); }
    static COMPRESS_INLINE __m128 to_float(reg v) { return _mm_cvtepi32_ps(v); }
    static COMPRESS_INLINE reg widen_unsigned(const void* p) { return _mm_cvtepu8_epi32(_mm_loadu_si32(p)); }
    static COMPRESS_INLINE reg widen_signed(const void* p) { return _mm_cvtepi8_epi32(_mm_loadu_si32(p)); }
#if defined(__F16C__)
    static COMPRESS_INLINE __m128 from_half(const void* p) {
        return _mm_cvtph_ps(_mm_loadl_epi64(static_cast<const __m128i*>(p)));
    }
#endif
    static COMPRESS_INLINE reg widen_unsigned16(const void* p) {
        return _mm_cvtepu16_epi32(_mm_loadl_epi64(static_cast<const __m128i*>(p)));
    }
    static COMPRESS_INLINE __m128 gather(const float* base, reg at) {
        return _mm_setr_ps(base[_mm_extract_epi32(at, 0)], base[_mm_extract_epi32(at, 1)],
                           base[_mm_extract_epi32(at, 2)], base[_mm_extract_epi32(at, 3)]);
    }
    /// v in the first `count` lanes, 0 in the others.
    static COMPRESS_INLINE reg first_lanes(reg v, int count) {
        return _mm_and_si128(v, _mm_cmpgt_epi32(splat32(count), _mm_setr_epi32(0, 1, 2, 3)));
    }
    static COMPRESS_INLINE std::int32_t sum(reg v) {
        v = _mm_add_epi32(v, _mm_unpackhi_epi64(v, v));
        return _mm_cvtsi128_si32(_mm_add_epi32(v, _mm_shuffle_epi32(v, 1)));
    }
    static COMPRESS_INLINE float sum(__m128 v) {
        v = _mm_add_ps(v, _mm_movehl_ps(v, v));
        return _mm_cvtss_f32(_mm_add_ss(v, _mm_movehdup_ps(v)));
    }
    /// Packing keeps the order of 16-byte vectors.
    static COMPRESS_INLINE reg order_packed(reg v) { return v; }
    /// The first `Bytes` bytes.
    template <int Bytes>
    static COMPRESS_INLINE void store_part(void* p, reg v) {
        if constexpr (Bytes == 16) {
            store(p, v);
        } else if constexpr (Bytes == 8) {
            _mm_storel_epi64(static_cast<__m128i*>(p), v);
        } else {
            alignas(16) unsigned char buffer[16];
            store(buffer, v);
            std::memcpy(p, buffer, Bytes);
        }
    }
    template <int Bytes>
    static COMPRESS_INLINE reg load_part(const void* p) {
        if constexpr (Bytes == 16) {
            return load(p);
        } else if constexpr (Bytes == 8) {
            return _mm_loadl_epi64(static_cast<const __m128i*>(p));
#if defined(__AVX512BW__) && defined(__AVX512VL__)
        } else {
            return _mm_maskz_loadu_epi8(static_cast<__mmask16>((1u << Bytes) - 1), p);
#else
        } else {
            alignas(16) unsigned char buffer[16]{};
            std::memcpy(buffer, p, Bytes);
            return load(buffer);
#endif
        }
    }

#if defined(__AVX512VNNI__) && defined(__AVX512VL__)
    /// sum + the four products of unsigned bytes of `a` and signed bytes of `b` in each lane.
    static COMPRESS_INLINE reg dot4(reg sum, reg a, reg b) { return _mm_dpbusd_epi32(sum, a, b); }
#endif
};

}  // namespace tensor_compress::simd
