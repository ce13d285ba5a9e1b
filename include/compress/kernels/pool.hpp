// SPDX-License-Identifier: MIT
#pragma once

#include <type_traits>

#include <compress/core/precision.hpp>
#include <compress/simd/isa.hpp>
#include <compress/storage/conv_geometry.hpp>

namespace tensor_compress {

namespace detail {

/// The part [begin, end) of a window along one axis that lies inside the image.
struct window_part {
    int begin, end;
};
constexpr window_part inside_part(int first, int kernel, int size) noexcept {
    return {first < 0 ? -first : 0, first + kernel > size ? size - first : kernel};
}

/// f(output pixel, window rows, window columns) for each output pixel.
template <conv_geometry G, class F>
constexpr void for_each_window(F f) noexcept {
    for (int y = 0; y < G.out_height; ++y)
        for (int x = 0; x < G.out_width; ++x)
            f(y, x, inside_part(G.row(y, 0), G.kernel_height, G.in_height), inside_part(G.column(x, 0), G.kernel_width, G.in_width));
}

}  // namespace detail

/// output[y, x, c] = largest input[.., .., c] under the window; padding does not take part. Same bytes for int8 and for stored
/// unsigned bytes, whose order is the same.
template <conv_geometry G, class In, class Out>
constexpr void max_pool(const In* input, Out* output) noexcept {
    constexpr int shift = stored_offset<Out> - stored_offset<In>;
    detail::for_each_window<G>([&](int y, int x, detail::window_part rows, detail::window_part columns) {
        Out* to = output + (y * G.out_width + x) * G.out_channels;
        const auto pixel = [&](int i, int j) { return input + (G.row(y, i) * G.in_width + G.column(x, j)) * G.in_channels; };
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

namespace detail {
/// Channels summed at once: sums stay in registers or on one line of the stack.
inline constexpr int pool_block = 64;
}  // namespace detail

/// output[y, x, c] = mean of input[.., .., c] under the window: over the positions inside the image, or with CountPadding over
/// all of them. int8 rounds half away from zero: (sum + n / 2) / n for sum > 0, else (sum - n / 2) / n; scale and zero point
/// are those of the input. Source: TensorFlow Lite reference AveragePool.
template <conv_geometry G, bool CountPadding, class In, class Out>
constexpr void avg_pool(const In* input, Out* output, [[maybe_unused]] int zero_point = 0) noexcept {
    constexpr bool integers = sizeof(In) == 1;
    detail::for_each_window<G>([&](int y, int x, detail::window_part rows, detail::window_part columns) {
        const int inside = (rows.end - rows.begin) * (columns.end - columns.begin);
        const int count = CountPadding ? G.kernel_height * G.kernel_width : inside;
        for (int first = 0; first < G.out_channels; first += detail::pool_block) {
            const int channels = G.out_channels - first < detail::pool_block ? G.out_channels - first : detail::pool_block;
            std::conditional_t<integers, std::int32_t, float> sums[detail::pool_block]{};
            for (int i = rows.begin; i < rows.end; ++i)
                for (int j = columns.begin; j < columns.end; ++j) {
                    const In* from = input + (G.row(y, i) * G.in_width + G.column(x, j)) * G.in_channels + first;
                    if (channels == detail::pool_block)
                        for (int c = 0; c < detail::pool_block; ++c) sums[c] += from[c];
                    else
                        for (int c = 0; c < channels; ++c) sums[c] += from[c];
                }
            Out* to = output + (y * G.out_width + x) * G.out_channels + first;
            for (int c = 0; c < channels; ++c) {
                if constexpr (integers) {
                    const std::int32_t sum = sums[c] - stored_offset<In> * inside + (count - inside) * zero_point;
                    const std::int32_t q = (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
                    to[c] = static_cast<Out>(q + stored_offset<Out>);
                } else {
                    to[c] = sums[c] / static_cast<float>(count);
                }
            }
        }
    });
}

}  // namespace tensor_compress
