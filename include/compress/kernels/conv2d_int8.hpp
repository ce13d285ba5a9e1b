// SPDX-License-Identifier: MIT
#pragma once

#include <type_traits>

#include <compress/core/config.hpp>
#include <compress/kernels/int8_end.hpp>
#include <compress/kernels/int8_scaling.hpp>
#include <compress/kernels/tiling.hpp>

namespace tensor_compress {

/// sum[y, x, o] = bias[o] + sum over i, j, c of weight[o, c, i, j] * input[y * stride + i * dilation - top, ..., c]
/// output[y, x, o] = clamp(requantize(sum, factor[o]) + zero_point, low, high), then the residual add where there is
/// one.
///
/// Outside the image the input is its zero point. All shapes are constants of `G`; tensors are [height, width,
/// channels].
///
/// @param  packed    int8_sections of panel_order<G, 4>; the bias has the input's zero point folded in
/// @param  input     stored bytes: int8 values, or value + 128 as unsigned bytes (stored_offset)
/// @param  residual  same layout as the output, or null
/// @pre    255 * 128 * terms + |bias| < 2^30, so the sum cannot overflow and may be doubled
template <conv_geometry G, bool Residual, class In, class Out, class Other>
COMPRESS_NOTHROW constexpr void conv2d_int8_reference(const std::int8_t* packed, const In* input, Out* output,
                                                      const Other* residual) {
    using order = panel_order<G, 4>;
    using sections = int8_sections<order, Residual>;
    const int8_end<sections> end(packed);
    for (int y = 0; y < G.out_height; ++y)
        for (int x = 0; x < G.out_width; ++x)
            for (int o = 0; o < G.out_channels; ++o) {
                const int first_channel = o / G.group_outputs() * G.group_inputs();
                const int slot = order::slot(o);
                std::int32_t sum = load_bytes<std::int32_t>(packed + sections::bias + 4 * slot);
                for (int i = 0; i < G.kernel_height; ++i)
                    for (int j = 0; j < G.kernel_width; ++j) {
                        const int row = G.row(y, i), column = G.column(x, j);
                        const bool inside = G.row_inside(row) && G.column_inside(column);
                        const In* pixel =
                            inside ? input + (row * G.in_width + column) * G.in_channels + first_channel : nullptr;
                        for (int c = 0; c < G.group_inputs(); ++c) {
                            const std::int32_t value = inside ? pixel[c] - stored_offset<In> : end.input_zero_point;
                            sum += value * packed[sections::weights + order::index(o, c, i, j)];
                        }
                    }
                const fixed_multiplier factor{load_bytes<std::int32_t>(packed + sections::multiplier + 4 * slot),
                                              packed[sections::shift + slot]};
                std::int32_t q = end.finish(sum, factor);
                const int at = (y * G.out_width + x) * G.out_channels + o;
                if constexpr (Residual) q = end.add(q, residual[at] - stored_offset<Other>);
                output[at] = static_cast<Out>(q + stored_offset<Out>);
            }
}

namespace detail {

/// Four stored bytes as one word in the order of memory, in the form the vector unit multiplies (+ 128 on x86).
template <class V, class In>
COMPRESS_INLINE std::int32_t word_of(const In* p) {
    std::int32_t word;
    std::memcpy(&word, p, 4);
    if constexpr (stored_offset<typename V::activation> != stored_offset<In>)
        word ^= static_cast<std::int32_t>(0x80808080u);
    return word;
}
/// Bytes after a run that its last word also holds. They meet weights of zero; a pixel after the run is there for them,
/// except at the end of a row, where tiles count as edges for it.
template <conv_geometry G>
inline constexpr int word_overreach = G.merged() && G.out_width > 1 && G.run_length() % 4 != 0 ? 4 - G.run_length() % 4
                                                                                               : 0;

/// The last `Count` bytes of a run; the weights beyond it are zero. Put together in a register: a word loaded where
/// single bytes were just stored waits for them.
template <class V, int Count, class In>
COMPRESS_INLINE std::int32_t tail_word_of(const In* p) {
    if constexpr (Count == 4) return word_of<V>(p);
    std::uint32_t word = 0;
    for (int i = 0; i < Count; ++i) word |= static_cast<std::uint32_t>(static_cast<std::uint8_t>(p[i])) << (8 * i);
    if constexpr (stored_offset<typename V::activation> != stored_offset<In>) word ^= 0x80808080u;
    return static_cast<std::int32_t>(word);
}
template <class V>
COMPRESS_INLINE std::int32_t zero_point_word(std::int32_t zero_point) {
    return static_cast<std::int32_t>(
        (static_cast<std::uint32_t>(zero_point + stored_offset<typename V::activation>) & 0xffu) * 0x01010101u);
}

/// Weights and biases of one block of panels, and its factors in the form that vectors are scaled with, made once a
/// block.
template <class V, class Order, int Panels>
struct int8_block {
    const std::int8_t* weights;
    const std::int32_t* bias;
    const std::int32_t* weight_sum;
    int8_scaling<V, Panels * V::vectors_per_panel> scaling;

