// SPDX-License-Identifier: MIT
#pragma once

#include <compress/core/config.hpp>
#include <compress/kernels/conv2d_fp32.hpp>

namespace tensor_compress {

/// output[y, x, c] = clamp(bias[c] + sum over i, j of weight[c, i, j] * input[y * stride + i * dilation - top, ...,
/// c]), zeros outside the image.
///
/// @param  packed  float_sections of depthwise_order<G, 1>
template <conv_geometry G, clamp_kind Clamp>
COMPRESS_NOTHROW constexpr void depthwise_fp32_reference(const std::int8_t* packed, const float* input, float* output) {
    using order = depthwise_order<G, 1>;
    for (int y = 0; y < G.out_height; ++y)
        for (int x = 0; x < G.out_width; ++x)
            for (int c = 0; c < G.out_channels; ++c) {
                float sum = detail::load_float(packed + float_sections<order>::bias, c);
                for (int i = 0; i < G.kernel_height; ++i)
                    for (int j = 0; j < G.kernel_width; ++j) {
                        const int row = G.row(y, i), column = G.column(x, j);
                        if (G.row_inside(row) && G.column_inside(column))
                            sum += input[(row * G.in_width + column) * G.in_channels + c] *
                                   detail::load_float(packed, order::index(c, 0, i, j));
                    }
                output[(y * G.out_width + x) * G.out_channels + c] = clamp_float(sum, Clamp);
            }
}

namespace detail {

/// Neighbouring outputs that share loads of the input: enough independent sums to hide the latency of an addition.
inline constexpr int depthwise_pixels = 4;

/// Count output pixels of one vector of channels; First as in conv2d_int8_tile.
template <class V, conv_geometry G, clamp_kind Clamp, int Count, int First, int Valid>
COMPRESS_INLINE void depthwise_fp32_tile(const float* const* rows, int column, const float* weights, const float* bias,
                                         float* output) {
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
    const f32 start = V::load(bias);
    COMPRESS_UNROLL
    for (int m = 0; m < Count; ++m) sums[m] = start;
    for (int i = 0; i < G.kernel_height; ++i) {
        if (rows[i] == nullptr) continue;
        const float* base = rows[i] + (column * G.stride_width - G.left) * G.in_channels;
        f32 w[G.kernel_width];
        COMPRESS_UNROLL
        for (int j = 0; j < G.kernel_width; ++j)
            w[j] = V::load(weights + i * order::row_elements + j * order::step_elements);
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
        const f32 v = clamp_vector<V, Clamp>(sums[m]);
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
template <class V, conv_geometry G, clamp_kind Clamp, int Count, int First, int Channel>
COMPRESS_INLINE void depthwise_fp32_channels(const float* const* rows, int column, const float* weights,
                                             const float* bias, float* output) {
    constexpr int whole = (G.out_channels - Channel) / V::lanes;
    constexpr int next = Channel + whole * V::lanes;
    const float* moved[G.kernel_height];
    const auto at = [&](int c) COMPRESS_LAMBDA_INLINE {
        for (int i = 0; i < G.kernel_height; ++i) moved[i] = rows[i] == nullptr ? nullptr : rows[i] + c;
        return moved;
    };
    for (int c = Channel; c < next; c += V::lanes)
        depthwise_fp32_tile<V, G, Clamp, Count, First, V::lanes>(at(c), column, weights + c, bias + c, output + c);
    if constexpr (next < G.out_channels) {
        if constexpr (V::lanes > 4)
            depthwise_fp32_channels<typename V::half, G, Clamp, Count, First, next>(rows, column, weights, bias,
                                                                                    output);
        else
            depthwise_fp32_tile<V, G, Clamp, Count, First, G.out_channels - next>(at(next), column, weights + next,
                                                                                  bias + next, output + next);
    }
}

template <class V, conv_geometry G, clamp_kind Clamp, int Count, int First>
COMPRESS_NOINLINE void depthwise_fp32_pixels(const float* const* rows, int column, const std::int8_t* packed,
                                             float* output) {
    const auto* weights = reinterpret_cast<const float*>(packed);
    const auto* bias = reinterpret_cast<const float*>(packed + float_sections<depthwise_order<G, 1>>::bias);
    depthwise_fp32_channels<V, G, Clamp, Count, First, 0>(rows, column, weights, bias, output);
}

/// A range of rows of output pixels.
template <class V, conv_geometry G, clamp_kind Clamp>
COMPRESS_INLINE void depthwise_fp32_rows(const std::int8_t* packed, row_range range, const float* input,
                                         float* output) {
    constexpr int count = G.out_width < depthwise_pixels ? G.out_width : depthwise_pixels;
    for (int y = range.begin; y < range.end; ++y) {
        const image_rows<G, float> rows(input, y);
        for_each_tile<row_tiles<G, count>>([&]<int Count, int First>(int x) COMPRESS_LAMBDA_INLINE {
            depthwise_fp32_pixels<V, G, Clamp, Count, First>(rows.at, x, packed,
                                                             output + (y * G.out_width + x) * G.out_channels);
        });
    }
}

}  // namespace detail

/// The same as depthwise_fp32_reference up to the order of the sums, over the vectors of `Isa`. Rows are what `threads`
/// shares out.
template <class Isa, conv_geometry G, clamp_kind Clamp, executor Executor = serial>
COMPRESS_NOTHROW constexpr void depthwise_fp32(const std::int8_t* packed, const float* input, float* output,
                                               [[maybe_unused]] const Executor& threads = {}) {
    if constexpr (!simd::has_vectors<Isa>) {
        depthwise_fp32_reference<G, Clamp>(packed, input, output);
    } else {
        constexpr int count = image_parts<Executor>(G.out_height, 1);
        threads.parallel_for(count, [&](int part) COMPRESS_LAMBDA_INLINE {
            detail::depthwise_fp32_rows<simd::vector_unit<Isa>, G, Clamp>(packed, rows_of_part<G>(part, count), input,
                                                                          output);
        });
    }
}

}  // namespace tensor_compress
