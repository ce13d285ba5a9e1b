// SPDX-License-Identifier: MIT
#pragma once

#include <cstring>
#include <type_traits>

#include <compress/core/multiply_add.hpp>
#include <compress/kernels/float_end.hpp>
#include <compress/kernels/float_weights.hpp>
#include <compress/kernels/tiling.hpp>
#include <compress/storage/pack.hpp>

namespace tensor_compress {

namespace detail {
COMPRESS_NOTHROW constexpr float load_float(const std::int8_t* packed, int element) {
    return load_bytes<float>(packed + 4 * element);
}
}  // namespace detail

/// output[y, x, o] = clamp(bias[o] + sum over i, j, c of weight[o, c, i, j] * input[y * stride + i * dilation - top,
/// ..., c]) with zeros outside the image, then `+ residual[y, x, o]` and a clamp where `End` says so.
///
/// @param  packed  float_sections of float_order<G, Code> and Code
template <conv_geometry G, float_end End, class Code = float_code>
COMPRESS_NOTHROW constexpr void conv2d_fp32_reference(const std::int8_t* packed, const float* input, float* output,
                                                      const float* residual, row_range rows = rows_of_part<G>(0, 1)) {
    using order = float_order<G, Code>;
    using sections = float_sections<order, Code>;
    for (int y = rows.begin; y < rows.end; ++y)
        for (int x = 0; x < G.out_width; ++x)
            for (int o = 0; o < G.out_channels; ++o) {
                const float bias = detail::load_float(packed + sections::bias, order::slot(o));
                float sum = scaled_code<Code> ? 0.0f : bias;
                const int first_channel = o / G.group_outputs() * G.group_inputs();
                for_each_stored<order, G, Code>(
                    packed, o, [&](int c, int i, int j, float weight) COMPRESS_LAMBDA_INLINE {
                        const int row = G.row(y, i), column = G.column(x, j);
                        if (G.row_inside(row) && G.column_inside(column))
                            sum = multiply_add(input[(row * G.in_width + column) * G.in_channels + first_channel + c],
                                               weight, sum);
                    });
                const int at = (y * G.out_width + x) * G.out_channels + o;
                if constexpr (scaled_code<Code>)
                    sum = multiply_add(sum, detail::load_float(packed + sections::scale, order::slot(o)), bias);
                sum = clamp_float(sum, End.stage);
                if constexpr (End.residual) sum = clamp_float(sum + residual[at], End.sum);
                output[at] = sum;
            }
}

namespace detail {

/// The inputs of a step that does not end with a tap, of pixel m of a tile at the edge: zeros outside the image.
template <conv_geometry G, int First, int Inputs>
struct word_at_edge {
    const float* row;
    int step;  ///< of all runs of the kernel row
    float word[Inputs];