    using sections = int8_sections<Order, false>;  // those before the parameters do not depend on a residual
    static COMPRESS_INLINE const std::int32_t* ints(const std::int8_t* packed, int section, int panel) {
        return reinterpret_cast<const std::int32_t*>(packed + section) + panel * panel_outputs;
    }
    COMPRESS_INLINE int8_block(const std::int8_t* packed, int panel)
        : weights(packed + sections::weights + panel * Order::panel_elements),
          bias(ints(packed, sections::bias, panel)),
          weight_sum(ints(packed, sections::weight_sum, panel)),
          scaling(ints(packed, sections::multiplier, panel), packed + sections::shift + panel * panel_outputs) {}
};

/// Rows pixels x Panels panels of outputs. `rows[i]` is the image row under kernel row i, moved to the group's first
/// channel, or null outside the image. First is the output column of the first pixel where the tile touches padding;
/// otherwise `column` is. Last is the number of outputs in the last panel.
template <class V, conv_geometry G, int Rows, int Panels, int First, int Last, bool Residual, class In, class Out,
          class Other>
COMPRESS_NOINLINE void
conv2d_int8_tile(const In* const* rows, int column, const int8_block<V, panel_order<G, 4>, Panels>& block,
                 const int8_end<int8_sections<panel_order<G, 4>, Residual>>& end, Out* output, const Other* residual) {
    using order = panel_order<G, 4>;
    using i32 = typename V::i32;
    using bytes4 = typename V::bytes4;
    constexpr int vectors = V::vectors_per_panel;
    constexpr int columns = Panels * vectors;
    constexpr int whole_steps = G.run_length() / 4;
    constexpr int tail = G.run_length() % 4;
    constexpr int pixel_step = G.stride_width * G.in_channels;
    constexpr bool edge = First != interior_tile;

    const auto weights_at = [&](int offset, int j) COMPRESS_LAMBDA_INLINE {
        return V::load_weights(block.weights + (j / vectors) * order::panel_elements + offset +
                               (j % vectors) * V::lanes * 4);
    };

    i32 sums[Rows][columns];
    {
        i32 start[columns];
        COMPRESS_UNROLL
        for (int j = 0; j < columns; ++j) {
            start[j] = V::load(block.bias + j * V::lanes);
            if constexpr (stored_offset<typename V::activation> == 128)
                start[j] = V::subtract(start[j], V::template shift_left<7>(V::load(block.weight_sum + j * V::lanes)));
        }
        if constexpr (G.leaves_rows()) {
            // Rows outside the image are the zero point all along, the same for each pixel.
            const bytes4 zero = V::spread4(zero_point_word<V>(end.input_zero_point));
            for (int i = 0; i < G.kernel_height; ++i) {
                if (rows[i] != nullptr) continue;
                for (int step = 0; step < order::row_elements; step += order::step_elements) {
                    COMPRESS_UNROLL
                    for (int j = 0; j < columns; ++j)
                        start[j] = V::dot4(start[j], zero, weights_at(i * order::row_elements + step, j));
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
        // One step: four terms of each pixel against four terms of each output.
        const auto step = [&](int offset, auto&& word) COMPRESS_LAMBDA_INLINE {
            bytes4 w[columns];
            COMPRESS_UNROLL
            for (int j = 0; j < columns; ++j) w[j] = weights_at(i * order::row_elements + offset, j);
            COMPRESS_UNROLL
            for (int m = 0; m < Rows; ++m) {
                const bytes4 a = V::spread4(word(m));
                COMPRESS_UNROLL
                for (int j = 0; j < columns; ++j) sums[m][j] = V::dot4(sums[m][j], a, w[j]);
            }
        };
        if constexpr (edge) {
            // Tap by tap, so that a pixel whose tap is outside reads the zero point instead.
            constexpr int tap_step = G.merged() ? G.in_channels / 4 * order::step_elements : order::run_elements;
            constexpr int tap_steps = G.group_inputs() / 4;
            const std::int32_t zero = zero_point_word<V>(end.input_zero_point);
            for_constants<G.kernel_width>([&]<int J>() COMPRESS_LAMBDA_INLINE {
                const auto at = [](int m) { return G.column(First + m, J); };
                for (int s = 0; s < tap_steps; ++s)
                    step(J * tap_step + s * order::step_elements, [&](int m) COMPRESS_LAMBDA_INLINE {
                        return G.column_inside(at(m)) ? word_of<V>(rows[i] + at(m) * G.in_channels + 4 * s) : zero;
                    });
                if constexpr (G.group_inputs() % 4 != 0)
                    step(J * tap_step + tap_steps * order::step_elements, [&](int m) COMPRESS_LAMBDA_INLINE {
                        return G.column_inside(at(m)) ? tail_word_of<V, G.group_inputs() % 4>(
                                                            rows[i] + at(m) * G.in_channels + 4 * tap_steps)
                                                      : zero;
                    });
            });
        } else {
            constexpr int last_word = detail::word_overreach < G >> 0 ? 4 : tail;
            const In* base = rows[i] + (column * G.stride_width - G.left) * G.in_channels;
            for (int run = 0; run < G.runs(); ++run, base += G.dilation_width * G.in_channels) {
                const int offset = run * order::run_elements;
                for (int s = 0; s < whole_steps; ++s)
                    step(offset + s * order::step_elements,
                         [&](int m) COMPRESS_LAMBDA_INLINE { return word_of<V>(base + m * pixel_step + 4 * s); });
                if constexpr (tail != 0)
                    step(offset + whole_steps * order::step_elements, [&](int m) COMPRESS_LAMBDA_INLINE {
                        return tail_word_of<V, last_word>(base + m * pixel_step + 4 * whole_steps);
                    });
            }
        }
    }

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
                        residual + (m + row) * G.out_channels + first_output + panel * panel_outputs, r);
                    for_constants<vectors>([&]<int J>() COMPRESS_LAMBDA_INLINE {
                        constexpr int k = row * across + panel * vectors + J;
                        if constexpr (panel * vectors + J < across) others[k] = r[J];
                    });
                });
                finish.template add<Count * across>(scaled, others);
            }
            const auto bytes = V::template narrow<Out>(scaled, finish.bytes);
            Out* to = output + m * G.out_channels + first_output;
            if constexpr (Count == 1) {
                V::template store_ordered<stored>(to, bytes);
            } else if constexpr (G.out_channels == row_bytes) {
                V::template store_ordered<Count * row_bytes>(to, bytes);
            } else {
                alignas(64) Out ordered[4 * V::lanes];
                V::template store_ordered<4 * V::lanes>(ordered, bytes);
                for (int row = 0; row < Count; ++row)
                    std::memcpy(to + row * G.out_channels, ordered + row * row_bytes, stored);
            }
        });
    };
    constexpr int together = columns < 4 ? 4 / columns : 1;
    constexpr int whole_rows = Rows - Rows % together;
    COMPRESS_ROLL
    for (int m = 0; m < whole_rows; m += together) finish_rows.template operator()<together>(m);
    if constexpr (whole_rows < Rows) finish_rows.template operator()<Rows - whole_rows>(whole_rows);
}

