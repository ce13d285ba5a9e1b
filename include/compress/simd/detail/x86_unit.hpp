// SPDX-License-Identifier: MIT
#pragma once

#include <bit>
#include <cstring>
#include <utility>

#include <compress/simd/detail/intrinsics.hpp>
#include <compress/simd/detail/x86_128.hpp>
#include <compress/simd/detail/x86_codes.hpp>
#include <compress/simd/detail/x86_signs.hpp>
#include <compress/simd/isa.hpp>
#include <compress/simd/xsimd.hpp>

namespace tensor_compress::simd {

/// Fused where the machine fuses; called `madd` because xsimd 8's `fma` is not fused on AVX-512.
template <class F32>
COMPRESS_INLINE F32 x86_madd(F32 a, F32 b, F32 c) {
#if defined(__AVX512F__)
    if constexpr (sizeof(F32) == 64) return _mm512_fmadd_ps(a, b, c);
#endif
#if defined(__FMA__)
    if constexpr (sizeof(F32) == 32) return _mm256_fmadd_ps(a, b, c);
    if constexpr (sizeof(F32) == 16) return _mm_fmadd_ps(a, b, c);
#endif
    if constexpr (sizeof(F32) == 16) return a * b + c;
}

/// The primitives of kernels/ over one width of x86 registers: one algorithm, the registers say how an instruction is
/// called.
template <class XsimdArch, class Registers, bool Vnni>
struct x86_unit : float_unit<XsimdArch>, x86_codes<XsimdArch, Registers>, x86_signs<Registers, Vnni> {
    using typename float_unit<XsimdArch>::f32;
    using float_unit<XsimdArch>::load;
    using float_unit<XsimdArch>::store;
    using R = Registers;
    using i32 = typename R::reg;
    using row_bytes = typename R::reg;
    using activation = std::uint8_t;
    static constexpr int lanes = R::bytes / 4;
    static constexpr int registers = R::number_of_registers;
    static constexpr int vectors_per_panel = 16 / lanes;
    static constexpr bool quick = true;  ///< has requantize_quickly

    static COMPRESS_INLINE f32 madd(f32 a, f32 b, f32 c) { return x86_madd<f32>(a, b, c); }
    /// xsimd's own leave a terminate handler in the object file.
    static COMPRESS_INLINE f32 add(f32 a, f32 b) { return R::add(a, b); }
    static COMPRESS_INLINE f32 multiply(f32 a, f32 b) { return a * b; }
    static COMPRESS_INLINE f32 min(f32 a, f32 b) { return R::min(a, b); }
    static COMPRESS_INLINE f32 max(f32 a, f32 b) { return R::max(a, b); }
    static COMPRESS_INLINE f32 divide(f32 a, f32 b) { return R::divide(a, b); }
    static COMPRESS_INLINE f32 zero_if_nan(f32 v) { return R::zero_if_nan(v); }

    // --- groups of four bytes, their products summed into 32 bits ---

    /// Without VNNI even and odd bytes are widened to 16 bits apart: `vpmaddubsw` would saturate.
    struct split {
        i32 even, odd;
    };
    template <bool Whole, class Operand>
    struct operand_of {
        using type = Operand;
    };
    template <class Operand>
    struct operand_of<true, Operand> {
        using type = i32;
    };
    using bytes4 = typename operand_of<Vnni, split>::type;

