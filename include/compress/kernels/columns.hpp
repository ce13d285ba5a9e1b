// SPDX-License-Identifier: MIT
#pragma once

#include <cstring>

#include <compress/core/config.hpp>
#include <compress/kernels/int8_tile.hpp>
#include <compress/kernels/tiling.hpp>
#include <compress/simd/vector_unit.hpp>

namespace tensor_compress::detail {

/// The inputs of `Pixels` neighbouring output pixels, transposed: words[word of a term][pixel], where a word is a float
/// or four int8 in the form the vector unit multiplies. A weight then meets all pixels in one product, wherever it
/// lies: what sparse weights need.
template <class V, conv_geometry G, int Pixels, class In>
struct columns {
    static constexpr int word = 4 / static_cast<int>(sizeof(In));  ///< terms
    static constexpr int tap_words = G.group_inputs() / word;      ///< of one tap of the kernel
    static constexpr int words = G.terms() / word;
    static_assert(G.group_inputs() % word == 0);

    alignas(64) std::int32_t at[words][Pixels];

    /// @param  rows     image rows under the kernel rows, moved to the group's first channel, or null outside
    /// @param  first    column of the first output pixel; after `count` of them the last one is repeated
    /// @param  outside  a word of padding
    COMPRESS_INLINE void fill(const In* const* rows, int first, int count, std::int32_t outside) {
        const typename V::i32 padding = V::splat_int(outside);
        for (int tap = 0; tap < G.kernel_height * G.kernel_width; ++tap)
            for (int pixel = 0; pixel < Pixels; pixel += V::lanes) {
                const In* from[V::lanes];
                for (int m = 0; m < V::lanes; ++m) {
                    const int place = pixel + m < count ? pixel + m : count - 1;
                    const int column = G.column(first + place, tap % G.kernel_width);
                    const In* row = rows[tap / G.kernel_width];
                    from[m] = row != nullptr && G.column_inside(column) ? row + column * G.in_channels : nullptr;
                }
                std::int32_t* to = at[tap * tap_words] + pixel;
                for (int w = 0; w + V::lanes <= tap_words; w += V::lanes)
                    transpose<V::lanes>(from, w * word, padding, to + w * Pixels);
                if constexpr (tap_words % V::lanes != 0) {
                    constexpr int whole = tap_words - tap_words % V::lanes;
                    transpose<tap_words % V::lanes>(from, whole * word, padding, to + whole * Pixels);
                }
            }
    }

private:
    template <int Count>
    static COMPRESS_INLINE void transpose(const In* const (&from)[V::lanes], int offset, typename V::i32 padding,
                                          std::int32_t* to) {
        typename V::i32 v[V::lanes];
        COMPRESS_UNROLL
        for (int m = 0; m < V::lanes; ++m) {
            if (from[m] == nullptr)
                v[m] = padding;
            else if constexpr (Count == V::lanes)
                v[m] = V::load_words(from[m] + offset);
            else {
                In part[V::lanes * word]{};
                std::memcpy(part, from[m] + offset, Count * 4);
                v[m] = V::load_words(part);
            }
        }
        V::transpose(v);
        COMPRESS_UNROLL
        for (int k = 0; k < Count; ++k) V::store(to + k * Pixels, v[k]);
    }
};

}  // namespace tensor_compress::detail