/// A tile at the edge of a row whose taps do not start on groups of four channels: its part of each row is written out
/// with the zero point around it, on the stack, and is then interior.
template <class V, conv_geometry G, int Rows, int Panels, int First, int Last, bool Residual, class In, class Out,
          class Other>
COMPRESS_INLINE void conv2d_int8_edge(const In* const* rows, const int8_block<V, panel_order<G, 4>, Panels>& block,
                                      const int8_end<int8_sections<panel_order<G, 4>, Residual>>& end, Out* output,
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

template <class V, conv_geometry G, int Rows, int Panels, int Last, bool Residual, class In, class Out, class Other>
COMPRESS_INLINE void conv2d_int8_block(const std::int8_t* packed, int group, int panel, const In* input, Out* output,
                                       const Other* residual) {
    using order = panel_order<G, 4>;
    using tiles = row_tiles<G, Rows, ceil_div(word_overreach<G>, G.in_channels)>;
    const int8_block<V, order, Panels> block(packed, group * order::panels + panel);
    const int8_end<int8_sections<order, Residual>> end(packed);
    for (int y = 0; y < G.out_height; ++y) {
        const In* rows[G.kernel_height];
        for (int i = 0; i < G.kernel_height; ++i) {
            const int row = G.row(y, i);
            rows[i] = G.row_inside(row) ? input + row * G.in_width * G.in_channels + group * G.group_inputs() : nullptr;
        }
        const int start = y * G.out_width * G.out_channels + group * G.group_outputs() + panel * panel_outputs;
        Out* to = output + start;
        const Other* other = Residual ? residual + start : nullptr;
        const auto at = [](int x) { return x * G.out_channels; };
        const auto other_at = [&](int x) { return Residual ? other + x * G.out_channels : nullptr; };
        for_constants<tiles::left>([&]<int T>() COMPRESS_LAMBDA_INLINE {
            conv2d_int8_edge<V, G, Rows, Panels, T * Rows, Last, Residual>(rows, block, end, to + at(T * Rows),
                                                                           other_at(T * Rows));
        });
        for (int t = tiles::left; t < tiles::whole - tiles::right; ++t)
            conv2d_int8_tile<V, G, Rows, Panels, interior_tile, Last, Residual>(rows, t * Rows, block, end,
                                                                                to + at(t * Rows), other_at(t * Rows));
        for_constants<tiles::right>([&]<int T>() COMPRESS_LAMBDA_INLINE {
            constexpr int x = (tiles::whole - tiles::right + T) * Rows;
            conv2d_int8_edge<V, G, Rows, Panels, x, Last, Residual>(rows, block, end, to + at(x), other_at(x));
        });
        if constexpr (tiles::rest != 0) {
            // The last tile overlaps the one before it, which saves compiling a narrower one; not where a residual may
            // lie in the place of the output and would be added twice.
            constexpr bool overlaps = !Residual && tiles::whole > 0;
            constexpr int count = overlaps ? Rows : tiles::rest;
            constexpr int x = G.out_width - count;
            if constexpr (tiles::touches_padding(x, count))
                conv2d_int8_edge<V, G, count, Panels, x, Last, Residual>(rows, block, end, to + at(x), other_at(x));
            else
                conv2d_int8_tile<V, G, count, Panels, interior_tile, Last, Residual>(rows, x, block, end, to + at(x),
                                                                                     other_at(x));
        }
    }
}

}  // namespace detail

