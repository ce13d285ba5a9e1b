// SPDX-License-Identifier: MIT
#pragma once

#include <cstring>
#include <type_traits>

#include <compress/core/config.hpp>
#include <compress/kernels/int8_block.hpp>

namespace tensor_compress::detail {

/// Requantisation, activation, residual and storing of Rows pixels x Panels panels of sums. Pixels are `Channels` bytes
/// apart; Last is the number of outputs in the last panel.
template <class V, int Panels, int Last, bool Residual, int Channels, int Rows, class Operands, class Out, class Other>
COMPRESS_INLINE void finish_int8_tile(const int8_block<V, Panels, Operands>& block, const int8_end& end,
                                      const typename V::i32 (&sums)[Rows][Panels * V::vectors_per_panel], Out* output,
                                      const Other* residual) {
    using i32 = typename V::i32;
    constexpr int vectors = V::vectors_per_panel;
    constexpr int columns = Panels * vectors;
    using vector_end = std::conditional_t<Residual, int8_residual_end<V, Out, Other>, int8_vector_end<V, Out>>;
    const vector_end finish(end);
    constexpr int outputs = (Panels - 1) * panel_outputs + Last;
    // The sums leave the registers here: the end of a row is then a loop, not Rows copies, of which compilers would
    // make half their work and the instruction cache half its content.
    alignas(64) std::int32_t kept[Rows][columns * V::lanes];
    COMPRESS_UNROLL
    for (int m = 0; m < Rows; ++m) {
        COMPRESS_UNROLL
        for (int j = 0; j < columns; ++j) V::store(kept[m] + j * V::lanes, sums[m][j]);
    }
    // Four vectors are narrowed to bytes together: of one row, or of several where a row has less.
    const auto finish_rows = [&]<int Count>(int m) COMPRESS_LAMBDA_INLINE {
        for_constants<ceil_div(columns, 4)>([&]<int Group>() COMPRESS_LAMBDA_INLINE {
            constexpr int first = Group * 4, first_output = first * V::lanes;
            constexpr int across = columns - first < 4 ? columns - first : 4;
            constexpr int row_bytes = across * V::lanes;
            constexpr int left = outputs - first_output;
            constexpr int stored = left < row_bytes ? left : row_bytes;
            i32 scaled[4];
            for_constants<4>([&]<int K>() COMPRESS_LAMBDA_INLINE {
                if constexpr (K < Count * across)
                    scaled[K] = V::load(kept[m + K / across] + (first + K % across) * V::lanes);
                else
                    scaled[K] = V::zero();
            });
            block.scaling.template apply<first, across, Count>(scaled);
            if constexpr (Residual) {
                i32 others[4];
                for_constants<Count * ceil_div(stored, panel_outputs)>([&]<int Part>() COMPRESS_LAMBDA_INLINE {
                    constexpr int row = Part / ceil_div(stored, panel_outputs);
                    constexpr int panel = Part % ceil_div(stored, panel_outputs);
                    constexpr int rest = stored - panel * panel_outputs;
                    i32 r[vectors];
                    V::template load16_part<(rest < panel_outputs ? rest : panel_outputs)>(
                        residual + (m + row) * Channels + first_output + panel * panel_outputs, r);
                    for_constants<vectors>([&]<int J>() COMPRESS_LAMBDA_INLINE {
                        constexpr int k = row * across + panel * vectors + J;
                        if constexpr (panel * vectors + J < across) others[k] = r[J];
                    });
                });
                finish.template add<Count * across>(scaled, others);
            }
            const auto bytes = V::template narrow<Out>(scaled, finish.bytes);
            Out* to = output + m * Channels + first_output;
            if constexpr (Count == 1) {
                V::template store_ordered<stored>(to, bytes);
            } else if constexpr (Channels == row_bytes) {
                V::template store_ordered<Count * row_bytes>(to, bytes);
            } else {
                alignas(64) Out ordered[4 * V::lanes];
                V::template store_ordered<4 * V::lanes>(ordered, bytes);
                for (int row = 0; row < Count; ++row)
                    std::memcpy(to + row * Channels, ordered + row * row_bytes, stored);
            }
        });
    };
    constexpr int together = columns < 4 ? 4 / columns : 1;
    constexpr int whole_rows = Rows - Rows % together;
    COMPRESS_ROLL
    for (int m = 0; m < whole_rows; m += together) finish_rows.template operator()<together>(m);
    if constexpr (whole_rows < Rows) finish_rows.template operator()<Rows - whole_rows>(whole_rows);
}

/// Rows pixels x Panels panels of outputs. `rows[i]` is the image row under kernel row i, moved to the group's first
/// channel, or null outside the image. First is the output column of the first pixel where the tile touches padding;
/// otherwise `column` is. Last is the number of outputs in the last panel. What comes of the sums is up to the End.
template <class V, conv_geometry G, int Rows, int Panels, int First, int Last, bool Residual, class In, class Block,
          class End, class Out, class Other>
COMPRESS_NOINLINE void conv2d_int8_tile(const In* const* rows, int column, const Block& block, const End& end,
                                        Out* output, const Other* residual) {
    using order = panel_order<G, 4>;
    using i32 = typename V::i32;
    constexpr int vectors = V::vectors_per_panel;
    constexpr int columns = Panels * vectors;
    constexpr int terms = Block::step_terms, step_elements = terms * panel_outputs;
    constexpr int whole_steps = G.run_length() / terms;
    constexpr int tail = G.run_length() % terms;
    constexpr int pixel_step = G.stride_width * G.in_channels;
    constexpr bool edge = First != interior_tile;

    const auto weights_at = [&](int offset, int j) COMPRESS_LAMBDA_INLINE {
        return block.template weights_at<order::panel_elements>(j / vectors, offset, (j % vectors) * V::lanes);
    };

    i32 sums[Rows][columns];
    {
        i32 start[columns];
        COMPRESS_UNROLL
        for (int j = 0; j < columns; ++j) start[j] = block.start(j);
        if constexpr (G.leaves_rows()) {
            // Rows outside the image are the zero point all along, the same for each pixel.
            const auto zero = Block::inputs_of(zero_point_word<V>(end.input_zero_point));
            for (int i = 0; i < G.kernel_height; ++i) {
                if (rows[i] != nullptr) continue;
                for (int step = 0; step < order::row_elements; step += step_elements) {
                    COMPRESS_UNROLL
                    for (int j = 0; j < columns; ++j)
                        start[j] = Block::add(start[j], zero, weights_at(i * order::row_elements + step, j));
                }
            }
        }
        COMPRESS_UNROLL
        for (int m = 0; m < Rows; ++m) {
            COMPRESS_UNROLL
            for (int j = 0; j < columns; ++j) sums[m][j] = start[j];
        }
    }

    for (int i = 0; i < G.kernel_height; ++i) {
        if (G.leaves_rows() && rows[i] == nullptr) continue;
        // One step: so many terms of each pixel against those of each output.
        const auto step = [&](int offset, auto&& terms_of) COMPRESS_LAMBDA_INLINE {
            typename Block::operand w[columns];
            COMPRESS_UNROLL
            for (int j = 0; j < columns; ++j) w[j] = weights_at(i * order::row_elements + offset, j);
            COMPRESS_UNROLL
            for (int m = 0; m < Rows; ++m) {
                const auto a = terms_of(m);
                COMPRESS_UNROLL
                for (int j = 0; j < columns; ++j) sums[m][j] = Block::add(sums[m][j], a, w[j]);
            }
        };
        if constexpr (edge) {
            // Tap by tap, so that a pixel whose tap is outside reads the zero point instead.
            constexpr int tap_step = G.merged() ? G.in_channels / 4 * order::step_elements : order::run_elements;
            constexpr int tap_steps = G.group_inputs() / terms, tap_tail = G.group_inputs() % terms;
            const std::int32_t zero = zero_point_word<V>(end.input_zero_point);
            for_constants<G.kernel_width>([&]<int J>() COMPRESS_LAMBDA_INLINE {
                const auto at = [](int m) { return G.column(First + m, J); };
                for (int s = 0; s < tap_steps; ++s)
                    step(J * tap_step + s * step_elements, [&](int m) COMPRESS_LAMBDA_INLINE {
                        return G.column_inside(at(m)) ? Block::inputs(rows[i] + at(m) * G.in_channels + terms * s)
                                                      : Block::inputs_of(zero);
                    });
                if constexpr (tap_tail != 0)
                    step(J * tap_step + tap_steps * step_elements, [&](int m) COMPRESS_LAMBDA_INLINE {
                        return Block::inputs_of(
                            G.column_inside(at(m))
                                ? tail_word_of<V, tap_tail>(rows[i] + at(m) * G.in_channels + terms * tap_steps)
                                : zero);
                    });
            });
        } else {
            constexpr int last_word = detail::word_overreach < G >> 0 ? 4 : tail;
            const In* base = rows[i] + (column * G.stride_width - G.left) * G.in_channels;
            for (int run = 0; run < G.runs(); ++run, base += G.dilation_width * G.in_channels) {
                const int offset = run * order::run_elements;
                if constexpr (Block::widened) {
                    alignas(64) std::int32_t even[Rows][order::steps], odd[Rows][order::steps];
                    for (int m = 0; m < Rows; ++m) {
                        const In* row = base + m * pixel_step;
                        widen_row<V, whole_steps>(row, even[m], odd[m]);
                        if constexpr (tail != 0)
                            widen_word(tail_word_of<V, last_word>(row + 4 * whole_steps), even[m][whole_steps],
                                       odd[m][whole_steps]);
                    }
                    for (int s = 0; s < order::steps; ++s)
                        step(offset + s * order::step_elements,
                             [&](int m) COMPRESS_LAMBDA_INLINE { return V::spread_wide(even[m][s], odd[m][s]); });
                    continue;
                }
                for (int s = 0; s < whole_steps; ++s)
                    step(offset + s * step_elements, [&](int m) COMPRESS_LAMBDA_INLINE {
                        return Block::inputs(base + m * pixel_step + terms * s);
                    });
                if constexpr (tail != 0)
                    step(offset + whole_steps * step_elements, [&](int m) COMPRESS_LAMBDA_INLINE {
                        return Block::inputs_of(
                            tail_word_of<V, last_word>(base + m * pixel_step + terms * whole_steps));
                    });
            }
        }
    }

    finish_int8_tile<V, Panels, Last, Residual, G.out_channels>(block, end, sums, output, residual);
}

}  // namespace tensor_compress::detail
