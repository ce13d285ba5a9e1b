// SPDX-License-Identifier: MIT
#pragma once

#include <type_traits>

#include <compress/core/config.hpp>
#include <compress/core/precision.hpp>
#include <compress/simd/byte_block.hpp>
#include <compress/simd/one_lane.hpp>
#include <compress/storage/conv_geometry.hpp>

namespace tensor_compress {

namespace detail {

/// The part [begin, end) of a window along one axis that lies inside the image.
struct window_part {
    int begin, end;
};
constexpr window_part inside_part(int first, int kernel, int size) {
    return {first < 0 ? -first : 0, first + kernel > size ? size - first : kernel};
}

/// f(output pixel, window rows, window columns) for each output pixel.
template <conv_geometry G, class F>
COMPRESS_NOTHROW constexpr void for_each_window(F f) {
    for (int y = 0; y < G.out_height; ++y)
        for (int x = 0; x < G.out_width; ++x)
            f(y, x, inside_part(G.row(y, 0), G.kernel_height, G.in_height),
              inside_part(G.column(x, 0), G.kernel_width, G.in_width));
}

}  // namespace detail

/// output[y, x, c] = largest input[.., .., c] under the window; padding does not take part. Same bytes for int8 and for
/// stored unsigned bytes, whose order is the same.
template <conv_geometry G, class In, class Out>
COMPRESS_NOTHROW constexpr void max_pool_reference(const In* input, Out* output) {
    constexpr int shift = stored_offset<Out> - stored_offset<In>;
    detail::for_each_window<G>([&](int y, int x, detail::window_part rows, detail::window_part columns) {
        Out* to = output + (y * G.out_width + x) * G.out_channels;
        const auto pixel = [&](int i, int j) {
            return input + (G.row(y, i) * G.in_width + G.column(x, j)) * G.in_channels;
        };
        const In* first = pixel(rows.begin, columns.begin);
        for (int c = 0; c < G.out_channels; ++c) to[c] = static_cast<Out>(first[c] + shift);
        for (int i = rows.begin; i < rows.end; ++i)
            for (int j = columns.begin; j < columns.end; ++j) {
                const In* from = pixel(i, j);
                for (int c = 0; c < G.out_channels; ++c) {
                    const auto v = static_cast<Out>(from[c] + shift);
                    to[c] = v > to[c] ? v : to[c];
                }
            }
    });
}

/// The same bytes, by blocks of 16, 8 or 4 channels, the last of which begins so early that it ends with the channels.
template <class Isa, conv_geometry G, class In, class Out>
COMPRESS_NOTHROW constexpr void max_pool(const In* input, Out* output) {
    constexpr int channels = G.out_channels, size = channels >= 16 ? 16 : channels >= 8 ? 8 : 4;
    if constexpr (!simd::has_vectors<Isa> || channels < 4) {
        max_pool_reference<G>(input, output);
    } else {
        using B = simd::byte_block<In, size>;
        constexpr int shift = stored_offset<Out> - stored_offset<In>, last = channels - size;
        detail::for_each_window<G>([&](int y, int x, detail::window_part rows, detail::window_part columns) {
            Out* to = output + (y * G.out_width + x) * channels;
            for (int at = 0; at < channels; at += size) {
                const int c = at < last ? at : last;
                const auto block = [&](int i, int j) COMPRESS_LAMBDA_INLINE {
                    return B::load(input + (G.row(y, i) * G.in_width + G.column(x, j)) * G.in_channels + c);
                };
                auto largest = block(rows.begin, columns.begin);
                for (int i = rows.begin; i < rows.end; ++i)
                    for (int j = columns.begin; j < columns.end; ++j) largest = B::larger(largest, block(i, j));
                B::template store<shift>(to + c, largest);
            }
        });
    }
}

/// The same of floats over the vectors of `Isa`.
template <class Isa, conv_geometry G>
COMPRESS_NOTHROW inline void max_pool_fp32(const float* input, float* output) {
    detail::for_each_window<G>([&](int y, int x, detail::window_part rows, detail::window_part columns) {
        float* to = output + (y * G.out_width + x) * G.out_channels;
        simd::for_each_vector<Isa>(0, G.out_channels, [&]<class V>(int c) COMPRESS_LAMBDA_INLINE {
            const auto at = [&](int i, int j) COMPRESS_LAMBDA_INLINE {
                return V::load(input + (G.row(y, i) * G.in_width + G.column(x, j)) * G.in_channels + c);
            };
            auto largest = at(rows.begin, columns.begin);
            for (int i = rows.begin; i < rows.end; ++i)
                for (int j = columns.begin; j < columns.end; ++j) largest = V::max(at(i, j), largest);
            V::store(to + c, largest);
        });
    });
}

/// output[y, x, c] = mean of input[.., .., c] under the window: over the positions inside the image, or with
/// CountPadding over all of them. int8 rounds half away from zero: (sum + n / 2) / n for sum > 0, else (sum - n / 2) /
/// n; scale and zero point are those of the input. Source: TensorFlow Lite reference AveragePool.
template <conv_geometry G, bool CountPadding, class In, class Out>
COMPRESS_NOTHROW constexpr void avg_pool_reference(const In* input, Out* output, [[maybe_unused]] int zero_point = 0,
                                                   int first_channel = 0) {
    constexpr bool integers = sizeof(In) == 1;
    detail::for_each_window<G>([&](int y, int x, detail::window_part rows, detail::window_part columns) {
        const int inside = (rows.end - rows.begin) * (columns.end - columns.begin);
        const int count = CountPadding ? G.kernel_height * G.kernel_width : inside;
        for (int c = first_channel; c < G.out_channels; ++c) {
            std::conditional_t<integers, std::int32_t, float> sum = 0;
            for (int i = rows.begin; i < rows.end; ++i)
                for (int j = columns.begin; j < columns.end; ++j)
                    sum += input[(G.row(y, i) * G.in_width + G.column(x, j)) * G.in_channels + c];
            Out& to = output[(y * G.out_width + x) * G.out_channels + c];
            if constexpr (integers) {
                sum += (count - inside) * zero_point - stored_offset<In> * inside;
                to = static_cast<Out>((sum > 0 ? sum + count / 2 : sum - count / 2) / count + stored_offset<Out>);
            } else {
                to = sum / static_cast<float>(count);
            }
        }
    });
}

namespace detail {
// Not std::conditional_t: a vector type as a template argument loses its attributes, and g++ warns.
template <class V, bool Integers>
struct pool_sum {
    using type = typename V::f32;
};
template <class V>
struct pool_sum<V, true> {
    using type = typename V::i32;
};

/// Channels from `First` on: four vectors of V at a time, then of half of V; what is left by the reference. The integer
/// mean is a quotient of floats, exact because sum + count < 2^24.
template <class V, conv_geometry G, bool CountPadding, int First, class In, class Out>
COMPRESS_NOTHROW inline void avg_pool_channels(const In* input, Out* output, int zero_point) {
    constexpr bool integers = sizeof(In) == 1;
    constexpr int block = 4 * V::lanes;
    constexpr int end = First + (G.out_channels - First) / block * block;
    constexpr int vectors = V::vectors_per_panel;
    if constexpr (end > First)
        for_each_window<G>([&](int y, int x, window_part rows, window_part columns) {
            const int inside = (rows.end - rows.begin) * (columns.end - columns.begin);
            const int count = CountPadding ? G.kernel_height * G.kernel_width : inside;
            for (int first = First; first < end; first += block) {
                Out* to = output + (y * G.out_width + x) * G.out_channels + first;
                typename pool_sum<V, integers>::type sums[4];
                COMPRESS_UNROLL
                for (int k = 0; k < 4; ++k) {
                    if constexpr (integers)
                        sums[k] = V::splat_int((count - inside) * zero_point - stored_offset<In> * inside);
                    else
                        sums[k] = V::splat(0.0f);
                }
                for (int i = rows.begin; i < rows.end; ++i)
                    for (int j = columns.begin; j < columns.end; ++j) {
                        const In* from = input + (G.row(y, i) * G.in_width + G.column(x, j)) * G.in_channels + first;
                        if constexpr (integers) {
                            COMPRESS_UNROLL
                            for (int part = 0; part < 4; part += vectors) {
                                typename V::i32 values[vectors];
                                V::load16(from + part * V::lanes, values);
                                COMPRESS_UNROLL
                                for (int k = 0; k < vectors; ++k) sums[part + k] = V::add(sums[part + k], values[k]);
                            }
                        } else {
                            COMPRESS_UNROLL
                            for (int k = 0; k < 4; ++k) sums[k] += V::load(from + k * V::lanes);
                        }
                    }
                const auto divisor = V::splat(static_cast<float>(count));
                if constexpr (integers) {
                    const auto half = V::splat(static_cast<float>(count / 2));
                    typename V::i32 means[4];
                    COMPRESS_UNROLL
                    for (int k = 0; k < 4; ++k) {
                        const typename V::f32 sum = V::to_float(sums[k]);
                        means[k] = V::truncate(V::divide(sum + V::copy_sign(half, sum), divisor));
                    }
                    constexpr int offset = stored_offset<Out>;
                    V::template store_ordered<block>(
                        to, V::template narrow<Out>(means, V::make_byte_end(offset, -128 + offset, 127 + offset)));
                } else {
                    COMPRESS_UNROLL
                    for (int k = 0; k < 4; ++k) V::store(to + k * V::lanes, V::divide(sums[k], divisor));
                }
            }
        });
    if constexpr (G.out_channels - end >= 16 && V::half::lanes < V::lanes)
        avg_pool_channels<typename V::half, G, CountPadding, end>(input, output, zero_point);
    else if constexpr (end < G.out_channels)
        avg_pool_reference<G, CountPadding>(input, output, zero_point, end);
}

}  // namespace detail

/// The same, bytes and all, over the vectors of `Isa`.
template <class Isa, conv_geometry G, bool CountPadding, class In, class Out>
COMPRESS_NOTHROW constexpr void avg_pool(const In* input, Out* output, int zero_point = 0) {
    constexpr bool integers = sizeof(In) == 1;
    if constexpr (!simd::has_vectors<Isa> || (integers && G.kernel_height * G.kernel_width > 65000))
        avg_pool_reference<G, CountPadding>(input, output, zero_point);
    else
        detail::avg_pool_channels<simd::vector_unit<Isa>, G, CountPadding, 0>(input, output, zero_point);
}

}  // namespace tensor_compress
