// SPDX-License-Identifier: MIT
#pragma once

#include <bit>
#include <cstring>

#include <compress/simd/detail/intrinsics.hpp>
#include <compress/simd/isa.hpp>
#include <compress/simd/xsimd.hpp>

namespace tensor_compress::simd {

/// The primitives of kernels/ on AArch64 NEON, with or without the byte dot product. Activations stay int8.
template <bool DotProduct>
struct neon_unit : float_unit<xsimd::neon64> {
    using float_unit<xsimd::neon64>::load;
    using float_unit<xsimd::neon64>::store;
    using i32 = int32x4_t;
    static constexpr bool widens = false;  ///< whether operands of dot4 are better widened before
    using bytes4 = int8x16_t;
    using row_bytes = int8x16_t;
    using activation = std::int8_t;
    static constexpr int lanes = 4;
    static constexpr int registers = 32;
    static constexpr int vectors_per_panel = 4;
    static constexpr bool quick = false;  ///< its high product is one instruction

    static COMPRESS_INLINE f32 madd(f32 a, f32 b, f32 c) { return vfmaq_f32(c, a, b); }
    static COMPRESS_INLINE f32 add(f32 a, f32 b) { return vaddq_f32(a, b); }
    static COMPRESS_INLINE f32 multiply(f32 a, f32 b) { return vmulq_f32(a, b); }
    static COMPRESS_INLINE f32 min(f32 a, f32 b) { return vminq_f32(a, b); }
    static COMPRESS_INLINE f32 max(f32 a, f32 b) { return vmaxq_f32(a, b); }
    /// xsimd 8 divides by an estimate of the reciprocal here, which is not the quotient to the last bit.
    static COMPRESS_INLINE f32 divide(f32 a, f32 b) { return vdivq_f32(a, b); }
    static COMPRESS_INLINE f32 copy_sign(f32 size, f32 sign) { return vbslq_f32(vdupq_n_u32(0x80000000u), sign, size); }

    static COMPRESS_INLINE bytes4 spread4(std::int32_t four_bytes) {
        return vreinterpretq_s8_s32(vdupq_n_s32(four_bytes));
    }
    static COMPRESS_INLINE bytes4 load_weights(const std::int8_t* p) { return vld1q_s8(p); }
    static COMPRESS_INLINE i32 dot4(i32 sum, bytes4 activations, bytes4 weights) {
#if defined(__ARM_FEATURE_DOTPROD)
        if constexpr (DotProduct) return vdotq_s32(sum, activations, weights);
#endif
        // Two products of int8 can reach 2^15: each pair is widened before it is added.
        const int16x8_t low = vmull_s8(vget_low_s8(activations), vget_low_s8(weights));
        const int16x8_t high = vmull_high_s8(activations, weights);
        return vaddq_s32(sum, vpaddq_s32(vpaddlq_s16(low), vpaddlq_s16(high)));
    }

    // Weights out of their code.
    static COMPRESS_INLINE row_bytes load_code(const std::int8_t* p) { return vld1q_s8(p); }
    static COMPRESS_INLINE void store_code(std::int8_t* p, row_bytes v) { vst1q_s8(p, v); }
    static COMPRESS_INLINE bytes4 weights_of(row_bytes v) { return v; }
    static COMPRESS_INLINE bytes4 activations_of(row_bytes v) { return v; }
    /// `Bytes` stored bytes, 8 or 16, once or twice.
    template <int Bytes>
    static COMPRESS_INLINE row_bytes load_words_of(const std::int8_t* p) {
        if constexpr (Bytes == 16) {
            return vld1q_s8(p);
        } else {
            const int8x8_t eight = vld1_s8(p);
            return vcombine_s8(eight, eight);
        }
    }
    /// (byte << Shift, or >> -Shift) & Mask of each byte.
    template <int Shift, int Mask>
    static COMPRESS_INLINE row_bytes bit_field(row_bytes v) {
        const uint8x16_t bytes = vreinterpretq_u8_s8(v), mask = vdupq_n_u8(Mask);
        if constexpr (Shift >= 0)
            return vreinterpretq_s8_u8(vandq_u8(vshlq_n_u8(bytes, Shift), mask));
        else
            return vreinterpretq_s8_u8(vandq_u8(vshrq_n_u8(bytes, -Shift), mask));
    }
    static COMPRESS_INLINE row_bytes either(row_bytes a, row_bytes b) { return vorrq_s8(a, b); }
    /// 0 becomes 1, -128 becomes -1.
    static COMPRESS_INLINE row_bytes one_or_minus_one(row_bytes sign) {
        return vmaxq_s8(veorq_s8(sign, vdupq_n_s8(1)), vdupq_n_s8(-1));
    }
    /// Each of four bytes four times.
    static COMPRESS_INLINE row_bytes spread_bytes(const std::int8_t* p) {
        std::int32_t four_bytes;
        std::memcpy(&four_bytes, p, 4);
        const int8x16_t once = vreinterpretq_s8_s32(vdupq_n_s32(four_bytes));
        constexpr std::int8_t order[16] = {0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3};
        return vqtbl1q_s8(once, vreinterpretq_u8_s8(vld1q_s8(order)));
    }
    /// level * step of bytes level * Unit and steps up to Unit.
    template <int Unit>
    static COMPRESS_INLINE row_bytes scale_code(row_bytes levels, row_bytes steps) {
        return vmulq_s8(vshrq_n_s8(levels, std::countr_zero(static_cast<unsigned>(Unit))), steps);
    }