    static COMPRESS_INLINE bytes4 unsigned_operand(i32 v) {
        if constexpr (Vnni)
            return v;
        else
            return {R::bit_and(v, R::splat16(0xff)), R::high_byte_of16(v)};
    }
    static COMPRESS_INLINE bytes4 signed_operand(i32 v) {
        if constexpr (Vnni)
            return v;
        else
            return {R::low_byte_of16_signed(v), R::high_byte_of16_signed(v)};
    }
    static COMPRESS_INLINE bytes4 spread4(std::int32_t four_bytes) { return unsigned_operand(R::splat32(four_bytes)); }
    static COMPRESS_INLINE bytes4 load_weights(const std::int8_t* p) { return signed_operand(R::load(p)); }
    /// Operands that were widened before: a word of even and one of odd bytes of an activation; vectors of weights in
    /// twice the bytes, even ones first.
    static constexpr bool widens = !Vnni;
    static COMPRESS_INLINE bytes4 spread_wide(std::int32_t even, std::int32_t odd) {
        return {R::splat32(even), R::splat32(odd)};
    }
    static COMPRESS_INLINE bytes4 load_wide(const std::int8_t* p) {
        i32 even = R::load(p), odd = R::load(p + R::bytes);
#if !defined(__clang__)
        // g++ would load them again for every pixel.
        asm("" : "+v"(even), "+v"(odd));
#endif
        return {even, odd};
    }
    static COMPRESS_INLINE void store_wide(void* even, void* odd, const bytes4& v) {
        R::store(even, v.even);
        R::store(odd, v.odd);
    }
    static COMPRESS_INLINE bytes4 weights_of(row_bytes v) { return signed_operand(v); }
    static COMPRESS_INLINE bytes4 activations_of(row_bytes v) { return unsigned_operand(v); }
    /// `Bytes` stored bytes, 8 or 16, in each 16-byte part, once or twice.
    template <int Bytes, class Byte>
    static COMPRESS_INLINE row_bytes load_words_of(const Byte* p) {
        const i32 words = Bytes == 8 ? R::load_eighths(p) : R::load_quarters(p);
        return stored_offset<Byte> == 128 ? words : R::bit_xor(words, R::splat8(-128));
    }
    static COMPRESS_INLINE i32 dot4(i32 sum, bytes4 activations, bytes4 weights) {
        if constexpr (Vnni) {
            return R::dot4(sum, activations, weights);
        } else {
            sum = R::add32(sum, R::madd16(activations.even, weights.even));
            return R::add32(sum, R::madd16(activations.odd, weights.odd));
        }
    }

    // --- rows of bytes, for depthwise convolutions ---

    static COMPRESS_INLINE row_bytes load_row(const std::uint8_t* p) { return R::load(p); }
    static COMPRESS_INLINE row_bytes load_row(const std::int8_t* p) { return R::bit_xor(R::load(p), R::splat8(-128)); }
    static COMPRESS_INLINE row_bytes splat_row(int stored) { return R::splat8(stored); }

    /// Four rows of bytes become four vectors of [channels][4 rows]. Vector j holds, in its 16-byte part q, the
    /// channels 16 q + 4 j .. + 3: the unpack instructions do not cross those parts. `store_interleaved` undoes the
    /// order.
    static COMPRESS_INLINE void interleave4(const row_bytes (&rows)[4], bytes4 (&out)[4]) {
        const i32 low01 = R::unpack_low8(rows[0], rows[1]), high01 = R::unpack_high8(rows[0], rows[1]);
        const i32 low23 = R::unpack_low8(rows[2], rows[3]), high23 = R::unpack_high8(rows[2], rows[3]);
        out[0] = unsigned_operand(R::unpack_low16(low01, low23));
        out[1] = unsigned_operand(R::unpack_high16(low01, low23));
        out[2] = unsigned_operand(R::unpack_low16(high01, high23));
        out[3] = unsigned_operand(R::unpack_high16(high01, high23));
    }
    /// Four vectors of words, one for each channel, become vectors in the order of interleave4.
    static COMPRESS_INLINE void interleave_channels(i32 (&v)[4]) {
        constexpr int parts = lanes / 4, groups = 4 / parts;
        i32 ordered[4];
        COMPRESS_UNROLL
        for (int g = 0; g < groups; ++g) {
            i32 group[parts];
            COMPRESS_UNROLL
            for (int i = 0; i < parts; ++i) group[i] = v[g + i * groups];
            R::transpose_parts(group);
            COMPRESS_UNROLL
            for (int i = 0; i < parts; ++i) ordered[g * parts + i] = group[i];
        }
        COMPRESS_UNROLL
        for (int i = 0; i < 4; ++i) v[i] = ordered[i];
    }
    template <int Bytes, class Byte>
    static COMPRESS_INLINE row_bytes load_row_part(const Byte* p) {
        const i32 row = R::template load_part<Bytes>(p);
        return stored_offset<Byte> == 128 ? row : R::bit_xor(row, R::splat8(-128));
    }

    /// `Parts` rows side by side in one vector, and a vector's parts to places that are `distance` bytes apart.
    template <int Parts, class Byte>
    static COMPRESS_INLINE row_bytes join_rows(const void* const (&rows)[Parts]) {
        const i32 row = R::join(rows);
        return stored_offset<Byte> == 128 ? row : R::bit_xor(row, R::splat8(-128));
    }
    template <int Parts>
    static COMPRESS_INLINE void store_parts(void* p, int distance, row_bytes v) {
        [&]<int... Index>(std::integer_sequence<int, Index...>) COMPRESS_LAMBDA_INLINE {
            (R::template store_chunk<Parts, Index>(static_cast<char*>(p) + Index * distance, v), ...);
        }
        (std::make_integer_sequence<int, Parts>{});
    }

