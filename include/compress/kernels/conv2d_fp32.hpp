// SPDX-License-Identifier: MIT
#pragma once

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
/// @param  packed  float_sections of panel_order<G, 1> and Code
template <conv_geometry G, float_end End, class Code = float_code>
COMPRESS_NOTHROW constexpr void conv2d_fp32_reference(const std::int8_t* packed, const float* input, float* output,
                                                      const float* residual, row_range rows = rows_of_part<G>(0, 1)) {
    using order = panel_order<G, 1>;
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
                            sum += input[(row * G.in_width + column) * G.in_channels + first_channel + c] * weight;
                    });
                const int at = (y * G.out_width + x) * G.out_channels + o;
                if constexpr (scaled_code<Code>)
                    sum = sum * detail::load_float(packed + sections::scale, order::slot(o)) + bias;
                sum = clamp_float(sum, End.stage);
                if constexpr (End.residual) sum = clamp_float(sum + residual[at], End.sum);
                output[at] = sum;
            }
}

namespace detail {

/// Rows pixels x Panels panels of outputs; parameters as in conv2d_int8_tile.
template <class V, conv_geometry G, float_end End, class Code, int Rows, int Panels, int First, int Last>
COMPRESS_NOINLINE void conv2d_fp32_tile(const float* const* rows, int column, const std::int8_t* weights,
                                        const float* bias, float* output, const float* residual) {
    using order = panel_order<G, 1>;
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
    for (int i = 0; i < G.kernel_height; ++i) {
        if (G.leaves_rows() && rows[i] == nullptr) continue;
        std::ptrdiff_t w = i * order::row_elements;
        const auto weights_at = [&](int j) COMPRESS_LAMBDA_INLINE {
            return float_weights<Code>::template load<V>(weights + (j / vectors) * Code::bytes(order::panel_elements),
                                                         w + (j % vectors) * V::lanes);
        };
        if constexpr (First != interior_tile) {
            // Tap by tap; the pixels whose tap is outside leave it out.
            for_constants<G.kernel_width>([&]<int J>() COMPRESS_LAMBDA_INLINE {
                for (int c = 0; c < G.group_inputs(); ++c, w += order::step_elements) {
                    f32 factors[columns];
                    COMPRESS_UNROLL
                    for (int j = 0; j < columns; ++j) factors[j] = weights_at(j);
                    COMPRESS_UNROLL
                    for (int m = 0; m < Rows; ++m) {
                        const int at = G.column(First + m, J);
                        if (!G.column_inside(at)) continue;
                        const f32 a = V::splat(rows[i][at * G.in_channels + c]);
                        COMPRESS_UNROLL
                        for (int j = 0; j < columns; ++j) sums[m][j] = V::madd(a, factors[j], sums[m][j]);
                    }
                }
            });
        } else {
            const float* base = rows[i] + (column * G.stride_width - G.left) * G.in_channels;
            for (int run = 0; run < G.runs(); ++run, base += G.dilation_width * G.in_channels)
                for (int k = 0; k < G.run_length(); ++k, w += order::step_elements) {
                    f32 factors[columns];
                    COMPRESS_UNROLL
                    for (int j = 0; j < columns; ++j) factors[j] = weights_at(j);
                    COMPRESS_UNROLL
                    for (int m = 0; m < Rows; ++m) {
                        const f32 a = V::splat(base[m * pixel_step + k]);
                        COMPRESS_UNROLL
                        for (int j = 0; j < columns; ++j) sums[m][j] = V::madd(a, factors[j], sums[m][j]);
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
    using order = panel_order<G, 1>;
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
        using order = panel_order<G, 1>;
        // A weight that is decoded on its way is shared by as many pixels as there are registers for.
        constexpr tile_size tile = choose_tile<V>(
            G.out_width, order::panels, 0, requires { Code::plain; } ? 8 : 2);
        const auto run = [&]<int Panels, int Last>(int group, int panel, row_range range) COMPRESS_LAMBDA_INLINE {
            detail::conv2d_fp32_block<V, G, End, Code, tile.rows, Panels, Last>(packed, group, panel, range, input,
                                                                                output, residual);
        };
        for_each_block<G, order, tile>(threads, run);
    }
}

}  // namespace tensor_compress
