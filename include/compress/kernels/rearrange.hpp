// SPDX-License-Identifier: MIT
#pragma once

#include <compress/core/config.hpp>
#include <compress/core/shape.hpp>
#include <compress/simd/isa.hpp>

namespace tensor_compress {

/// A copy; between int8 and stored unsigned bytes it moves the zero.
template <int Count, class In, class Out>
COMPRESS_NOTHROW constexpr void copy_elements(const In* input, Out* output) {
    constexpr int shift = stored_offset<Out> - stored_offset<In>;
    for (int i = 0; i < Count; ++i) output[i] = static_cast<Out>(input[i] + shift);
}

/// Rows and columns of `fill` around an image [H, W, C]; `fill` is a value, not a stored byte.
template <int Height, int Width, int Channels, int Top, int Left, int Bottom, int Right, class In, class Out,
          class Fill>
COMPRESS_NOTHROW constexpr void pad_image(const In* input, Out* output, Fill fill) {
    constexpr int shift = stored_offset<Out> - stored_offset<In>;
    constexpr int out_width = Left + Width + Right;
    const auto filler = static_cast<Out>(fill + static_cast<Fill>(stored_offset<Out>));
    const auto blank = [&](int count) {
        for (int i = 0; i < count; ++i) *output++ = filler;
    };
    blank(Top * out_width * Channels);
    for (int y = 0; y < Height; ++y) {
        blank(Left * Channels);
        for (int i = 0; i < Width * Channels; ++i) *output++ = static_cast<Out>(*input++ + shift);
        blank(Right * Channels);
    }
    blank(Bottom * out_width * Channels);
}

/// Part of a concat: `Outer` pieces of `Piece` elements, each to its place in rows of `Stride` elements. `map` turns a
/// stored element of the part into one of the whole.
template <int Outer, int Piece, int Stride, class In, class Out, class Map>
COMPRESS_NOTHROW constexpr void place_pieces(const In* input, Out* output, Map map) {
    for (int i = 0; i < Outer; ++i)
        for (int j = 0; j < Piece; ++j) output[i * Stride + j] = map(input[i * Piece + j]);
}

/// Axis i of the output is axis order[i] of the input; up to four axes, counted from the front.
template <class In, class Out>
COMPRESS_NOTHROW constexpr void transpose_elements(const shape& from, const int (&order)[max_rank], const In* input,
                                                   Out* output) {
    constexpr int shift = stored_offset<Out> - stored_offset<In>;
    int extent[max_rank]{1, 1, 1, 1}, step[max_rank]{};
    for (int axis = 0; axis < from.rank; ++axis) {
        extent[axis] = from[order[axis]];
        step[axis] = from.inner(order[axis]);
    }
    for (int i = 0; i < extent[0]; ++i)
        for (int j = 0; j < extent[1]; ++j)
            for (int k = 0; k < extent[2]; ++k)
                for (int l = 0; l < extent[3]; ++l)
                    *output++ = static_cast<Out>(input[i * step[0] + j * step[1] + k * step[2] + l * step[3]] + shift);
}

}  // namespace tensor_compress
