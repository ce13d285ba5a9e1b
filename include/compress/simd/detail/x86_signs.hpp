// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include <compress/simd/detail/intrinsics.hpp>

namespace tensor_compress::simd {

/// Primitives for values of one bit.
template <class R, bool Vnni>
struct x86_signs {
    using reg = typename R::reg;

    /// A full adder for each bit: `single` takes in two more bits, a ^ b and c ^ d, and what is carried is counted, by
    /// lanes. Source: Mula, Kurz, Lemire 2018, Faster Population Counts Using AVX2 Instructions, sections 2 and 5.
    static COMPRESS_INLINE void add_differing_bits(reg& single, reg& pairs, reg a, reg b, reg c, reg d) {
        reg carry;
        if constexpr (requires { R::xor3(a, b, c); }) {
            const reg half = R::xor3(single, a, b), sum = R::xor3(half, c, d);
            carry = R::not_second_or_third(half, sum, single);
            single = sum;
        } else {
            const reg first = R::bit_xor(a, b), second = R::bit_xor(c, d), half = R::bit_xor(single, first);
            carry = R::bit_or(R::bit_and(single, first), R::bit_and(half, second));
            single = R::bit_xor(half, second);
        }
        pairs = add_bits(pairs, carry);
    }
    /// How many bits there were.
    static COMPRESS_INLINE reg count_pairs(reg single, reg pairs) { return add_bits(R::add32(pairs, pairs), single); }
    /// A bit for each byte: whether that of `a` is below that of `b`.
    static COMPRESS_INLINE std::uint64_t mask_below(reg a, reg b) { return R::mask_below_unsigned8(a, b); }

private:
    /// sum + the bits of each lane; without an instruction that counts, by a table of half bytes.
    static COMPRESS_INLINE reg add_bits(reg sum, reg bits) {
        if constexpr (requires { R::count_bits32(bits); }) {
            return R::add32(sum, R::count_bits32(bits));
        } else {
            constexpr std::int8_t table[16] = {0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4};
            const reg counts = R::load_quarters(table), half = R::splat8(0x0f);
            const reg low = R::shuffle8(counts, R::bit_and(bits, half));
            const reg high = R::shuffle8(counts, R::bit_and(R::template shift_right16<4>(bits), half));
            const reg bytes = R::add32(low, high);  // at most 8 each: nothing is carried
            if constexpr (Vnni)
                return R::dot4(sum, bytes, R::splat8(1));
            else
                return R::add32(sum, R::madd16(R::add32(R::bit_and(bytes, R::splat16(0xff)), R::high_byte_of16(bytes)),
                                               R::splat16(1)));
        }
    }
};

}  // namespace tensor_compress::simd
