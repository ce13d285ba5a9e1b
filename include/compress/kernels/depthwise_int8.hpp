// SPDX-License-Identifier: MIT
#pragma once

#include <compress/core/config.hpp>
#include <compress/kernels/decode.hpp>
#include <compress/kernels/depthwise_channels.hpp>
#include <compress/storage/pack.hpp>

namespace tensor_compress {

/// sum[y, x, c] = bias[c] + sum over i, j of weight[c, i, j] * input[y * stride + i * dilation - top, ..., c]
/// output[y, x, c] = clamp(requantize(sum, factor[c]) + zero_point, low, high)
///
/// Outside the image the input is its zero point. Tensors are [height, width, channels], as many channels out as in.
///
/// @param  packed  int8_sections of depthwise_order<G, 4> and Code; the bias has the input's zero point folded in
/// @param  input   stored bytes: int8 values, or value + 128 as unsigned bytes (stored_offset)
/// @pre    255 * 128 * taps + |bias| < 2^30
template <conv_geometry G, class Code = plain_code, class In, class Out>
COMPRESS_NOTHROW constexpr void depthwise_int8_reference(const std::int8_t* packed, const In* input, Out* output,
                                                         row_range rows = rows_of_part<G>(0, 1)) {
    using order = depthwise_order<G, 4>;
    using sections = int8_sections<order, false, Code>;
    const int8_end end = int8_end::of<sections>(packed);
    for (int y = rows.begin; y < rows.end; ++y)
        for (int x = 0; x < G.out_width; ++x)
            for (int c = 0; c < G.out_channels; ++c) {
                std::int32_t sum = load_bytes<std::int32_t>(packed + sections::bias + 4 * c);
                for_each_stored<order, G, Code>(
                    packed + sections::weights, c, [&](int, int i, int j, std::int8_t weight) COMPRESS_LAMBDA_INLINE {
                        const int row = G.row(y, i), column = G.column(x, j);
                        const bool inside = G.row_inside(row) && G.column_inside(column);
                        const int at = (row * G.in_width + column) * G.in_channels + c;
                        sum += (inside ? input[at] - stored_offset<In> : end.input_zero_point) * weight;
                    });
                const int at = (y * G.out_width + x) * G.out_channels + c;
                finish_reference<sections, false>(packed, end, sum, c, at, output, static_cast<const Out*>(nullptr));
            }
}

namespace detail {

/// One block of channels of a depthwise convolution, with its weights and factors in the order in which `interleave4`
/// delivers channels: the `Valid` first channels of four vectors of sums, or with Parts > 1 four vectors that hold so
/// many output pixels with few channels each.
template <class V, conv_geometry G, int Valid, int Parts, class In, class Out>
struct depthwise_int8_block : depthwise_channels<V, V::lanes * 4 / Parts> {
    using order = depthwise_order<G, 4>;
    using i32 = typename V::i32;
    using bytes4 = typename V::bytes4;
    using row_bytes = typename V::row_bytes;
    static constexpr int channels = V::lanes * 4;
    /// With stride 1 and three taps, four neighbouring pixels serve two outputs: weights w0 w1 w2 0 and 0 w0 w1 w2.
    static constexpr bool pairs = G.kernel_width == 3 && G.stride_width == 1 && G.dilation_width == 1;
    static constexpr int step = Parts * (pairs && G.out_width > 1 ? 2 : 1);  ///< output pixels of a tile

    using numbers = depthwise_channels<V, channels / Parts>;
    alignas(64) std::int8_t weights[G.kernel_height * order::steps][channels * 4];
    alignas(64) std::int8_t shifted[pairs ? G.kernel_height : 1][channels * 4];
    row_bytes zero_row;
    alignas(64) std::uint8_t outside[channels];  ///< the bytes of zero_row as they are stored in `In`
    const int8_end& end;

    COMPRESS_INLINE depthwise_int8_block(const std::int8_t* plain_weights, const int8_parts& parts, int first,
                                         const int8_end& e)
        : numbers(parts, first),
          zero_row(V::splat_row(e.input_zero_point + stored_offset<typename V::activation>)),
          end(e) {
        if constexpr (Parts > 1) std::memset(outside, (e.input_zero_point + stored_offset<In>)&0xff, sizeof outside);
        numbers::order_weights(plain_weights + first * 4, order::step_elements, G.kernel_height * order::steps, weights,
                               pairs ? shifted : nullptr);
    }