    // --- words, floats or four stored bytes, with pixels along the lanes: for weights that are stored in blocks ---

    static COMPRESS_INLINE i32 load_words(const float* p) { return R::load(p); }
    template <class Byte>
    static COMPRESS_INLINE i32 load_words(const Byte* p) {
        return load_row(p);
    }
    /// Lane i of vector j becomes lane j of vector i.
    static COMPRESS_INLINE void transpose(i32 (&v)[lanes]) {
        constexpr int parts = lanes / 4;
        i32 columns[4][parts];
        COMPRESS_UNROLL
        for (int a = 0; a < parts; ++a) {
            const i32 low01 = R::unpack_low32(v[4 * a], v[4 * a + 1]),
                      high01 = R::unpack_high32(v[4 * a], v[4 * a + 1]);
            const i32 low23 = R::unpack_low32(v[4 * a + 2], v[4 * a + 3]),
                      high23 = R::unpack_high32(v[4 * a + 2], v[4 * a + 3]);
            columns[0][a] = R::unpack_low64(low01, low23);
            columns[1][a] = R::unpack_high64(low01, low23);
            columns[2][a] = R::unpack_low64(high01, high23);
            columns[3][a] = R::unpack_high64(high01, high23);
        }
        COMPRESS_UNROLL
        for (int c = 0; c < 4; ++c) {
            R::transpose_parts(columns[c]);
            COMPRESS_UNROLL
            for (int q = 0; q < parts; ++q) v[4 * q + c] = columns[c][q];
        }
    }
    static COMPRESS_INLINE bytes4 load_activations(const std::int32_t* words) {
        return unsigned_operand(R::load(words));
    }
    template <class Byte>
    static COMPRESS_INLINE bytes4 load_activations(const Byte* p) {
        return unsigned_operand(load_row(p));
    }
    static COMPRESS_INLINE bytes4 spread_weights(const std::int8_t* four) {
        std::int32_t word;
        std::memcpy(&word, four, 4);
        return signed_operand(R::splat32(word));
    }
    /// base[places[i]] in each lane.
    static COMPRESS_INLINE f32 gather(const float* base, const void* places) {
        return R::gather(base, R::widen_unsigned16(places));
    }
    /// The same and a load in the first `count` lanes, 1 to all, 0 in the others.
    static COMPRESS_INLINE f32 gather_first(const float* base, const void* places, int count) {
        const f32 v = R::gather(base, R::first_lanes(R::widen_unsigned16(places), count));
        return R::as_float(R::first_lanes(R::as_bits(v), count));
    }
    static COMPRESS_INLINE f32 load_first(const float* p, int count) {
        return R::as_float(R::first_lanes(R::load(p), count));
    }
    /// The sum of all lanes.
    static COMPRESS_INLINE float sum_of(f32 v) { return R::sum(v); }
    static COMPRESS_INLINE std::int32_t sum_of(i32 v) { return R::sum(v); }

    // --- four vectors of scaled sums to stored bytes: clamp(value + zero, low, high) ---

    /// Zero point and bounds of an output, in steps of the stored byte.
    struct byte_end {
        i32 zero, low, high;
    };
    static COMPRESS_INLINE byte_end make_byte_end(int zero, int low, int high) {
        return {R::splat16(zero), R::splat8(low), R::splat8(high)};
    }
    /// Saturation on the way down loses nothing: what saturates is beyond the bounds. The order is interleave4's.
    template <class Byte>
    static COMPRESS_INLINE row_bytes narrow(const i32 (&v)[4], const byte_end& e) {
        const i32 low = R::add16_saturated(R::pack32(v[0], v[1]), e.zero);
        const i32 high = R::add16_saturated(R::pack32(v[2], v[3]), e.zero);
        if constexpr (stored_offset<Byte> == 128)
            return R::min_unsigned8(R::max_unsigned8(R::pack16_unsigned(low, high), e.low), e.high);
        else
            return R::min_signed8(R::max_signed8(R::pack16_signed(low, high), e.low), e.high);
    }
    /// The first `Bytes` bytes of a narrowed row: of vectors in the order of interleave4, and of vectors in that of
    /// memory.
    template <int Bytes>
    static COMPRESS_INLINE void store_interleaved(void* p, row_bytes v) {
        R::template store_part<Bytes>(p, v);
    }
    template <int Bytes>
    static COMPRESS_INLINE void store_ordered(void* p, row_bytes v) {
        R::template store_part<Bytes>(p, R::order_packed(v));
    }

