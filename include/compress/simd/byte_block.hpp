// SPDX-License-Identifier: MIT
#pragma once

#include <cstring>

#include <compress/core/config.hpp>

namespace tensor_compress::simd {

/// `Size` neighbouring bytes, signed or not, of which the larger ones are taken: one instruction on each machine that
/// has vectors, and the same everywhere else. The compilers' own vectors say so without intrinsics.
template <class Byte, int Size>
struct byte_block {
    typedef Byte block __attribute__((vector_size(Size)));

    static COMPRESS_INLINE block load(const Byte* p) {
        block b;
        std::memcpy(&b, p, sizeof b);
        return b;
    }
    static COMPRESS_INLINE block larger(block a, block b) { return a > b ? a : b; }

    /// With `offset` added to each byte, modulo 256.
    template <int Offset>
    static COMPRESS_INLINE void store(void* p, block b) {
        typename byte_block<unsigned char, Size>::block bits;
        std::memcpy(&bits, &b, sizeof b);
        if constexpr (Offset != 0) bits += static_cast<unsigned char>(Offset);
        std::memcpy(p, &bits, sizeof bits);
    }
};

}  // namespace tensor_compress::simd