    /// Tap J of the pixels of a tile, `distance` apart, from the first one's row; First as in `pixels`.
    template <int J, int Count, int First>
    COMPRESS_INLINE row_bytes load(const In* base) const {
        constexpr auto inside = [](int part) {
            return First == interior_tile || G.column_inside(G.column(First + part * Count, J));
        };
        const In* tap = base + J * G.dilation_width * G.in_channels;
        if constexpr (Parts > 1) {
            const void* rows[Parts];
            for_constants<Parts>([&]<int P>() COMPRESS_LAMBDA_INLINE {
                if constexpr (inside(P))
                    rows[P] = tap + P * Count * G.stride_width * G.in_channels;
                else
                    rows[P] = outside;
            });
            return V::template join_rows<Parts, In>(rows);
        } else if constexpr (!inside(0)) {
            return zero_row;
        } else if constexpr (Valid == channels) {
            return V::load_row(tap);
        } else {
            return V::template load_row_part<Valid>(tap);
        }
    }
    COMPRESS_INLINE void dot(i32 (&sums)[4], const bytes4 (&taps)[4], const std::int8_t* w) const {
        COMPRESS_UNROLL
        for (int v = 0; v < 4; ++v) sums[v] = V::dot4(sums[v], taps[v], V::load_weights(w + v * V::lanes * 4));
    }
    template <int Count>
    COMPRESS_INLINE void store(Out* output, const i32 (&sums)[4]) const {
        const int8_vector_end<V, Out> finish(end);
        i32 scaled[4];
        COMPRESS_UNROLL
        for (int v = 0; v < 4; ++v) scaled[v] = sums[v];
        numbers::scale(scaled);
        const row_bytes bytes = V::template narrow<Out>(scaled, finish.bytes);
        if constexpr (Parts > 1)
            V::template store_parts<Parts>(output, Count * G.out_channels, bytes);
        else
            V::template store_interleaved<Valid>(output, bytes);
    }

    /// Output pixels `column` .. + Count * Parts - 1 (Count is 2 only for pairs), part p of a vector from Count * p on.
    /// Where First is given, it is `column` as a constant and the taps outside the image are left to the zero point.
    template <int Count, int First>
    COMPRESS_NOINLINE void pixels(const In* const* rows, int column, Out* output) const {
        i32 sums[Count][4];
        for (int m = 0; m < Count; ++m) numbers::begin(sums[m]);
        for (int i = 0; i < G.kernel_height; ++i) {
            const In* base =
                rows[i] == nullptr ? nullptr : rows[i] + (column * G.stride_width - G.left) * G.in_channels;
            for_constants<order::steps>([&]<int S>() COMPRESS_LAMBDA_INLINE {
                row_bytes taps[4];
                for_constants<4>([&]<int T>() COMPRESS_LAMBDA_INLINE {
                    constexpr int j = S * 4 + T;
                    taps[T] = zero_row;
                    if constexpr (j < G.kernel_width + Count - 1)
                        if (base != nullptr) taps[T] = load<j, Count, First>(base);
                });
                bytes4 mixed[4];
                V::interleave4(taps, mixed);
                dot(sums[0], mixed, weights[i * order::steps + S]);
                if constexpr (Count == 2) dot(sums[1], mixed, shifted[i]);
            });
        }
        if constexpr (First == interior_tile) {  // in registers; tiles at the edges are too few to be compiled twice
            for_constants<Count>([&]<int M>()
                                     COMPRESS_LAMBDA_INLINE { store<Count>(output + M * G.out_channels, sums[M]); });
        } else {
            for (int m = 0; m < Count; ++m) store<Count>(output + m * G.out_channels, sums[m]);
        }
    }