    // --- 32-bit integers ---

    static COMPRESS_INLINE i32 load(const std::int32_t* p) { return R::load(p); }
    static COMPRESS_INLINE void store(std::int32_t* p, i32 v) { R::store(p, v); }
    static COMPRESS_INLINE i32 splat_int(std::int32_t v) { return R::splat32(v); }
    static COMPRESS_INLINE i32 zero() { return R::zero(); }
    static COMPRESS_INLINE i32 add(i32 a, i32 b) { return R::add32(a, b); }
    static COMPRESS_INLINE i32 subtract(i32 a, i32 b) { return R::sub32(a, b); }
    static COMPRESS_INLINE i32 multiply(i32 a, i32 b) { return R::mul_low32(a, b); }
    /// `lanes` bytes from 0 to 255.
    static COMPRESS_INLINE i32 widen_bytes(const std::int8_t* p) { return R::widen_unsigned(p); }
    /// Rounded down.
    template <int Bits>
    static COMPRESS_INLINE i32 shift_right(i32 v) {
        return R::template shift_right32<Bits>(v);
    }
    template <int Bits>
    static COMPRESS_INLINE i32 shift_left(i32 v) {
        return R::template shift_left32<Bits>(v);
    }
    static COMPRESS_INLINE i32 bit_and(i32 a, i32 b) { return R::bit_and(a, b); }
    static COMPRESS_INLINE i32 bit_or(i32 a, i32 b) { return R::bit_or(a, b); }
    /// By a count for each lane, 0 to 30.
    static COMPRESS_INLINE i32 shift_left_by(i32 v, i32 count) { return R::shift_left_by(v, R::left_operand(count)); }
    static COMPRESS_INLINE i32 clamp(i32 v, i32 low, i32 high) { return R::min32(R::max32(v, low), high); }

    /// 16 stored bytes, or the first `Bytes` of them, as integers.
    static COMPRESS_INLINE void load16(const std::uint8_t* p, i32 (&v)[vectors_per_panel]) {
        for (int i = 0; i < vectors_per_panel; ++i) v[i] = R::widen_unsigned(p + i * lanes);
    }
    static COMPRESS_INLINE void load16(const std::int8_t* p, i32 (&v)[vectors_per_panel]) {
        for (int i = 0; i < vectors_per_panel; ++i) v[i] = R::widen_signed(p + i * lanes);
    }
    template <int Bytes, class Byte>
    static COMPRESS_INLINE void load16_part(const Byte* p, i32 (&v)[vectors_per_panel]) {
        if constexpr (Bytes == 16) {
            load16(p, v);
        } else {
            alignas(16) Byte bytes[16];
            x86_registers_128::store(bytes, x86_registers_128::load_part<Bytes>(p));
            load16(bytes, v);
        }
    }

    /// `size`, which is not negative, with a sign. xsimd's leaves a terminate handler in the object file.
    static COMPRESS_INLINE f32 copy_sign(f32 size, f32 sign) { return R::with_sign(size, R::as_bits(sign)); }
    static COMPRESS_INLINE i32 nearest(f32 v) { return R::nearest(v); }
    static COMPRESS_INLINE f32 from_nearest(f32 v) { return R::from_nearest(v); }
    static COMPRESS_INLINE f32 larger_size(f32 a, f32 b) { return R::larger_size(a, b); }
    static COMPRESS_INLINE bool any_above(f32 v, float bound) { return R::any_above(v, bound); }
    static COMPRESS_INLINE f32 bits_as_float(i32 v) { return R::as_float(v); }
    static COMPRESS_INLINE i32 float_as_bits(f32 v) { return R::as_bits(v); }
    /// Toward zero; and back.
    static COMPRESS_INLINE i32 truncate(f32 v) { return R::truncate(v); }
    static COMPRESS_INLINE f32 to_float(i32 v) { return R::to_float(v); }