    static COMPRESS_INLINE i32 words_of(row_bytes v) { return vreinterpretq_s32_s8(v); }
    static COMPRESS_INLINE row_bytes bytes_of(i32 v) { return vreinterpretq_s8_s32(v); }
    /// A table of 16 bytes, and the bytes at given indices, 0 to 15.
    static COMPRESS_INLINE row_bytes load_table(const std::int8_t* p) { return vld1q_s8(p); }
    static COMPRESS_INLINE row_bytes look_up(row_bytes table, row_bytes index) {
        return vqtbl1q_s8(table, vreinterpretq_u8_s8(index));
    }
    /// Four floats, and of them those at given places, the low 2 bits of each lane.
    static COMPRESS_INLINE f32 spread_four(const float* p) { return load(p); }
    static COMPRESS_INLINE i32 four_places(i32 places) {
        return vmlaq_n_s32(vdupq_n_s32(0x03020100), vandq_s32(places, vdupq_n_s32(3)), 0x04040404);
    }
    static COMPRESS_INLINE f32 pick(f32 four, i32 places) {
        const float32x4_t v = four;
        return vreinterpretq_f32_u8(vqtbl1q_u8(vreinterpretq_u8_f32(v), vreinterpretq_u8_s32(places)));
    }
    static COMPRESS_INLINE i32 shift_down(i32 v, int count) {
        return vreinterpretq_s32_u32(vshlq_u32(vreinterpretq_u32_s32(v), vdupq_n_s32(-count)));
    }

    /// Bytes from `p` on where `mask` has a bit, 0 elsewhere. Reads a whole vector.
    static COMPRESS_INLINE row_bytes expand_code(std::uint64_t mask, const std::int8_t* p) {
        std::int8_t expanded[16]{};
        for (; mask != 0; mask &= mask - 1) expanded[std::countr_zero(mask)] = *p++;
        return vld1q_s8(expanded);
    }

