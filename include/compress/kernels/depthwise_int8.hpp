// SPDX-License-Identifier: MIT
#pragma once

#include <compress/core/config.hpp>
#include <compress/kernels/int8_end.hpp>
#include <compress/kernels/tiling.hpp>

namespace tensor_compress {

/// sum[y, x, c] = bias[c] + sum over i, j of weight[c, i, j] * input[y * stride + i * dilation - top, ..., c]
/// output[y, x, c] = clamp(requantize(sum, factor[c]) + zero_point, low, high)
///
/// Outside the image the input is its zero point. Tensors are [height, width, channels], as many channels out as in.
///
/// @param  packed  int8_sections of depthwise_order<G, 4>; the bias has the input's zero point folded in
/// @param  input   stored bytes: int8 values, or value + 128 as unsigned bytes (stored_offset)
/// @pre    255 * 128 * taps + |bias| < 2^30
template <conv_geometry G, class In, class Out>
COMPRESS_NOTHROW constexpr void depthwise_int8_reference(const std::int8_t* packed, const In* input, Out* output) {
    using order = depthwise_order<G, 4>;
    using sections = int8_sections<order, false>;
    const int8_end<sections> end(packed);
    for (int y = 0; y < G.out_height; ++y)
        for (int x = 0; x < G.out_width; ++x)
            for (int c = 0; c < G.out_channels; ++c) {
                std::int32_t sum = load_bytes<std::int32_t>(packed + sections::bias + 4 * c);
                for (int i = 0; i < G.kernel_height; ++i)
                    for (int j = 0; j < G.kernel_width; ++j) {
                        const int row = G.row(y, i), column = G.column(x, j);
                        const bool inside = G.row_inside(row) && G.column_inside(column);
                        const std::int32_t value =
                            inside ? input[(row * G.in_width + column) * G.in_channels + c] - stored_offset<In>
                                   : end.input_zero_point;
                        sum += value * packed[sections::weights + order::index(c, 0, i, j)];
                    }
                const fixed_multiplier factor{load_bytes<std::int32_t>(packed + sections::multiplier + 4 * c),
                                              packed[sections::shift + c]};
                output[(y * G.out_width + x) * G.out_channels + c] =
                    static_cast<Out>(end.finish(sum, factor) + stored_offset<Out>);
            }
}

namespace detail {

/// One block of channels (four vectors of sums) of a depthwise convolution, with its weights and factors in the order
/// in which `interleave4` delivers channels.
template <class V, conv_geometry G, int Valid, class In, class Out>
struct depthwise_int8_block {
    using order = depthwise_order<G, 4>;
    using sections = int8_sections<order, false>;
    using i32 = typename V::i32;
    using bytes4 = typename V::bytes4;
    using row_bytes = typename V::row_bytes;
    static constexpr int channels = V::lanes * 4;
    static constexpr int parts = channels / 16;  ///< 16-byte parts of a vector
    /// With stride 1 and three taps, four neighbouring pixels serve two outputs: weights w0 w1 w2 0 and 0 w0 w1 w2.
    static constexpr bool pairs = G.kernel_width == 3 && G.stride_width == 1 && G.dilation_width == 1;

    alignas(64) std::int8_t weights[G.kernel_height * order::steps][4 * V::lanes * 4];
    alignas(64) std::int8_t shifted[pairs ? G.kernel_height : 1][4 * V::lanes * 4];
    alignas(64) std::int32_t start[channels];
    typename V::factor factors[4];
    row_bytes zero_row;
    const int8_end<sections>& end;

    /// Copies 16-byte chunks so that chunk (j, q) comes from (q, j): what interleave4 does to channels.
    static COMPRESS_INLINE void reorder(void* to, const void* from) {
        for (int j = 0; j < 4; ++j)
            for (int q = 0; q < parts; ++q)
                std::memcpy(static_cast<char*>(to) + (j * parts + q) * 16,
                            static_cast<const char*>(from) + (q * 4 + j) * 16, 16);
    }

    COMPRESS_INLINE depthwise_int8_block(const std::int8_t* packed, int first, const int8_end<sections>& e)
        : zero_row(V::splat_row(e.input_zero_point + stored_offset<typename V::activation>)),
          end(e) {
        for (int s = 0; s < G.kernel_height * order::steps; ++s)
            reorder(weights[s], packed + sections::weights + s * order::step_elements + first * 4);
        if constexpr (pairs)
            for (int i = 0; i < G.kernel_height; ++i)
                for (int k = 0; k < 4 * V::lanes; ++k) {
                    const auto word = load_bytes<std::uint32_t>(weights[i] + 4 * k);
                    store_bytes<std::uint32_t>(shifted[i] + 4 * k, word << 8);
                }
        std::int32_t plain[channels], sums[channels], multiplier[channels], moved[channels];
        std::int8_t shift[channels];
        std::memcpy(plain, packed + sections::bias + 4 * first, sizeof plain);
        std::memcpy(sums, packed + sections::weight_sum + 4 * first, sizeof sums);
        for (int k = 0; k < channels; ++k) plain[k] -= stored_offset<typename V::activation> * sums[k];
        reorder(start, plain);
        std::memcpy(multiplier, packed + sections::multiplier + 4 * first, sizeof multiplier);
        reorder(moved, multiplier);
        for (int j = 0; j < 4; ++j)
            for (int q = 0; q < parts; ++q)
                std::memcpy(shift + (j * parts + q) * 4, packed + sections::shift + first + (q * 4 + j) * 4, 4);
        for (int j = 0; j < 4; ++j) factors[j] = V::load_factor(moved + j * V::lanes, shift + j * V::lanes);
    }

