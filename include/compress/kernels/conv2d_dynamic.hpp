// SPDX-License-Identifier: MIT
#pragma once

#include <compress/core/multiply_add.hpp>
#include <compress/core/quantization.hpp>
#include <compress/kernels/conv2d_int8.hpp>
#include <compress/kernels/float_end.hpp>
#include <compress/storage/dynamic_code.hpp>

namespace tensor_compress {

/// sum[y, x, o] = sum over i, j, c of weight[o, c, i, j] * (q[y * stride + i * dilation - top, ..., c] - zero_point)
/// output[y, x, o] = clamp(sum * (scale[o] * q_scale) + bias[o]), then `+ residual[y, x, o]` and a clamp where `End`
/// says so.
///
/// Values q are bytes that were quantised at run time, weights integers: the sum is exact in 32 bits, what follows is
/// in floats. Outside the image q is its zero point.
///
/// @param  packed  dynamic_sections of panel_order<G, 4> and Code
/// @param  steps   of the input: its scale and zero point
/// @param  input   stored bytes: int8 values, or value + 128 as unsigned bytes (stored_offset)
/// @pre    255 * 128 * terms < 2^30
template <conv_geometry G, float_end End, class Code, class In>
COMPRESS_NOTHROW constexpr void conv2d_dynamic_reference(const std::int8_t* packed, affine steps, const In* input,
                                                         float* output, const float* residual,
                                                         row_range rows = rows_of_part<G>(0, 1)) {
    using order = panel_order<G, 4>;
    using sections = dynamic_sections<order, Code>;
    for (int y = rows.begin; y < rows.end; ++y)
        for (int x = 0; x < G.out_width; ++x)
            for (int o = 0; o < G.out_channels; ++o) {
                const int first_channel = o / G.group_outputs() * G.group_inputs();
                std::int32_t sum = 0;
                for_each_stored<order, G, Code>(
                    packed + sections::weights, o, [&](int c, int i, int j, std::int8_t weight) COMPRESS_LAMBDA_INLINE {
                        const int row = G.row(y, i), column = G.column(x, j);
                        if (!G.row_inside(row) || !G.column_inside(column)) return;
                        const int at = (row * G.in_width + column) * G.in_channels + first_channel + c;
                        sum += (input[at] - stored_offset<In> - steps.zero_point) * weight;
                    });
                const int slot = 4 * order::slot(o), at = (y * G.out_width + x) * G.out_channels + o;
                const float factor = load_bytes<float>(packed + sections::scale + slot) * steps.scale;
                float value =
                    multiply_add(static_cast<float>(sum), factor, load_bytes<float>(packed + sections::bias + slot));
                value = clamp_float(value, End.stage);
                if constexpr (End.residual) value = clamp_float(value + residual[at], End.sum);
                output[at] = value;
            }
}

namespace detail {

template <class V, int Panels, class Operands>
struct dynamic_block;

/// Where the parts of a packed product lie, besides its weights, and the steps of its input.
struct dynamic_parts {
    template <class V, int Panels, class Operands>
    using block = dynamic_block<V, Panels, Operands>;

    const std::int8_t *weight_sum, *bias, *scale;
    affine steps;
};

/// Weights of one block of panels, and what its sums are multiplied with.
template <class V, int Panels, class Operands>
struct dynamic_block : Operands {
    const std::int32_t* weight_sum;
    const float* bias;
    typename V::f32 factors[Panels * V::vectors_per_panel];
    typename V::i32 zero_point;  ///< of the input as it is multiplied

    COMPRESS_INLINE dynamic_block(const std::int8_t* plain, const dynamic_parts& parts, int panel)
        : Operands{plain},
          weight_sum(words_of(parts.weight_sum) + panel * panel_outputs),
          bias(reinterpret_cast<const float*>(parts.bias) + panel * panel_outputs),
          zero_point(V::splat_int(parts.steps.zero_point + stored_offset<typename V::activation>)) {
        const float* scale = reinterpret_cast<const float*>(parts.scale) + panel * panel_outputs;
        for (int j = 0; j < Panels * V::vectors_per_panel; ++j)
            factors[j] = V::multiply(V::load(scale + j * V::lanes), V::splat(parts.steps.scale));
    }
    COMPRESS_INLINE typename V::i32 start(int j) const {
        return V::subtract(V::zero(), V::multiply(zero_point, V::load(weight_sum + j * V::lanes)));
    }
};

/// What comes of the sums.
template <float_end End>
struct dynamic_end {
    std::int32_t input_zero_point;
};

template <class V, int Panels, int Last, bool Residual, int Channels, int Rows, class Operands, float_end End>
COMPRESS_INLINE void finish_int8_tile(const dynamic_block<V, Panels, Operands>& block, const dynamic_end<End>&,
                                      const typename V::i32 (&sums)[Rows][Panels * V::vectors_per_panel], float* output,
                                      const float* residual) {
    constexpr int columns = Panels * V::vectors_per_panel;
    COMPRESS_UNROLL
    for (int m = 0; m < Rows; ++m) {
        typename V::f32 values[columns];
        COMPRESS_UNROLL
        for (int j = 0; j < columns; ++j)
            values[j] = V::madd(V::to_float(sums[m][j]), block.factors[j], V::load(block.bias + j * V::lanes));
        finish_fp32_pixel<V, End, (Panels - 1) * panel_outputs + Last>(values, output + m * Channels,
                                                                       Residual ? residual + m * Channels : nullptr);
    }
}

}  // namespace detail

/// The same as conv2d_dynamic_reference, over the vectors of `Isa`; floats in another order of rounding.
template <class Isa, conv_geometry Written, float_end End, class Code, class In, executor Executor = serial>
COMPRESS_NOTHROW constexpr void conv2d_dynamic(const std::int8_t* packed, affine steps, const In* input, float* output,
                                               const float* residual, [[maybe_unused]] const Executor& threads = {}) {
    constexpr conv_geometry G = geometry_for<Written, Executor>;
    if constexpr (!simd::has_vectors<Isa>) {
        conv2d_dynamic_reference<G, End, Code>(packed, steps, input, output, residual, rows_for<G>(threads, 0, 1));
    } else {
        using sections = dynamic_sections<panel_order<G, 4>, Code>;
        const detail::dynamic_parts parts{packed + sections::weight_sum, packed + sections::bias,
                                          packed + sections::scale, steps};
        detail::conv2d_bytes<simd::vector_unit<Isa>, G, End.residual, typename Code::integers>(
            packed + sections::weights, parts, detail::dynamic_end<End>{steps.zero_point}, input, output, residual,
            threads);
    }
}

}  // namespace tensor_compress