    /// Adds the bits of a ^ b and c ^ d; `count_pairs` says how many there were in each lane.
    static COMPRESS_INLINE void add_differing_bits(i32&, i32& pairs, i32 a, i32 b, i32 c, i32 d) {
        const auto count = [](i32 first, i32 second) COMPRESS_LAMBDA_INLINE {
            return vcntq_u8(vreinterpretq_u8_s32(veorq_s32(first, second)));
        };
        const uint8x16_t bytes = vaddq_u8(count(a, b), count(c, d));
        pairs = vreinterpretq_s32_u32(vpadalq_u16(vreinterpretq_u32_s32(pairs), vpaddlq_u8(bytes)));
    }
    static COMPRESS_INLINE i32 count_pairs(i32, i32 pairs) { return pairs; }
    /// A bit for each byte: whether that of `a` is below that of `b`.
    static COMPRESS_INLINE std::uint64_t mask_below(row_bytes a, row_bytes b) {
        constexpr std::uint8_t places[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
        const uint8x16_t bits = vandq_u8(vcltq_s8(a, b), vld1q_u8(places));
        return static_cast<std::uint64_t>(vaddv_u8(vget_low_u8(bits)) | vaddv_u8(vget_high_u8(bits)) << 8);
    }

    static COMPRESS_INLINE row_bytes load_row(const std::int8_t* p) { return vld1q_s8(p); }
    static COMPRESS_INLINE row_bytes splat_row(int stored) { return vdupq_n_s8(static_cast<std::int8_t>(stored)); }
    static COMPRESS_INLINE void interleave4(const row_bytes (&rows)[4], bytes4 (&out)[4]) {
        const int8x16x2_t top = vzipq_s8(rows[0], rows[1]);
        const int8x16x2_t bottom = vzipq_s8(rows[2], rows[3]);
        for (int i = 0; i < 2; ++i) {
            const int16x8x2_t both = vzipq_s16(vreinterpretq_s16_s8(top.val[i]), vreinterpretq_s16_s8(bottom.val[i]));
            out[2 * i] = vreinterpretq_s8_s16(both.val[0]);
            out[2 * i + 1] = vreinterpretq_s8_s16(both.val[1]);
        }
    }
    static COMPRESS_INLINE void interleave_channels(i32 (&)[4]) {}
    template <int Bytes>
    static COMPRESS_INLINE row_bytes load_row_part(const std::int8_t* p) {
        std::int8_t bytes[16]{};
        std::memcpy(bytes, p, Bytes);
        return vld1q_s8(bytes);
    }

    // Floats of 16 bits, and bytes as integers.
    static COMPRESS_INLINE f32 load_half(const std::int8_t* p) { return vcvt_f32_f16(vreinterpret_f16_s8(vld1_s8(p))); }
    static COMPRESS_INLINE f32 load_bfloat(const std::int8_t* p) {
        return vreinterpretq_f32_u32(vshll_n_u16(vreinterpret_u16_s8(vld1_s8(p)), 16));
    }
    static COMPRESS_INLINE i32 widen_signed(const std::int8_t* p) {
        std::int32_t four_bytes;
        std::memcpy(&four_bytes, p, 4);
        return vmovl_s16(vget_low_s16(vmovl_s8(vreinterpret_s8_s32(vdup_n_s32(four_bytes)))));
    }
    /// The lower or the upper 4 bits of each of four bytes, as signed levels.
    template <bool Upper>
    static COMPRESS_INLINE f32 load_nibbles(const std::int8_t* p) {
        const i32 bytes = widen_signed(p);
        return vcvtq_f32_s32(Upper ? vshrq_n_s32(bytes, 4) : vshrq_n_s32(vshlq_n_s32(bytes, 28), 28));
    }

    // Words, floats or four stored bytes, with pixels along the lanes: for weights that are stored in blocks.
    static COMPRESS_INLINE i32 load_words(const float* p) { return vreinterpretq_s32_f32(vld1q_f32(p)); }
    static COMPRESS_INLINE i32 load_words(const std::int8_t* p) { return vreinterpretq_s32_s8(vld1q_s8(p)); }
    /// Lane i of vector j becomes lane j of vector i.
    static COMPRESS_INLINE void transpose(i32 (&v)[4]) {
        const i32 low01 = vzip1q_s32(v[0], v[1]), high01 = vzip2q_s32(v[0], v[1]);
        const i32 low23 = vzip1q_s32(v[2], v[3]), high23 = vzip2q_s32(v[2], v[3]);
        const auto joined = [](i32 a, i32 b, auto zip) COMPRESS_LAMBDA_INLINE {
            return vreinterpretq_s32_s64(zip(vreinterpretq_s64_s32(a), vreinterpretq_s64_s32(b)));
        };
        const auto low = [](int64x2_t a, int64x2_t b) COMPRESS_LAMBDA_INLINE { return vzip1q_s64(a, b); };
        const auto high = [](int64x2_t a, int64x2_t b) COMPRESS_LAMBDA_INLINE { return vzip2q_s64(a, b); };
        v[0] = joined(low01, low23, low);
        v[1] = joined(low01, low23, high);
        v[2] = joined(high01, high23, low);
        v[3] = joined(high01, high23, high);
    }
    static COMPRESS_INLINE bytes4 load_activations(const std::int32_t* words) {
        return vreinterpretq_s8_s32(vld1q_s32(words));
    }
    static COMPRESS_INLINE bytes4 load_activations(const std::int8_t* p) { return vld1q_s8(p); }
    static COMPRESS_INLINE bytes4 spread_weights(const std::int8_t* four) {
        std::int32_t word;
        std::memcpy(&word, four, 4);
        return vreinterpretq_s8_s32(vdupq_n_s32(word));
    }
    /// base[places[i]] in each lane.
    static COMPRESS_INLINE f32 gather(const float* base, const void* places) {
        std::uint16_t at[4];
        std::memcpy(at, places, sizeof at);
        const float values[4] = {base[at[0]], base[at[1]], base[at[2]], base[at[3]]};
        return vld1q_f32(values);
    }
    /// The same and a load in the first `count` lanes, 1 to all, 0 in the others.
    static COMPRESS_INLINE f32 gather_first(const float* base, const void* places, int count) {
        std::uint16_t at[4]{};
        std::memcpy(at, places, sizeof(std::uint16_t) * static_cast<std::size_t>(count));
        float values[4]{};
        for (int i = 0; i < count; ++i) values[i] = base[at[i]];
        return vld1q_f32(values);
    }
    static COMPRESS_INLINE f32 load_first(const float* p, int count) {
        float values[4]{};
        std::memcpy(values, p, sizeof(float) * static_cast<std::size_t>(count));
        return vld1q_f32(values);
    }
    /// The sum of all lanes.
    static COMPRESS_INLINE float sum_of(f32 v) { return vaddvq_f32(v); }
    static COMPRESS_INLINE std::int32_t sum_of(i32 v) { return vaddvq_s32(v); }

    /// Zero point and bounds of an output, and four vectors of scaled sums as stored bytes: clamp(value + zero, low,
    /// high).
    struct byte_end {
        int16x8_t zero;
        int8x16_t low, high;
    };
    static COMPRESS_INLINE byte_end make_byte_end(int zero, int low, int high) {
        return {vdupq_n_s16(static_cast<std::int16_t>(zero)), vdupq_n_s8(static_cast<std::int8_t>(low)),
                vdupq_n_s8(static_cast<std::int8_t>(high))};
    }
    template <class Byte>
    static COMPRESS_INLINE row_bytes narrow(const i32 (&v)[4], const byte_end& e) {
        const int16x8_t low = vqaddq_s16(vcombine_s16(vqmovn_s32(v[0]), vqmovn_s32(v[1])), e.zero);
        const int16x8_t high = vqaddq_s16(vcombine_s16(vqmovn_s32(v[2]), vqmovn_s32(v[3])), e.zero);
        return vminq_s8(vmaxq_s8(vcombine_s8(vqmovn_s16(low), vqmovn_s16(high)), e.low), e.high);
    }
    template <int Bytes>
    static COMPRESS_INLINE void store_ordered(void* p, row_bytes v) {
        if constexpr (Bytes == 16) {
            vst1q_s8(static_cast<std::int8_t*>(p), v);
        } else {
            std::int8_t bytes[16];
            vst1q_s8(bytes, v);
            std::memcpy(p, bytes, Bytes);
        }
    }
    template <int Bytes>
    static COMPRESS_INLINE void store_interleaved(void* p, row_bytes v) {
        store_ordered<Bytes>(p, v);
    }

    static COMPRESS_INLINE i32 load(const std::int32_t* p) { return vld1q_s32(p); }
    static COMPRESS_INLINE void store(std::int32_t* p, i32 v) { vst1q_s32(p, v); }
    static COMPRESS_INLINE i32 splat_int(std::int32_t v) { return vdupq_n_s32(v); }
    static COMPRESS_INLINE i32 zero() { return vdupq_n_s32(0); }
    static COMPRESS_INLINE i32 add(i32 a, i32 b) { return vaddq_s32(a, b); }
    static COMPRESS_INLINE i32 subtract(i32 a, i32 b) { return vsubq_s32(a, b); }
    static COMPRESS_INLINE i32 multiply(i32 a, i32 b) { return vmulq_s32(a, b); }
    /// Four bytes from 0 to 255.
    static COMPRESS_INLINE i32 widen_bytes(const std::int8_t* p) {
        std::int32_t four_bytes;
        std::memcpy(&four_bytes, p, 4);
        const uint8x8_t bytes = vreinterpret_u8_s32(vdup_n_s32(four_bytes));
        return vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(vmovl_u8(bytes))));
    }
    /// Rounded down.
    template <int Bits>
    static COMPRESS_INLINE i32 shift_right(i32 v) {
        if constexpr (Bits == 0) return v;
        return vshrq_n_s32(v, Bits == 0 ? 1 : Bits);
    }
    template <int Bits>
    static COMPRESS_INLINE i32 shift_left(i32 v) {
        return vshlq_n_s32(v, Bits);
    }
    static COMPRESS_INLINE i32 bit_and(i32 a, i32 b) { return vandq_s32(a, b); }
    static COMPRESS_INLINE i32 bit_or(i32 a, i32 b) { return vorrq_s32(a, b); }
    /// By a count for each lane, 0 to 30.
    static COMPRESS_INLINE i32 shift_left_by(i32 v, i32 count) { return vshlq_s32(v, count); }
    static COMPRESS_INLINE i32 clamp(i32 v, i32 low, i32 high) { return vminq_s32(vmaxq_s32(v, low), high); }