    COMPRESS_INLINE row_bytes load(const In* p) const {
        if constexpr (Valid == channels)
            return V::load_row(p);
        else
            return V::template load_row_part<Valid>(p);
    }
    COMPRESS_INLINE void dot(i32 (&sums)[4], const bytes4 (&taps)[4], const std::int8_t* w) const {
        COMPRESS_UNROLL
        for (int v = 0; v < 4; ++v) sums[v] = V::dot4(sums[v], taps[v], V::load_weights(w + v * V::lanes * 4));
    }
    COMPRESS_INLINE void begin(i32 (&sums)[4]) const {
        COMPRESS_UNROLL
        for (int v = 0; v < 4; ++v) sums[v] = V::load(start + v * V::lanes);
    }
    COMPRESS_INLINE void store(Out* output, const i32 (&sums)[4]) const {
        const int8_vector_end<V, Out, false> finish(end);
        i32 scaled[4];
        COMPRESS_UNROLL
        for (int v = 0; v < 4; ++v) scaled[v] = V::requantize(sums[v], factors[v]);
        V::template store_interleaved<Valid>(output, V::template narrow<Out>(scaled, finish.bytes));
    }

    /// Output pixels `column` .. + Count - 1 (Count is 2 only for pairs). Where First is given, it is `column` as a
    /// constant and the taps outside the image are left to the zero point.
    template <int Count, int First>
    COMPRESS_NOINLINE void pixels(const In* const* rows, int column, Out* output) const {
        i32 sums[Count][4];
        for (int m = 0; m < Count; ++m) begin(sums[m]);
        for (int i = 0; i < G.kernel_height; ++i) {
            const In* base =
                rows[i] == nullptr ? nullptr : rows[i] + (column * G.stride_width - G.left) * G.in_channels;
            for_constants<order::steps>([&]<int S>() COMPRESS_LAMBDA_INLINE {
                row_bytes taps[4];
                for_constants<4>([&]<int T>() COMPRESS_LAMBDA_INLINE {
                    constexpr int j = S * 4 + T;
                    constexpr bool used = j < G.kernel_width + Count - 1;
                    constexpr bool inside = First == interior_tile || G.column_inside(G.column(First, j));
                    if (used && inside && base != nullptr)
                        taps[T] = load(base + j * G.dilation_width * G.in_channels);
                    else
                        taps[T] = zero_row;
                });
                bytes4 mixed[4];
                V::interleave4(taps, mixed);
                dot(sums[0], mixed, weights[i * order::steps + S]);
                if constexpr (Count == 2) dot(sums[1], mixed, shifted[i]);
            });
        }
        for (int m = 0; m < Count; ++m) store(output + m * G.out_channels, sums[m]);
    }

    COMPRESS_INLINE void image(const In* input, Out* output) const {
        constexpr int step = pairs && G.out_width > 1 ? 2 : 1;
        using tiles = row_tiles<G, step>;
        for (int y = 0; y < G.out_height; ++y) {
            const In* rows[G.kernel_height];
            for (int i = 0; i < G.kernel_height; ++i) {
                const int row = G.row(y, i);
                rows[i] = G.row_inside(row) ? input + row * G.in_width * G.in_channels : nullptr;
            }
            Out* to = output + y * G.out_width * G.out_channels;
            for_constants<tiles::left>([&]<int T>() COMPRESS_LAMBDA_INLINE {
                pixels<step, T * step>(rows, T * step, to + T * step * G.out_channels);
            });
            for (int t = tiles::left; t < tiles::whole - tiles::right; ++t)
                pixels<step, interior_tile>(rows, t * step, to + t * step * G.out_channels);
            for_constants<tiles::right>([&]<int T>() COMPRESS_LAMBDA_INLINE {
                constexpr int x = (tiles::whole - tiles::right + T) * step;
                pixels<step, x>(rows, x, to + x * G.out_channels);
            });
            if constexpr (tiles::rest != 0) {
                constexpr int count = tiles::whole > 0 ? step : tiles::rest;
                constexpr int x = G.out_width - count;
                pixels<count, tiles::touches_padding(x, count) ? x : interior_tile>(rows, x, to + x * G.out_channels);
            }
        }
    }
};

/// Channels from `First` on: as many whole blocks of V as there are, the rest in narrower vectors, the last ones in
/// part of one.
template <class V, conv_geometry G, int First, class In, class Out>
COMPRESS_INLINE void depthwise_int8_channels(const std::int8_t* packed, const In* input, Out* output,
                                             const int8_end<int8_sections<depthwise_order<G, 4>, false>>& end) {
    constexpr int block = V::lanes * 4;
    constexpr int whole = (G.out_channels - First) / block;
    constexpr int next = First + whole * block;
    for (int c = First; c < next; c += block)
        depthwise_int8_block<V, G, block, In, Out>(packed, c, end).image(input + c, output + c);
    if constexpr (next < G.out_channels) {
        if constexpr (block > 16)
            depthwise_int8_channels<typename V::half, G, next>(packed, input, output, end);
        else
            depthwise_int8_block<V, G, G.out_channels - next, In, Out>(packed, next, end)
                .image(input + next, output + next);
    }
}

}  // namespace detail

/// The same bytes as depthwise_int8_reference, over the vectors of `Isa`: four taps of each channel are brought side by
/// side and multiplied by the byte dot product.
template <class Isa, conv_geometry G, class In, class Out>
COMPRESS_NOTHROW constexpr void depthwise_int8(const std::int8_t* packed, const In* input, Out* output) {
    if constexpr (!simd::has_vectors<Isa>) {
        depthwise_int8_reference<G>(packed, input, output);
    } else {
        const int8_end<int8_sections<depthwise_order<G, 4>, false>> end(packed);
        detail::depthwise_int8_channels<simd::vector_unit<Isa>, G, 0>(packed, input, output, end);
    }
}

}  // namespace tensor_compress
