// SPDX-License-Identifier: MIT
#pragma once

#include <compress/core/config.hpp>
#include <compress/kernels/int8_tile.hpp>
#include <compress/storage/pack.hpp>

namespace tensor_compress {

/// sum[y, x, o] = bias[o] + 256 * sum over i, j, c of sign(weight[o, c, i, j]) * sign(input[...] - threshold)
/// output[y, x, o] = clamp(requantize(sum, factor[o]) + zero_point, low, high), then the residual add where there is
/// one.
///
/// sign(v) is 1 for v >= 0, else -1; the threshold is the input's zero point. Taps outside the image add nothing. The
/// sum of n signs is n - 2 * (how many pairs differ): an exclusive or and a count of bits. Source: Courbariaux et al.
/// 2016, Binarized Neural Networks, section 1.4 and algorithm 5.
///
/// @param  packed  int8_sections of bit_order<G> and its code; the bias as it is, in steps of the sum (sign_steps a
/// product)
/// @pre    |sum| < 2^30
template <conv_geometry G, bool Residual, class In, class Out, class Other>
COMPRESS_NOTHROW constexpr void conv2d_binary_reference(const std::int8_t* packed, const In* input, Out* output,
                                                        const Other* residual, row_range rows = rows_of_part<G>(0, 1)) {
    using order = bit_order<G>;
    using code = weight_code<tag::binary_activations, tag::dense>;
    using sections = int8_sections<order, Residual, code>;
    const int8_end end = int8_end::of<sections>(packed);
    for (int y = rows.begin; y < rows.end; ++y)
        for (int x = 0; x < G.out_width; ++x)
            for (int o = 0; o < G.out_channels; ++o) {
                std::int32_t sum = load_bytes<std::int32_t>(packed + sections::bias + 4 * o);
                for_each_stored<order, G, code>(
                    packed + sections::weights, o, [&](int c, int i, int j, std::int8_t weight) COMPRESS_LAMBDA_INLINE {
                        const int row = G.row(y, i), column = G.column(x, j);
                        if (!G.row_inside(row) || !G.column_inside(column)) return;
                        const int value = input[(row * G.in_width + column) * G.in_channels + c] - stored_offset<In>;
                        sum += sign_steps * (value >= end.input_zero_point ? weight : -weight);
                    });
                const int at = (y * G.out_width + x) * G.out_channels + o;
                finish_reference<sections, Residual>(packed, end, sum, o, at, output, residual);
            }
}

namespace detail {

/// A row of signs fits the first-level cache together with a panel of weights.
inline constexpr int most_sign_bytes = 16384;

/// The geometry in which signs are taken: where rows do not matter, of the most pixels that divide the image and fit.
template <conv_geometry G>
constexpr conv_geometry in_sign_rows() {
    if (!G.pointwise()) return G;
    const int pixels = G.in_height * G.in_width, row_bytes = 4 * bit_order<G>::tap_words;
    int rows = 1;
    while (rows < pixels && (pixels % rows != 0 || pixels / rows * row_bytes > most_sign_bytes)) ++rows;
    conv_geometry g = G;
    g.in_height = g.out_height = rows;
    g.in_width = g.out_width = pixels / rows;
    return g;
}

/// The signs of those rows of an image that the kernel is over, each taken once.
template <class V, conv_geometry G, class In>
class sign_rows {
public:
    COMPRESS_INLINE sign_rows(const In* input, std::int32_t zero_point)
        : input_(input),
          threshold_(V::splat_row(zero_point + stored_offset<typename V::activation>)) {}

    /// Moves on to output row `y`, which is not before the last one; `at` as in image_rows.
    COMPRESS_INLINE void advance(int y, const std::uint32_t* (&at)[G.kernel_height]) {
        if (next_ < G.row(y, 0)) next_ = G.row(y, 0);
        for (int i = 0; i < G.kernel_height; ++i) {
            const int row = G.row(y, i);
            at[i] = G.row_inside(row) ? words_[row % kept] : nullptr;
            for (; at[i] != nullptr && next_ <= row; ++next_) take(next_, words_[next_ % kept]);
        }
    }

private:
    static constexpr int kept = (G.kernel_height - 1) * G.dilation_height + 1;
    static constexpr int pixel_words = bit_order<G>::tap_words;
    static constexpr int step = V::lanes * 4;  ///< channels of a vector
    static constexpr int rest = G.in_channels % step;