    // --- requantisation: bit for bit `requantize` of core/fixed_point.hpp ---

    /// The two roundings of `requantize` are floors, and the second one's half joins the first one's: in units of
    /// 64-bit products, with x the sum shifted left by one more than asked (a doubling high product), floor((x *
    /// multiplier + 2^31 + half * 2^32 - (x < 0 and rounds) * 2^32) / 2^(32 + right)).
    struct factor {
        i32 even, odd;  ///< multipliers of even lanes, those of odd lanes moved down
        i32 even_rounding, odd_rounding, left, right, rounds;
    };
    static COMPRESS_INLINE factor make_factor(i32 multiplier, i32 shift) {
        const i32 none = R::zero(), one = R::splat32(1);
        const i32 right = R::max32(R::sub32(none, shift), none);
        const i32 rounds = R::template shift_right32<31>(R::sub32(none, right));
        const i32 half =
            R::bit_and(rounds, R::shift_left_by(one, R::left_operand(R::max32(R::sub32(right, one), none))));
        const i32 first = R::splat64(std::int64_t{1} << 31);
        return {multiplier,
                R::template shift_right64<32>(multiplier),
                R::add64(R::template shift_left64<32>(half), first),
                R::add64(R::bit_and(half, R::splat64(~std::int64_t{0xffffffff})), first),
                R::left_operand(R::add32(R::max32(shift, none), one)),
                R::right_operand(right),
                rounds};
    }
    static COMPRESS_INLINE factor load_factor(const std::int32_t* multiplier, const std::int8_t* shift) {
        return make_factor(R::load(multiplier), R::widen_signed(shift));
    }
    /// @pre  |sum| * 2^(left shift + 1) < 2^31; right shifts are at most 30
    static COMPRESS_INLINE i32 requantize(i32 sum, const factor& f) {
        return requantize_doubled(R::shift_left_by(sum, f.left), f);
    }
    /// The same of a value that has been shifted left by one more than the factor asks.
    static COMPRESS_INLINE i32 requantize_doubled(i32 doubled, const factor& f) {
        const i32 even = R::add64(R::mul_even(doubled, f.even), f.even_rounding);
        const i32 odd = R::add64(R::mul_even(R::odd_to_even(doubled), f.odd), f.odd_rounding);
        const i32 high = R::merge_high_halves(even, odd);
        return R::shift_right_by(R::add_where_negative(high, doubled, f.rounds), f.right);
    }

    // --- the same bits in half the instructions, where single precision can tell ---

    /// The floor above is nearest(sum * scale + rise), where rise has the sign of the sum and stands for the first
    /// rounding: 2^(shift - 1), half a step of the high product, for negative shifts.
    struct quick_factor {
        f32 scale, rise;
    };
    static COMPRESS_INLINE quick_factor load_quick_factor(const std::int32_t* multiplier, const std::int8_t* shift) {
        const i32 places = R::widen_signed(shift);
        const auto power = [](i32 exponent) {
            return f32(R::as_float(R::template shift_left32<23>(R::add32(exponent, R::splat32(127)))));
        };
        const i32 rise =
            R::bit_and(R::template shift_right32<31>(places), R::as_bits(power(R::sub32(places, R::splat32(1)))));
        return {f32(R::to_float(R::load(multiplier))) * power(R::sub32(places, R::splat32(31))),
                f32(R::as_float(rise))};
    }
    /// False where one of the results may be wrong. Three roundings (four without a fused one) of 2^-24 each put a real
    /// value of at most 258 in size off by less than 2^-13.9: a value that is further than that from a half is rounded
    /// as the exact one. Beyond 258 in size one step more or less saturates to the same byte.
    template <int Across, int Rows = 1>
    static COMPRESS_INLINE bool requantize_quickly(const i32 (&sums)[4], const quick_factor* f, i32 (&scaled)[4]) {
        constexpr float certain = 0.5f - 1.0f / 12288;
        f32 furthest(0.0f);
        COMPRESS_UNROLL
        for (int k = 0; k < Across * Rows; ++k) {
            const quick_factor& factor = f[k % Across];
            const f32 real = madd(R::to_float(sums[k]), factor.scale, R::with_sign(factor.rise, sums[k]));
            scaled[k] = nearest(real);
            furthest = larger_size(furthest, from_nearest(real));
        }
        return !any_above(furthest, certain);
    }
};

}  // namespace tensor_compress::simd