    static COMPRESS_INLINE void load16(const std::int8_t* p, i32 (&v)[4]) {
        const int8x16_t bytes = vld1q_s8(p);
        const int16x8_t low = vmovl_s8(vget_low_s8(bytes)), high = vmovl_high_s8(bytes);
        v[0] = vmovl_s16(vget_low_s16(low));
        v[1] = vmovl_high_s16(low);
        v[2] = vmovl_s16(vget_low_s16(high));
        v[3] = vmovl_high_s16(high);
    }
    template <int Bytes>
    static COMPRESS_INLINE void load16_part(const std::int8_t* p, i32 (&v)[4]) {
        std::int8_t bytes[16]{};
        std::memcpy(bytes, p, Bytes);
        load16(bytes, v);
    }
    static COMPRESS_INLINE f32 bits_as_float(i32 v) { return vreinterpretq_f32_s32(v); }
    static COMPRESS_INLINE i32 float_as_bits(f32 v) { return vreinterpretq_s32_f32(v); }
    static COMPRESS_INLINE i32 truncate(f32 v) { return vcvtq_s32_f32(v); }
    static COMPRESS_INLINE f32 to_float(i32 v) { return vcvtq_f32_s32(v); }

    /// vqrdmulh is the high product of core/fixed_point.hpp; vrshl rounds ties up, so negative values are moved down by
    /// one.
    struct factor {
        i32 multiplier, left, right;  ///< `right` is zero or negative, as vrshl takes it
    };
    static COMPRESS_INLINE factor make_factor(i32 multiplier, i32 shift) {
        return {multiplier, vmaxq_s32(shift, zero()), vminq_s32(shift, zero())};
    }
    static COMPRESS_INLINE factor load_factor(const std::int32_t* multiplier, const std::int8_t* shift) {
        std::int32_t four_bytes;
        __builtin_memcpy(&four_bytes, shift, 4);
        const int8x8_t bytes = vreinterpret_s8_s32(vdup_n_s32(four_bytes));
        return make_factor(vld1q_s32(multiplier), vmovl_s16(vget_low_s16(vmovl_s8(bytes))));
    }
    static COMPRESS_INLINE i32 requantize(i32 sum, const factor& f) { return scale(vshlq_s32(sum, f.left), f); }
    /// The same of a value that has been shifted left by one more than the factor asks.
    static COMPRESS_INLINE i32 requantize_doubled(i32 doubled, const factor& f) {
        return scale(vshrq_n_s32(doubled, 1), f);
    }
    static COMPRESS_INLINE i32 scale(i32 value, const factor& f) {
        const i32 high = vqrdmulhq_s32(value, f.multiplier);
        const i32 down = vshrq_n_s32(vandq_s32(high, f.right), 31);
        return vrshlq_s32(vqaddq_s32(high, down), f.right);
    }
};

}  // namespace tensor_compress::simd