    COMPRESS_NOINLINE void take(int row, std::uint32_t* to) const {
        const In* from = input_ + row * G.in_width * G.in_channels;
        for (int x = 0; x < G.in_width; ++x, from += G.in_channels, to += pixel_words) {
            auto* bytes = reinterpret_cast<unsigned char*>(to);
            if constexpr (G.in_channels % sign_bits != 0) to[pixel_words - 1] = 0;
            for (int c = 0; c + step <= G.in_channels; c += step) store<step / 8>(bytes + c / 8, V::load_row(from + c));
            if constexpr (rest != 0) {
                constexpr int c = G.in_channels - rest;
                store<ceil_div(rest, 8)>(bytes + c / 8, V::template load_row_part<rest>(from + c),
                                         ~std::uint64_t{0} >> (64 - rest));
            }
        }
    }
    template <int Bytes>
    COMPRESS_INLINE void store(unsigned char* to, typename V::row_bytes values,
                               std::uint64_t valid = ~std::uint64_t{0}) const {
        const std::uint64_t bits = V::mask_below(values, threshold_) & valid;
        std::memcpy(to, &bits, Bytes);
    }

    const In* input_;
    typename V::row_bytes threshold_;
    int next_ = 0;
    alignas(64) std::uint32_t words_[kept][G.in_width * pixel_words];
};

/// Two registers for each sum, two for each vector of weights, and a dozen for an adder, or compilers spill.
template <class V>
constexpr tile_size choose_sign_tile(int pixels, int panels) {
    const int p = choose_panels(panels, V::vectors_per_panel == 1 ? 2 : 1), columns = p * V::vectors_per_panel;
    const int most = (V::registers - 12 - 2 * columns) / (2 * columns);
    return {choose_rows(pixels, most < 1 ? 1 : most), p};
}

/// Rows pixels x Panels panels of outputs; parameters as in conv2d_int8_tile, with rows of signs.
template <class V, conv_geometry G, int Rows, int Panels, int First, int Last, bool Residual, class Out, class Other>
COMPRESS_NOINLINE void conv2d_binary_tile(const std::uint32_t* const* rows, int column,
                                          const int8_block<V, Panels>& block, const int8_end& end, Out* output,
                                          const Other* residual) {
    using order = bit_order<G>;
    using i32 = typename V::i32;
    constexpr int vectors = V::vectors_per_panel;
    constexpr int columns = Panels * vectors;
    constexpr int pixel_step = G.stride_width * order::tap_words;
    constexpr int panel_words = order::panel_elements / sign_bits, tap_weights = order::tap_elements / sign_bits;

    // Bits that differ are added two at a time, as by a full adder: what is left over, and pairs that are counted.
    i32 single[Rows][columns], pairs[Rows][columns];
    COMPRESS_UNROLL
    for (int m = 0; m < Rows; ++m) {
        COMPRESS_UNROLL
        for (int j = 0; j < columns; ++j) single[m][j] = pairs[m][j] = V::zero();
    }
    int inside = 0;  // products of a pixel all of whose columns are inside
    for (int i = 0; i < G.kernel_height; ++i) {
        if (G.leaves_rows() && rows[i] == nullptr) continue;
        inside += G.kernel_width * G.in_channels;
        // A run of words: 32 signs of each pixel against 32 of each output at a time.
        const auto run = [&]<int Words>(int offset, auto&& pixel, auto&& is_inside) COMPRESS_LAMBDA_INLINE {
            const std::int32_t* w = words_of(block.weights) + i * G.kernel_width * tap_weights + offset;
            const auto weights_at = [&](int s, int j) COMPRESS_LAMBDA_INLINE {
                return V::load(w + (j / vectors) * panel_words + (j % vectors) * V::lanes + s * panel_outputs);
            };
            const auto word = [&](int m, int s) COMPRESS_LAMBDA_INLINE {
                return V::splat_int(static_cast<std::int32_t>(pixel(m)[s]));
            };
            for (int s = 0; s + 1 < Words; s += 2) {
                i32 first[columns], second[columns];
                COMPRESS_UNROLL
                for (int j = 0; j < columns; ++j) first[j] = weights_at(s, j), second[j] = weights_at(s + 1, j);
                COMPRESS_UNROLL
                for (int m = 0; m < Rows; ++m) {
                    if (!is_inside(m)) continue;
                    const i32 a = word(m, s), b = word(m, s + 1);
                    COMPRESS_UNROLL
                    for (int j = 0; j < columns; ++j)
                        V::add_differing_bits(single[m][j], pairs[m][j], a, first[j], b, second[j]);
                }
            }
            if constexpr (Words % 2 != 0) {
                const i32 none = V::zero();
                COMPRESS_UNROLL
                for (int m = 0; m < Rows; ++m) {
                    if (!is_inside(m)) continue;
                    const i32 a = word(m, Words - 1);
                    COMPRESS_UNROLL
                    for (int j = 0; j < columns; ++j)
                        V::add_differing_bits(single[m][j], pairs[m][j], a, weights_at(Words - 1, j), none, none);
                }
            }
        };
        constexpr int tap_words = order::tap_words;
        if constexpr (First != interior_tile) {
            for_constants<G.kernel_width>([&]<int J>() COMPRESS_LAMBDA_INLINE {
                run.template operator()<tap_words>(
                    J * tap_weights,
                    [&](int m) COMPRESS_LAMBDA_INLINE { return rows[i] + G.column(First + m, J) * tap_words; },
                    [](int m) COMPRESS_LAMBDA_INLINE { return G.column_inside(G.column(First + m, J)); });
            });
        } else {
            constexpr int runs = G.dilation_width == 1 ? 1 : G.kernel_width;
            const std::uint32_t* base = rows[i] + (column * G.stride_width - G.left) * tap_words;
            for (int j = 0; j < runs; ++j, base += G.dilation_width * tap_words)
                run.template operator()<G.kernel_width / runs * tap_words>(
                    j * tap_weights, [&](int m) COMPRESS_LAMBDA_INLINE { return base + m * pixel_step; },
                    [](int) COMPRESS_LAMBDA_INLINE { return true; });
        }
    }
    i32 sums[Rows][columns];
    COMPRESS_UNROLL
    for (int m = 0; m < Rows; ++m) {
        int columns_inside = 0;
        for (int j = 0; j < G.kernel_width; ++j)
            columns_inside += First == interior_tile || G.column_inside(G.column(First + m, j)) ? 1 : 0;
        const i32 products = V::splat_int(sign_steps * (inside / G.kernel_width * columns_inside));
        COMPRESS_UNROLL
        for (int j = 0; j < columns; ++j) {
            const i32 start = V::add(V::load(block.bias + j * V::lanes), products);
            const i32 differing = V::count_pairs(single[m][j], pairs[m][j]);
            sums[m][j] = V::subtract(start, V::template shift_left<1 + sign_steps_log2>(differing));
        }
    }
    finish_int8_tile<V, Panels, Last, Residual, G.out_channels>(block, end, sums, output, residual);
}

}  // namespace detail

/// The same bytes as conv2d_binary_reference, over the vectors of `Isa`. Signs are taken of each input row once; all
/// outputs of a row are computed from them. Rows are what `threads` shares out.
template <class Isa, conv_geometry Written, bool Residual, class In, class Out, class Other, executor Executor = serial>
COMPRESS_NOTHROW constexpr void conv2d_binary(const std::int8_t* packed, const In* input, Out* output,
                                              const Other* residual, [[maybe_unused]] const Executor& threads = {}) {
    constexpr conv_geometry G = std::is_same_v<Executor, only_rows> ? Written : detail::in_sign_rows<Written>();
    if constexpr (!simd::has_vectors<Isa>) {
        conv2d_binary_reference<G, Residual>(packed, input, output, residual, rows_for<G>(threads, 0, 1));
    } else {
        using V = simd::vector_unit<Isa>;
        using order = bit_order<G>;
        using sections = int8_sections<order, Residual, weight_code<tag::binary_activations, tag::dense>>;
        constexpr tile_size tile = detail::choose_sign_tile<V>(G.out_width, order::panels);
        using tiles = row_tiles<G, tile.rows, !Residual>;
        constexpr int channels = G.out_channels, row_elements = G.out_width * channels;
        const int8_end end = int8_end::of<sections>(packed);
        const int8_parts parts = int8_parts::of<sections>(packed);
        constexpr int count = image_parts<Executor>(G.out_height);
        threads.parallel_for(count, [&](int part) COMPRESS_LAMBDA_INLINE {
            const row_range range = rows_for<G>(threads, part, count);
            detail::sign_rows<V, G, In> signs(input, end.input_zero_point);
            for (int y = range.begin; y < range.end; ++y) {
                const std::uint32_t* rows[G.kernel_height];
                signs.advance(y, rows);
                for_each_block<G, order, tile>(
                    serial{}, [&]<int Panels, int Last>(int, int panel, row_range) COMPRESS_LAMBDA_INLINE {
                        const detail::int8_block<V, Panels> block(packed + panel * sections::block_bytes, parts, panel);
                        const int start = y * row_elements + panel * panel_outputs;
                        for_each_tile<tiles>([&]<int Count, int First>(int x) COMPRESS_LAMBDA_INLINE {
                            const int at = start + x * channels;
                            detail::conv2d_binary_tile<V, G, Count, Panels, First, Last, Residual>(
                                rows, x, block, end, output + at, Residual ? residual + at : nullptr);
                        });
                    });
            }
        });
    }
}

}  // namespace tensor_compress
