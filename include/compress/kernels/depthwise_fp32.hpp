// SPDX-License-Identifier: MIT
#pragma once

#include <compress/core/config.hpp>
#include <compress/kernels/conv2d_fp32.hpp>

namespace tensor_compress {

/// output[y, x, c] = clamp(bias[c] + sum over i, j of weight[c, i, j] * input[y * stride + i * dilation - top, ...,
/// c]), zeros outside the image.
///
/// @param  packed  float_sections of depthwise_order<G, 1> and Code
template <conv_geometry G, clamp_kind Clamp, class Code = float_code>
COMPRESS_NOTHROW constexpr void depthwise_fp32_reference(const std::int8_t* packed, const float* input, float* output,
                                                         row_range rows = rows_of_part<G>(0, 1)) {
    using order = depthwise_order<G, 1>;
    using sections = float_sections<order, Code>;
    for (int y = rows.begin; y < rows.end; ++y)
        for (int x = 0; x < G.out_width; ++x)
            for (int c = 0; c < G.out_channels; ++c) {
                const float bias = detail::load_float(packed + sections::bias, c);
                float sum = scaled_code<Code> ? 0.0f : bias;
                for_each_stored<order, G, Code>(packed, c, [&](int, int i, int j, float weight) COMPRESS_LAMBDA_INLINE {
                    const int row = G.row(y, i), column = G.column(x, j);
                    if (G.row_inside(row) && G.column_inside(column))
                        sum = multiply_add(input[(row * G.in_width + column) * G.in_channels + c], weight, sum);
                });
                if constexpr (scaled_code<Code>)
                    sum = multiply_add(sum, detail::load_float(packed + sections::scale, c), bias);
                output[(y * G.out_width + x) * G.out_channels + c] = clamp_float(sum, Clamp);
            }
}

namespace detail {

/// Neighbouring outputs that share loads of the input: enough independent sums to hide the latency of an addition.
inline constexpr int depthwise_pixels = 4;

/// Count output pixels of one vector of channels; First as in conv2d_int8_tile.
template <class V, conv_geometry G, clamp_kind Clamp, class Code, int Count, int First, int Valid>
COMPRESS_INLINE void depthwise_fp32_tile(const float* const* rows, int column, const std::int8_t* weights, int channel,
                                         const float* bias, float* output) {
    using order = depthwise_order<G, 1>;
    using f32 = typename V::f32;
    constexpr int window = (Count - 1) * G.stride_width + (G.kernel_width - 1) * G.dilation_width + 1;
    const auto load = [](const float* p) COMPRESS_LAMBDA_INLINE {
        if constexpr (Valid == V::lanes) {
            return V::load(p);
        } else {
            float part[V::lanes]{};
            std::memcpy(part, p, sizeof(float) * Valid);
            return V::load(part);
        }
    };
    f32 sums[Count];
    const f32 start = scaled_code<Code> ? V::splat(0.0f) : V::load(bias + channel);
    COMPRESS_UNROLL
    for (int m = 0; m < Count; ++m) sums[m] = start;
    for (int i = 0; i < G.kernel_height; ++i) {
        if (rows[i] == nullptr) continue;
        const float* base = rows[i] + (column * G.stride_width - G.left) * G.in_channels;
        f32 w[G.kernel_width];
        COMPRESS_UNROLL
        for (int j = 0; j < G.kernel_width; ++j)
            w[j] = float_weights<Code>::template load<V>(weights,
                                                         i * order::row_elements + j * order::step_elements + channel);
        for_constants<window>([&]<int X>() COMPRESS_LAMBDA_INLINE {
            if constexpr (First == interior_tile || G.column_inside(G.column(First, 0) + X)) {
                const f32 value = load(base + X * G.in_channels);
                COMPRESS_UNROLL
                for (int m = 0; m < Count; ++m) {
                    const int tap = X - m * G.stride_width;
                    if (tap >= 0 && tap % G.dilation_width == 0 && tap / G.dilation_width < G.kernel_width)
                        sums[m] = V::madd(value, w[tap / G.dilation_width], sums[m]);
                }
            }
        });
    }
    COMPRESS_UNROLL
    for (int m = 0; m < Count; ++m) {
        f32 v = sums[m];
        if constexpr (scaled_code<Code>)
            v = V::madd(v, V::load(bias + order::padded_outputs + channel), V::load(bias + channel));
        v = clamp_vector<V, Clamp>(v);
        if constexpr (Valid == V::lanes) {
            V::store(output + m * G.out_channels, v);
        } else {
            float part[V::lanes];
            V::store(part, v);
            std::memcpy(output + m * G.out_channels, part, sizeof(float) * Valid);
        }
    }
}

/// All channels of Count pixels: whole vectors of V from channel `first` on, then narrower ones.
template <class V, conv_geometry G, clamp_kind Clamp, class Code, int Count, int First, int Channel>
COMPRESS_INLINE void depthwise_fp32_channels(const float* const* rows, int column, const std::int8_t* weights,
                                             const float* bias, float* output) {
    constexpr int whole = (G.out_channels - Channel) / V::lanes;
    constexpr int next = Channel + whole * V::lanes;
    const float* moved[G.kernel_height];
    const auto at = [&](int c) COMPRESS_LAMBDA_INLINE {
        for (int i = 0; i < G.kernel_height; ++i) moved[i] = rows[i] == nullptr ? nullptr : rows[i] + c;
        return moved;
    };
    for (int c = Channel; c < next; c += V::lanes)
        depthwise_fp32_tile<V, G, Clamp, Code, Count, First, V::lanes>(at(c), column, weights, c, bias, output + c);
    if constexpr (next < G.out_channels) {
        if constexpr (V::lanes > 4)
            depthwise_fp32_channels<typename V::half, G, Clamp, Code, Count, First, next>(rows, column, weights, bias,
                                                                                          output);
        else
            depthwise_fp32_tile<V, G, Clamp, Code, Count, First, G.out_channels - next>(at(next), column, weights, next,
                                                                                        bias, output + next);
    }
}

template <class V, conv_geometry G, clamp_kind Clamp, class Code, int Count, int First>
COMPRESS_NOINLINE void depthwise_fp32_pixels(const float* const* rows, int column, const std::int8_t* packed,
                                             float* output) {
    const auto* bias = reinterpret_cast<const float*>(packed + float_sections<depthwise_order<G, 1>, Code>::bias);
    depthwise_fp32_channels<V, G, Clamp, Code, Count, First, 0>(rows, column, packed, bias, output);
}

/// A range of rows of output pixels.
template <class V, conv_geometry G, clamp_kind Clamp, class Code>
COMPRESS_INLINE void depthwise_fp32_rows(const std::int8_t* packed, row_range range, const float* input,
                                         float* output) {
    constexpr int count = G.out_width < depthwise_pixels ? G.out_width : depthwise_pixels;
    for (int y = range.begin; y < range.end; ++y) {
        const image_rows<G, float> rows(input, y);
        for_each_tile<row_tiles<G, count>>([&]<int Count, int First>(int x) COMPRESS_LAMBDA_INLINE {
            depthwise_fp32_pixels<V, G, Clamp, Code, Count, First>(rows.at, x, packed,
                                                                   output + (y * G.out_width + x) * G.out_channels);
        });
    }
}

}  // namespace detail

/// The same as depthwise_fp32_reference up to the order of the sums, over the vectors of `Isa`. Rows are what `threads`
/// shares out.
template <class Isa, conv_geometry G, clamp_kind Clamp, class Code = float_code, executor Executor = serial>
COMPRESS_NOTHROW constexpr void depthwise_fp32(const std::int8_t* packed, const float* input, float* output,
                                               [[maybe_unused]] const Executor& threads = {}) {
    if constexpr (!simd::has_vectors<Isa>) {
        depthwise_fp32_reference<G, Clamp, Code>(packed, input, output, rows_for<G>(threads, 0, 1));
    } else {
        constexpr int count = image_parts<Executor>(G.out_height);
        threads.parallel_for(count, [&](int part) COMPRESS_LAMBDA_INLINE {
            detail::depthwise_fp32_rows<simd::vector_unit<Isa>, G, Clamp, Code>(
                packed, rows_for<G>(threads, part, count), input, output);
        });
    }
}

}  // namespace tensor_compress
