// SPDX-License-Identifier: MIT
#pragma once

#include <bit>

#include <compress/core/config.hpp>
#include <compress/simd/xsimd.hpp>

namespace tensor_compress::simd {

/// The part of x86_unit that takes weights out of their code, over one width of registers.
template <class XsimdArch, class R>
struct x86_codes {
    using reg = typename R::reg;
    using f32 = typename float_unit<XsimdArch>::f32;

    /// The matrix over bits that moves those of a byte up by `shift` and keeps those of `mask`: row i of 8, from the
    /// highest byte down, says which bits are added to bit i.
    static constexpr std::int64_t moved_bits(int shift, int mask) {
        std::uint64_t rows = 0;
        for (int i = 0; i < 8; ++i)
            if ((mask >> i & 1) != 0 && i >= shift && i - shift < 8)
                rows |= std::uint64_t{1} << (8 * (7 - i) + i - shift);
        return static_cast<std::int64_t>(rows);
    }

    static COMPRESS_INLINE reg load_code(const std::int8_t* p) { return R::load(p); }
    static COMPRESS_INLINE void store_code(std::int8_t* p, reg v) { R::store(p, v); }
    /// (byte << Shift, or >> -Shift) & Mask of each byte. The shift is one of 16 bits: Mask is of what stays in a byte.
    template <int Shift, int Mask>
    static COMPRESS_INLINE reg bit_field(reg v) {
        const reg mask = R::splat8(Mask);
        if constexpr (Shift == 0)
            return R::bit_and(v, mask);
        else if constexpr (requires { R::affine8(v, v); })
            return R::affine8(v, R::splat64(moved_bits(Shift, Mask)));
        else if constexpr (Shift > 0)
            return R::bit_and(R::template shift_left16<Shift>(v), mask);
        else
            return R::bit_and(R::template shift_right16<-Shift>(v), mask);
    }
    static COMPRESS_INLINE reg either(reg a, reg b) { return R::bit_or(a, b); }
    /// 0 becomes 1, -128 becomes -1.
    static COMPRESS_INLINE reg one_or_minus_one(reg sign) {
        return R::max_signed8(R::bit_xor(sign, R::splat8(1)), R::splat8(-1));
    }
    /// Each of `lanes` bytes four times.
    static COMPRESS_INLINE reg spread_bytes(const std::int8_t* p) {
        const reg once = R::widen_unsigned(p), twice = R::bit_or(once, R::template shift_left32<8>(once));
        return R::bit_or(twice, R::template shift_left32<16>(twice));
    }
    /// level * step of bytes level * Unit and steps up to Unit.
    template <int Unit>
    static COMPRESS_INLINE reg scale_code(reg levels, reg steps) {
        constexpr int bits = std::countr_zero(static_cast<unsigned>(Unit));
        const reg low = R::splat16(0xff);
        const reg even = R::mul_low16(R::low_byte_of16_signed(levels), R::bit_and(steps, low));
        const reg odd = R::mul_low16(R::high_byte_of16_signed(levels), R::high_byte_of16(steps));
        return R::bit_or(R::bit_and(R::template shift_right16_signed<bits>(even), low),
                         R::template shift_left16<8>(R::template shift_right16_signed<bits>(odd)));
    }

    static COMPRESS_INLINE reg words_of(reg v) { return v; }
    static COMPRESS_INLINE reg bytes_of(reg v) { return v; }
    /// A table of 16 bytes, and the bytes at given indices, 0 to 15.
    static COMPRESS_INLINE reg load_table(const std::int8_t* p) { return R::load_quarters(p); }
    static COMPRESS_INLINE reg look_up(reg table, reg index) { return R::shuffle8(table, index); }
    /// `lanes` values of binary16, none infinite; of the upper half of binary32.
    static COMPRESS_INLINE f32 load_half(const std::int8_t* p) {
#if defined(__F16C__)
        return R::from_half(p);
#else
        const reg half = R::widen_unsigned16(p);
        const reg size = R::template shift_left32<13>(R::bit_and(half, R::splat32(0x7fff)));
        const f32 moved = f32(R::as_float(size)) * f32(std::bit_cast<float>(0x77800000u));  // 2^112
        const reg sign = R::template shift_left32<16>(R::bit_and(half, R::splat32(0x8000)));
        return R::as_float(R::bit_or(R::as_bits(moved), sign));
#endif
    }
    static COMPRESS_INLINE f32 load_bfloat(const std::int8_t* p) {
        return R::as_float(R::template shift_left32<16>(R::widen_unsigned16(p)));
    }
    static COMPRESS_INLINE reg widen_signed(const std::int8_t* p) { return R::widen_signed(p); }
    /// The lower or the upper 4 bits of each of `lanes` bytes, as signed levels.
    template <bool Upper>
    static COMPRESS_INLINE f32 load_nibbles(const std::int8_t* p) {
        if constexpr (requires { R::nibbles_as_float(R::zero()); }) {
            const reg bytes = R::widen_unsigned(p);
            if constexpr (Upper)
                return R::nibbles_as_float(R::template shift_right32<4>(bytes));
            else
                return R::nibbles_as_float(bytes);
        } else {
            const reg bytes = R::widen_signed(p);
            if constexpr (Upper)
                return R::to_float(R::template shift_right32<4>(bytes));
            else
                return R::to_float(R::template shift_right32<28>(R::template shift_left32<28>(bytes)));
        }
    }
    /// Four floats in each 16-byte part, and of them those at given places, the low 2 bits of each lane.
    static COMPRESS_INLINE f32 spread_four(const float* p) { return R::as_float(R::load_quarters(p)); }
    static COMPRESS_INLINE reg four_places(reg places) { return R::quarter_places(places); }
    static COMPRESS_INLINE f32 pick(f32 four, reg places) { return R::pick32(four, places); }
    static COMPRESS_INLINE reg shift_down(reg v, int count) { return R::shift_down(v, count); }

    /// Bytes from `p` on where `mask` has a bit, 0 elsewhere. Reads a whole vector.
    static COMPRESS_INLINE reg expand_code(std::uint64_t mask, const std::int8_t* p) {
        if constexpr (requires { R::expand8(mask, p); }) {
            return R::expand8(mask, p);
        } else {
            alignas(R::bytes) std::int8_t expanded[R::bytes]{};
            for (; mask != 0; mask &= mask - 1) expanded[std::countr_zero(mask)] = *p++;
            return R::load(expanded);
        }
    }
};

}  // namespace tensor_compress::simd