    COMPRESS_INLINE void image(row_range range, const In* input, Out* output) const {
        for (int y = range.begin; y < range.end; ++y) {
            const image_rows<G, In> rows(input, y);
            for_each_tile<row_tiles<G, step>>([&]<int Count, int First>(int x) COMPRESS_LAMBDA_INLINE {
                pixels<Count / Parts, First>(rows.at, x, output + (y * G.out_width + x) * G.out_channels);
            });
        }
    }
};

/// How many pixels share a vector for the last `Rest` channels of a row: 1 where they have to have their own.
template <class V, conv_geometry G, int Rest>
constexpr int depthwise_parts() {
    constexpr int block = V::lanes * 4;
    for (int parts = 2; block / parts >= 16; parts *= 2)
        if (Rest >= block / parts && G.out_width >= 2 * parts) return parts;
    return 1;
}

/// How many blocks of V there are from channel `First` on, with the one that is not whole.
template <class V, conv_geometry G, int First = 0>
inline constexpr int depthwise_blocks = ceil_div(G.out_channels - First, V::lanes * 4);

/// Channels from `First` on, of them the blocks from `begin` to before `stop`: whole blocks of V, then several pixels
/// at a time; what is left in narrower vectors, the last channels in part of one.
template <class V, conv_geometry G, int First, class In, class Out>
COMPRESS_INLINE void depthwise_int8_channels(const std::int8_t* weights, const int8_parts& parts, const int8_end& end,
                                             row_range range, const In* input, Out* output, int begin = 0,
                                             int stop = depthwise_blocks<V, G, First>) {
    constexpr int block = V::lanes * 4;
    constexpr int whole = (G.out_channels - First) / block;
    constexpr int next = First + whole * block;
    constexpr int rest = G.out_channels - next;
    constexpr int pixels = depthwise_parts<V, G, rest>();
    for (int c = First + begin * block; c < First + (stop < whole ? stop : whole) * block; c += block)
        depthwise_int8_block<V, G, block, 1, In, Out>(weights, parts, c, end).image(range, input + c, output + c);
    if (stop <= whole) return;
    if constexpr (pixels > 1) {
        depthwise_int8_block<V, G, block / pixels, pixels, In, Out>(weights, parts, next, end)
            .image(range, input + next, output + next);
        depthwise_int8_channels<V, G, next + block / pixels>(weights, parts, end, range, input, output);
    } else if constexpr (rest > 0 && block > 16) {
        depthwise_int8_channels<typename V::half, G, next>(weights, parts, end, range, input, output);
    } else if constexpr (rest > 0) {
        depthwise_int8_block<V, G, rest, 1, In, Out>(weights, parts, next, end)
            .image(range, input + next, output + next);
    }
}

}  // namespace detail

/// The same bytes as depthwise_int8_reference, over the vectors of `Isa`: four taps of each channel are brought side by
/// side and multiplied by the byte dot product. Weights in a code are decoded first. Rows are what
/// `threads` shares out, or blocks of channels.
template <class Isa, conv_geometry G, class Code = plain_code, class In, class Out, executor Executor = serial>
COMPRESS_NOTHROW constexpr void depthwise_int8(const std::int8_t* packed, const In* input, Out* output,
                                               [[maybe_unused]] const Executor& threads = {}) {
    if constexpr (!simd::has_vectors<Isa>) {
        depthwise_int8_reference<G, Code>(packed, input, output, rows_for<G>(threads, 0, 1));
    } else {
        using V = simd::vector_unit<Isa>;
        using order = depthwise_order<G, 4>;
        using sections = int8_sections<order, false, Code>;
        const int8_end end = int8_end::of<sections>(packed);
        const int8_parts parts = int8_parts::of<sections>(packed);
        const std::int8_t* weights = packed + sections::weights;
        const auto run = [&](const std::int8_t* plain) COMPRESS_LAMBDA_INLINE {
            constexpr int blocks = detail::depthwise_blocks<V, G>;
            // So many channels for so few pixels: 1x1 layers around it are split by channels, for their weights.
            constexpr bool channels = G.out_channels > 8 * G.out_height * G.out_width;
            constexpr layer_split split = split_layer(wanted_parts<Executor>, G.out_height, blocks, channels);
            threads.parallel_for(split.rows * split.blocks, [&](int part) COMPRESS_LAMBDA_INLINE {
                const row_range rows = rows_for<G>(threads, part % split.rows, split.rows);
                const int share = part / split.rows;
                detail::depthwise_int8_channels<V, G, 0>(plain, parts, end, rows, input, output,
                                                         blocks * share / split.blocks,
                                                         blocks * (share + 1) / split.blocks);
            });
        };
        if constexpr (Code::plain) {
            run(weights);
        } else {
            alignas(64) std::int8_t plain[Code::decoded(order::elements)];
            decoder<Code>::template decode<V>(weights, order::elements, plain);
            if constexpr (!Code::stores_zero) clear_padding<order, G.kernel_width, order::padded_outputs / 16>(plain);
            run(plain);
        }
    }
}

}  // namespace tensor_compress
