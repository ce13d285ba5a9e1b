// SPDX-License-Identifier: MIT
#pragma once

#include <compress/core/config.hpp>
#include <compress/core/activation.hpp>
#include <compress/kernels/tiling.hpp>

namespace tensor_compress {

/// What follows the sum of a fp32 product: a clamp, an add, a clamp.
struct float_end {
    clamp_kind stage = clamp_kind::none;
    bool residual = false;
    clamp_kind sum = clamp_kind::none;
    friend constexpr bool operator==(const float_end&, const float_end&) = default;
};

namespace detail {
COMPRESS_NOTHROW constexpr float load_float(const std::int8_t* packed, int element) {
    return load_bytes<float>(packed + 4 * element);
}
}  // namespace detail

/// output[y, x, o] = clamp(bias[o] + sum over i, j, c of weight[o, c, i, j] * input[y * stride + i * dilation - top,
/// ..., c]) with zeros outside the image, then `+ residual[y, x, o]` and a clamp where `End` says so.
///
/// @param  packed  float_sections of panel_order<G, 1>
template <conv_geometry G, float_end End>
COMPRESS_NOTHROW constexpr void conv2d_fp32_reference(const std::int8_t* packed, const float* input, float* output,
                                                      const float* residual) {
    using order = panel_order<G, 1>;
    using sections = float_sections<order>;
    for (int y = 0; y < G.out_height; ++y)
        for (int x = 0; x < G.out_width; ++x)
            for (int o = 0; o < G.out_channels; ++o) {
                float sum = detail::load_float(packed + sections::bias, order::slot(o));
                for (int i = 0; i < G.kernel_height; ++i)
                    for (int j = 0; j < G.kernel_width; ++j) {
                        const int row = G.row(y, i), column = G.column(x, j);
                        if (!G.row_inside(row) || !G.column_inside(column)) continue;
                        const float* pixel = input + (row * G.in_width + column) * G.in_channels +
                                             o / G.group_outputs() * G.group_inputs();
                        for (int c = 0; c < G.group_inputs(); ++c)
                            sum += pixel[c] * detail::load_float(packed, order::index(o, c, i, j));
                    }
                const int at = (y * G.out_width + x) * G.out_channels + o;
                sum = clamp_float(sum, End.stage);
                if constexpr (End.residual) sum = clamp_float(sum + residual[at], End.sum);
                output[at] = sum;
            }
}

namespace detail {

template <class V, clamp_kind Kind>
COMPRESS_INLINE typename V::f32 clamp_vector(typename V::f32 v) {
    if constexpr (Kind != clamp_kind::none) v = V::max(v, V::splat(0.0f));
    if constexpr (Kind == clamp_kind::relu6) v = V::min(v, V::splat(6.0f));
    return v;
}

/// Rows pixels x Panels panels of outputs; parameters as in conv2d_int8_tile.
template <class V, conv_geometry G, float_end End, int Rows, int Panels, int First, int Last>
COMPRESS_NOINLINE void conv2d_fp32_tile(const float* const* rows, int column, const float* weights, const float* bias,
                                        float* output, const float* residual) {
    using order = panel_order<G, 1>;
    using f32 = typename V::f32;
    constexpr int vectors = V::vectors_per_panel;
    constexpr int columns = Panels * vectors;
    constexpr int pixel_step = G.stride_width * G.in_channels;

    f32 sums[Rows][columns];
    COMPRESS_UNROLL
    for (int j = 0; j < columns; ++j) {
        const f32 start = V::load(bias + j * V::lanes);
        COMPRESS_UNROLL
        for (int m = 0; m < Rows; ++m) sums[m][j] = start;
    }
    for (int i = 0; i < G.kernel_height; ++i) {
        if (G.leaves_rows() && rows[i] == nullptr) continue;
        const float* w = weights + i * order::row_elements;
        const auto weights_at = [&](int j) COMPRESS_LAMBDA_INLINE {
            return V::load(w + (j / vectors) * order::panel_elements + (j % vectors) * V::lanes);
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
    COMPRESS_UNROLL
    for (int m = 0; m < Rows; ++m) {
        COMPRESS_UNROLL
        for (int j = 0; j < columns; ++j) {
            const int first = j * V::lanes;
            const int left = (Panels - 1) * panel_outputs + Last - first;
            float* to = output + m * G.out_channels + first;
            f32 v = clamp_vector<V, End.stage>(sums[m][j]);
            if (left >= V::lanes) {
                if constexpr (End.residual)
                    v = clamp_vector<V, End.sum>(v + V::load(residual + m * G.out_channels + first));
                V::store(to, v);
            } else if (left > 0) {
                float part[V::lanes]{};
                if constexpr (End.residual) {
                    std::memcpy(part, residual + m * G.out_channels + first,
                                sizeof(float) * static_cast<std::size_t>(left));
                    v = clamp_vector<V, End.sum>(v + V::load(part));
                }
                V::store(part, v);
                std::memcpy(to, part, sizeof(float) * static_cast<std::size_t>(left));
            }
        }
    }
}

template <class V, conv_geometry G, float_end End, int Rows, int Panels, int Last>
COMPRESS_INLINE void conv2d_fp32_block(const std::int8_t* packed, int group, int panel, row_range range,
                                       const float* input, float* output, const float* residual) {
    using order = panel_order<G, 1>;
    using tiles = row_tiles<G, Rows, !End.residual>;  // overlapping, as in conv2d_int8_block
    const int place = group * order::panels + panel;
    const auto* weights = reinterpret_cast<const float*>(packed) + place * order::panel_elements;
    const auto* bias = reinterpret_cast<const float*>(packed + float_sections<order>::bias) + place * panel_outputs;
    for (int y = range.begin; y < range.end; ++y) {
        const image_rows<G, float> rows(input + group * G.group_inputs(), y);
        const int start = y * G.out_width * G.out_channels + group * G.group_outputs() + panel * panel_outputs;
        for_each_tile<tiles>([&]<int Count, int First>(int x) COMPRESS_LAMBDA_INLINE {
            const int at = start + x * G.out_channels;
            conv2d_fp32_tile<V, G, End, Count, Panels, First, Last>(rows.at, x, weights, bias, output + at,
                                                                    End.residual ? residual + at : nullptr);
        });
    }
}

}  // namespace detail

/// The same as conv2d_fp32_reference up to the order of the sums, over the vectors of `Isa`.
template <class Isa, conv_geometry Written, float_end End, executor Executor = serial>
COMPRESS_NOTHROW constexpr void conv2d_fp32(const std::int8_t* packed, const float* input, float* output,
                                            const float* residual, [[maybe_unused]] const Executor& threads = {}) {
    constexpr conv_geometry G = Written.flattened(wanted_parts<Executor>);
    if constexpr (!simd::has_vectors<Isa>) {
        conv2d_fp32_reference<G, End>(packed, input, output, residual);
    } else {
        using V = simd::vector_unit<Isa>;
        using order = panel_order<G, 1>;
        constexpr tile_size tile = choose_tile<V>(G.out_width, order::panels);
        const auto run = [&]<int Panels, int Last>(int group, int panel, row_range range) COMPRESS_LAMBDA_INLINE {
            detail::conv2d_fp32_block<V, G, End, tile.rows, Panels, Last>(packed, group, panel, range, input, output,
                                                                          residual);
        };
        for_each_block<G, order, tile>(threads, run);
    }
}

}  // namespace tensor_compress