/// The same bytes as conv2d_int8_reference, over the vectors of `Isa`.
/// Blocking: panels of weights outermost, so that a block of them stays in the first-level cache over all pixels.
/// Blocks are what `threads` shares out.
template <class Isa, conv_geometry Written, bool Residual, class In, class Out, class Other, executor Executor = serial>
COMPRESS_NOTHROW constexpr void conv2d_int8(const std::int8_t* packed, const In* input, Out* output,
                                            const Other* residual, [[maybe_unused]] const Executor& threads = {}) {
    constexpr conv_geometry G = Written.flattened();
    if constexpr (!simd::has_vectors<Isa>) {
        conv2d_int8_reference<G, Residual>(packed, input, output, residual);
    } else {
        using V = simd::vector_unit<Isa>;
        using order = panel_order<G, 4>;
        constexpr bool split = sizeof(typename V::bytes4) > sizeof(typename V::i32);
        constexpr tile_size tile = choose_tile<V>(G.out_width, order::panels, split ? 1 + V::vectors_per_panel : 0);
        for_each_block<G, order, tile>(threads, [&]<int Panels, int Last>(int group, int panel) COMPRESS_LAMBDA_INLINE {
            detail::conv2d_int8_block<V, G, tile.rows, Panels, Last, Residual>(packed, group, panel, input, output,
                                                                               residual);
        });
    }
}

}  // namespace tensor_compress
