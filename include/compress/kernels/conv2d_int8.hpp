// SPDX-License-Identifier: MIT
#pragma once

#include <compress/core/config.hpp>
#include <compress/kernels/decode.hpp>
#include <compress/kernels/int8_row.hpp>
#include <compress/kernels/int8_tile.hpp>
#include <compress/storage/pack.hpp>

namespace tensor_compress {

/// sum[y, x, o] = bias[o] + sum over i, j, c of weight[o, c, i, j] * input[y * stride + i * dilation - top, ..., c]
/// output[y, x, o] = clamp(requantize(sum, factor[o]) + zero_point, low, high), then the residual add where there is
/// one.
///
/// Outside the image the input is its zero point. All shapes are constants of `G`; tensors are [height, width,
/// channels].
///
/// @param  packed    int8_sections of panel_order<G, 4> and Code; the bias has the input's zero point folded in
/// @param  input     stored bytes: int8 values, or value + 128 as unsigned bytes (stored_offset)
/// @param  residual  same layout as the output, or null
/// @pre    255 * 128 * terms + |bias| < 2^30, so the sum cannot overflow and may be doubled
template <conv_geometry G, bool Residual, class Code = plain_code, class In, class Out, class Other>
COMPRESS_NOTHROW constexpr void conv2d_int8_reference(const std::int8_t* packed, const In* input, Out* output,
                                                      const Other* residual, row_range rows = rows_of_part<G>(0, 1)) {
    using order = panel_order<G, 4>;
    using sections = int8_sections<order, Residual, Code>;
    const int8_end end = int8_end::of<sections>(packed);
    for (int y = rows.begin; y < rows.end; ++y)
        for (int x = 0; x < G.out_width; ++x)
            for (int o = 0; o < G.out_channels; ++o) {
                const int first_channel = o / G.group_outputs() * G.group_inputs();
                const int slot = order::slot(o);
                std::int32_t sum = load_bytes<std::int32_t>(packed + sections::bias + 4 * slot);
                for_each_stored<order, G, Code>(
                    packed + sections::weights, o, [&](int c, int i, int j, std::int8_t weight) COMPRESS_LAMBDA_INLINE {
                        const int row = G.row(y, i), column = G.column(x, j);
                        const bool inside = G.row_inside(row) && G.column_inside(column);
                        const int at = (row * G.in_width + column) * G.in_channels + first_channel + c;
                        sum += (inside ? input[at] - stored_offset<In> : end.input_zero_point) * weight;
                    });
                const int at = (y * G.out_width + x) * G.out_channels + o;
                finish_reference<sections, Residual>(packed, end, sum, slot, at, output, residual);
            }
}

namespace detail {

/// Whether weights are widened before they are multiplied: where the instruction set has no dot product of bytes, and
/// enough pixels use them.
template <class V, conv_geometry G>
inline constexpr bool widens_weights =
    V::widens&& G.out_height* G.out_width >= 8 && panel_order<G, 4>::panel_elements <= 2 * most_decoded_bytes;

/// A tile at the edge of a row whose taps do not start on groups of four channels: its part of each row is written out
/// with the zero point around it, on the stack, and is then interior.
template <class V, conv_geometry G, int Rows, int Panels, int First, int Last, bool Residual, class In, class Block,
          class End, class Out, class Other>
COMPRESS_INLINE void conv2d_int8_edge(const In* const* rows, const Block& block, const End& end, Out* output,
                                      const Other* residual) {
    if constexpr (G.merged() && G.in_channels % 4 != 0) {
        constexpr int first_column = G.column(First, 0);
        constexpr int width = G.column(First + Rows - 1, G.kernel_width - 1) - first_column + 1;
        constexpr int begin = first_column < 0 ? 0 : first_column;
        constexpr int stop = first_column + width > G.in_width ? G.in_width : first_column + width;
        In copies[G.kernel_height][width * G.in_channels + word_overreach<G>];
        const In* moved[G.kernel_height];
        for (int i = 0; i < G.kernel_height; ++i) {
            moved[i] = nullptr;
            if (rows[i] == nullptr) continue;
            std::memset(copies[i], (end.input_zero_point + stored_offset<In>)&0xff, sizeof copies[i]);
            if constexpr (stop > begin)
                std::memcpy(copies[i] + (begin - first_column) * G.in_channels, rows[i] + begin * G.in_channels,
                            (stop - begin) * G.in_channels);
            moved[i] = copies[i] + G.left * G.in_channels;
        }
        conv2d_int8_tile<V, G, Rows, Panels, interior_tile, Last, Residual>(moved, 0, block, end, output, residual);
    } else {
        conv2d_int8_tile<V, G, Rows, Panels, First, Last, Residual>(rows, 0, block, end, output, residual);
    }
}

/// A range of rows of one block of panels, the first of which is `panel` of `group`.
template <class V, conv_geometry G, int Rows, int Panels, int Last, bool Residual, class Block, class End, class In,
          class Out, class Other>
COMPRESS_INLINE void conv2d_int8_block(const Block& block, const End& end, int group, int panel, row_range range,
                                       const In* input, Out* output, const Other* residual) {
    // The last tile does not overlap where a residual may lie in the place of the output and would be added twice.
    using tiles = row_tiles<G, Rows, !Residual, ceil_div(word_overreach<G>, G.in_channels)>;
    for (int y = range.begin; y < range.end; ++y) {
        const image_rows<G, In> rows(input + group * G.group_inputs(), y);
        const int start = y * G.out_width * G.out_channels + group * G.group_outputs() + panel * panel_outputs;
        for_each_tile<tiles>([&]<int Count, int First>(int x) COMPRESS_LAMBDA_INLINE {
            Out* to = output + start + x * G.out_channels;
            const Other* other = Residual ? residual + start + x * G.out_channels : nullptr;
            if constexpr (First == interior_tile)
                conv2d_int8_tile<V, G, Count, Panels, First, Last, Residual>(rows.at, x, block, end, to, other);
            else
                conv2d_int8_edge<V, G, Count, Panels, First, Last, Residual>(rows.at, block, end, to, other);
        });
    }
}

/// The same with weights still in `Code`, at the block's first panel: decoded a block at a time, once for all pixels;
/// where there is a single pixel, in registers.
template <class V, conv_geometry G, class Code, int Rows, int Panels, int Last, bool Residual, class Parts, class End,
          class In, class Out, class Other>
COMPRESS_INLINE void conv2d_int8_coded(const std::int8_t* weights, const Parts& parts, const End& end, int group,
                                       int panel, row_range range, const In* input, Out* output,
                                       const Other* residual) {
    using order = panel_order<G, 4>;
    using bytes = typename Parts::template block<V, Panels, byte_operands<V>>;
    using wide_bytes = typename Parts::template block<V, Panels, wide_operands<V>>;
    constexpr int elements = order::panel_elements;
    const int place = group * order::panels + panel;
    const auto run = [&](const std::int8_t* plain) COMPRESS_LAMBDA_INLINE {
        if constexpr (widens_weights<V, G>) {
            alignas(64) std::int8_t wide[2 * Panels * elements];
            widen_weights<V>(plain, Panels * elements, wide);
            conv2d_int8_block<V, G, Rows, Panels, Last, Residual>(wide_bytes(wide, parts, place), end, group, panel,
                                                                  range, input, output, residual);
        } else {
            conv2d_int8_block<V, G, Rows, Panels, Last, Residual>(bytes(plain, parts, place), end, group, panel, range,
                                                                  input, output, residual);
        }
    };
    if constexpr (Code::plain) {
        run(weights);
    } else if constexpr (picking_code<Code>) {
        using picked = typename Parts::template block<V, Panels, picked_operands<V, Code>>;
        conv2d_int8_block<V, G, Rows, Panels, Last, Residual>(picked(weights, parts, place), end, group, panel, range,
                                                              input, output, residual);
    } else if constexpr (decodes_in_registers<G, Code>()) {
        const bytes block(weights, parts, place);
        const int at = panel * panel_outputs;
        int8_row<V, Code, G.run_length(), Panels, Last, Residual>(input, block, end, output + at,
                                                                  Residual ? residual + at : nullptr);
    } else {
        alignas(64) std::int8_t plain[(Panels - 1) * elements + Code::decoded(elements)];
        for (int p = 0; p < Panels; ++p) {
            decoder<Code>::template decode<V>(weights + p * Code::bytes(elements), elements, plain + p * elements);
            if constexpr (!Code::stores_zero) clear_padding<order, G.run_length(), 1>(plain + p * elements);
        }
        run(plain);
    }
}

/// All of a convolution of bytes, whose sums `End` finishes.
/// Blocking: panels of weights outermost, so that a block of them stays in the first-level cache over all pixels.
/// Blocks, and parts of the image where those are few, are what `threads` shares out.
///
/// @param  weights  of panel_order<G, 4>, as `Code` stores them
template <class V, conv_geometry G, bool Residual, class Code, class Parts, class End, class In, class Out, class Other,
          class Executor>
COMPRESS_INLINE void conv2d_bytes(const std::int8_t* weights, const Parts& parts, const End& end, const In* input,
                                  Out* output, const Other* residual, const Executor& threads) {
    using order = panel_order<G, 4>;
    constexpr bool split = sizeof(typename V::bytes4) > sizeof(typename V::i32);
    constexpr bool picks = picking_code<Code>, wide = !picks && widens_weights<V, G>;
    // Wide operands take two registers each, and so do weights with their places.
    constexpr int spare = (wide ? 5 : split || picks ? 1 : 0) + (split ? V::vectors_per_panel : 0);
    constexpr bool direct = (Code::plain && !wide) || picks || decodes_in_registers<G, Code>();
    constexpr tile_size tile =
        choose_tile<V>(G.out_width, order::panels, spare,
                       direct ? 8 : most_decoded_bytes / order::panel_elements / (wide ? 2 : 1), picks ? 2 : 1);
    const auto run = [&]<int Panels, int Last>(int group, int panel, row_range range) COMPRESS_LAMBDA_INLINE {
        const int block = (group * order::panels + panel) * Code::bytes(order::block_elements);
        conv2d_int8_coded<V, G, Code, tile.rows, Panels, Last, Residual>(weights + block, parts, end, group, panel,
                                                                         range, input, output, residual);
    };
    for_each_block<G, order, tile>(threads, run);
}

}  // namespace detail

/// The same bytes as conv2d_int8_reference, over the vectors of `Isa`; `threads` shares out blocks of outputs, and
/// parts of the image.
template <class Isa, conv_geometry Written, bool Residual, class Code = plain_code, class In, class Out, class Other,
          executor Executor = serial>
COMPRESS_NOTHROW constexpr void conv2d_int8(const std::int8_t* packed, const In* input, Out* output,
                                            const Other* residual, [[maybe_unused]] const Executor& threads = {}) {
    constexpr conv_geometry G = geometry_for<Written, Executor>;
    if constexpr (!simd::has_vectors<Isa>) {
        conv2d_int8_reference<G, Residual, Code>(packed, input, output, residual, rows_for<G>(threads, 0, 1));
    } else {
        using sections = int8_sections<panel_order<G, 4>, Residual, Code>;
        detail::conv2d_bytes<simd::vector_unit<Isa>, G, Residual, Code>(
            packed + sections::weights, int8_parts::of<sections>(packed), int8_end::of<sections>(packed), input, output,
            residual, threads);
    }
}

}  // namespace tensor_compress