    COMPRESS_INLINE const float* operator()(int m) {
        constexpr int steps = ceil_div(G.run_length(), Inputs);
        for (int e = 0; e < Inputs; ++e) {
            const int k = step % steps * Inputs + e, tap = G.merged() ? k / G.in_channels : step / steps;
            const int channel = G.merged() ? k % G.in_channels : k, at = G.column(First + m, tap);
            word[e] = k < G.run_length() && G.column_inside(at) ? row[at * G.in_channels + channel] : 0.0f;
        }
        return word;
    }
};

/// Rows pixels x Panels panels of outputs; parameters as in conv2d_int8_tile.
template <class V, conv_geometry G, float_end End, class Code, int Rows, int Panels, int First, int Last>
COMPRESS_NOINLINE void conv2d_fp32_tile(const float* const* rows, int column, const std::int8_t* weights,
                                        const float* bias, float* output, const float* residual) {
    using order = float_order<G, Code>;
    using f32 = typename V::f32;
    constexpr int vectors = V::vectors_per_panel;
    constexpr int columns = Panels * vectors;
    constexpr int pixel_step = G.stride_width * G.in_channels;

    f32 sums[Rows][columns];
    COMPRESS_UNROLL
    for (int j = 0; j < columns; ++j) {
        const f32 start = scaled_code<Code> ? V::splat(0.0f) : V::load(bias + j * V::lanes);
        COMPRESS_UNROLL
        for (int m = 0; m < Rows; ++m) sums[m][j] = start;
    }
    using steps = float_step<V, Code>;
    constexpr int neighbours = step_inputs<Code>;
    // Steps of all pixels that are inside: `at_pixel(m)` points at the inputs of pixel m.
    const auto multiply = [&]<int Together>(std::ptrdiff_t at, auto&& is_inside,
                                            auto&& at_pixel) COMPRESS_LAMBDA_INLINE {
        for_constants<Together>([&]<int K>() COMPRESS_LAMBDA_INLINE {
            steps factors[columns];
            COMPRESS_UNROLL
            for (int j = 0; j < columns; ++j)
                factors[j] =
                    steps::template at<K, Together>(weights + (j / vectors) * Code::bytes(order::panel_elements),
                                                    order::panel_elements, at, (j % vectors) * V::lanes);
            COMPRESS_UNROLL
            for (int m = 0; m < Rows; ++m) {
                if (!is_inside(m)) continue;
                const f32 a = steps::spread(at_pixel(m) + K * neighbours);
                COMPRESS_UNROLL
                for (int j = 0; j < columns; ++j) sums[m][j] = factors[j].add(sums[m][j], a);
            }
        });
    };
    constexpr auto always = [](int) COMPRESS_LAMBDA_INLINE { return true; };
    constexpr auto together = [](int terms) { return terms % steps::together == 0 ? steps::together : 1; };
    for (int i = 0; i < G.kernel_height; ++i) {
        if (G.leaves_rows() && rows[i] == nullptr) continue;
        std::ptrdiff_t w = i * order::row_elements;
        if constexpr (First != interior_tile && G.group_inputs() % neighbours == 0) {
            // Tap by tap; the pixels whose tap is outside leave it out.
            constexpr int count = together(G.group_inputs());
            for_constants<G.kernel_width>([&]<int J>() COMPRESS_LAMBDA_INLINE {
                const auto inside = [](int m)
                                        COMPRESS_LAMBDA_INLINE { return G.column_inside(G.column(First + m, J)); };
                for (int c = 0; c < G.group_inputs(); c += neighbours * count, w += order::step_elements * count)
                    multiply.template operator()<count>(w, inside, [&](int m) COMPRESS_LAMBDA_INLINE {
                        return rows[i] + G.column(First + m, J) * G.in_channels + c;
                    });
            });
        } else if constexpr (First != interior_tile) {
            // Steps of several taps, put together with zeros for those that are outside.
            for (int s = 0; s < G.runs() * order::steps; ++s, w += order::step_elements)
                multiply.template operator()<1>(w, always, word_at_edge<G, First, neighbours>{rows[i], s, {}});
        } else {
            constexpr int whole = G.run_length() / neighbours * neighbours, tail = G.run_length() % neighbours;
            constexpr int count = together(G.run_length());
            const float* base = rows[i] + (column * G.stride_width - G.left) * G.in_channels;
            for (int run = 0; run < G.runs(); ++run, base += G.dilation_width * G.in_channels) {
                for (int k = 0; k < whole; k += neighbours * count, w += order::step_elements * count)
                    multiply.template operator()<count>(
                        w, always, [&](int m) COMPRESS_LAMBDA_INLINE { return base + m * pixel_step + k; });
                if constexpr (tail != 0) {
                    float ends[Rows][neighbours]{};
                    for (int m = 0; m < Rows; ++m)
                        std::memcpy(ends[m], base + m * pixel_step + whole, tail * sizeof(float));
                    multiply.template operator()<1>(w, always, [&](int m) COMPRESS_LAMBDA_INLINE { return ends[m]; });
                    w += order::step_elements;
                }
            }
        }
    }
    if constexpr (scaled_code<Code>) {
        COMPRESS_UNROLL
        for (int j = 0; j < columns; ++j) {
            const f32 scale = V::load(bias + order::padded_outputs + j * V::lanes);
            const f32 start = V::load(bias + j * V::lanes);
            COMPRESS_UNROLL
            for (int m = 0; m < Rows; ++m) sums[m][j] = V::madd(sums[m][j], scale, start);
        }
    }
    COMPRESS_UNROLL
    for (int m = 0; m < Rows; ++m)
        finish_fp32_pixel<V, End, (Panels - 1) * panel_outputs + Last>(
            sums[m], output + m * G.out_channels, End.residual ? residual + m * G.out_channels : nullptr);
}

template <class V, conv_geometry G, float_end End, class Code, int Rows, int Panels, int Last>
COMPRESS_INLINE void conv2d_fp32_block(const std::int8_t* packed, int group, int panel, row_range range,
                                       const float* input, float* output, const float* residual) {
    using order = float_order<G, Code>;
    using tiles = row_tiles<G, Rows, !End.residual>;  // overlapping, as in conv2d_int8_block
    const int place = group * order::panels + panel;
    using sections = float_sections<order, Code>;
    const std::int8_t* weights = packed + place * sections::block_bytes;
    const auto* bias = reinterpret_cast<const float*>(packed + sections::bias) + place * panel_outputs;
    for (int y = range.begin; y < range.end; ++y) {
        const image_rows<G, float> rows(input + group * G.group_inputs(), y);
        const int start = y * G.out_width * G.out_channels + group * G.group_outputs() + panel * panel_outputs;
        for_each_tile<tiles>([&]<int Count, int First>(int x) COMPRESS_LAMBDA_INLINE {
            const int at = start + x * G.out_channels;
            conv2d_fp32_tile<V, G, End, Code, Count, Panels, First, Last>(rows.at, x, weights, bias, output + at,
                                                                          End.residual ? residual + at : nullptr);
        });
    }
}

}  // namespace detail

/// The same as conv2d_fp32_reference up to the order of the sums, over the vectors of `Isa`.
template <class Isa, conv_geometry Written, float_end End, class Code = float_code, executor Executor = serial>
COMPRESS_NOTHROW constexpr void conv2d_fp32(const std::int8_t* packed, const float* input, float* output,
                                            const float* residual, [[maybe_unused]] const Executor& threads = {}) {
    constexpr conv_geometry G = geometry_for<Written, Executor>;
    if constexpr (!simd::has_vectors<Isa>) {
        conv2d_fp32_reference<G, End, Code>(packed, input, output, residual, rows_for<G>(threads, 0, 1));
    } else {
        using V = simd::vector_unit<Isa>;
        using order = float_order<G, Code>;
        // A weight that is decoded on its way is shared by as many pixels as there are registers for.
        constexpr int operands = static_cast<int>(sizeof(float_step<V, Code>) / sizeof(typename V::f32));
        constexpr bool picks = operands > 1, plain = std::is_same_v<Code, float_code>;
        constexpr tile_size tile = choose_tile<V>(G.out_width, order::panels, picks ? 1 : 0,
                                                  picks   ? 1
                                                  : plain ? 8
                                                          : 2,
                                                  operands);
        const auto run = [&]<int Panels, int Last>(int group, int panel, row_range range) COMPRESS_LAMBDA_INLINE {
            detail::conv2d_fp32_block<V, G, End, Code, tile.rows, Panels, Last>(packed, group, panel, range, input,
                                                                                output, residual);
        };
        for_each_block<G, order, tile>(threads, run);
    }
}

}  // namespace tensor_compress
