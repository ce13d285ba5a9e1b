// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>

#include <compress/kernels/pool.hpp>
#include <compress/simd/one_lane.hpp>

namespace tensor_compress {

/// The largest value under a window gets the window's gradient; of equals the first.
template <class Isa, conv_geometry G, bool Add>
void max_pool_gradient(const float* input, const float* output, const float* gradient, float* input_gradient) {
    if constexpr (!Add) std::fill_n(input_gradient, G.in_elements(), 0.0f);
    detail::for_each_window<G>([&](int y, int x, detail::window_part rows, detail::window_part columns) {
        const int from = (y * G.out_width + x) * G.out_channels;
        simd::for_each_vector<Isa>(0, G.out_channels, [&]<class V>(int c) COMPRESS_LAMBDA_INLINE {
            const auto largest = V::load(output + from + c);
            auto left = V::load(gradient + from + c);
            for (int i = rows.begin; i < rows.end; ++i)
                for (int j = columns.begin; j < columns.end; ++j) {
                    const int at = (G.row(y, i) * G.in_width + G.column(x, j)) * G.in_channels + c;
                    const auto smaller = V::where_positive(largest - V::load(input + at), V::splat(1.0f));
                    const auto taken = V::where_positive(V::splat(0.5f) - smaller, left);
                    left = left - taken;
                    V::store(input_gradient + at, V::add(V::load(input_gradient + at), taken));
                }
        });
    });
}

/// Each value under a window gets an equal part of the window's gradient.
template <class Isa, conv_geometry G, bool CountPadding, bool Add>
void avg_pool_gradient(const float* gradient, float* input_gradient) {
    if constexpr (!Add) std::fill_n(input_gradient, G.in_elements(), 0.0f);
    detail::for_each_window<G>([&](int y, int x, detail::window_part rows, detail::window_part columns) {
        const int inside = (rows.end - rows.begin) * (columns.end - columns.begin);
        const int count = CountPadding ? G.kernel_height * G.kernel_width : inside;
        const float part = 1.0f / static_cast<float>(count);
        const float* from = gradient + (y * G.out_width + x) * G.out_channels;
        for (int i = rows.begin; i < rows.end; ++i)
            for (int j = columns.begin; j < columns.end; ++j) {
                float* to = input_gradient + (G.row(y, i) * G.in_width + G.column(x, j)) * G.in_channels;
                simd::for_each_vector<Isa>(0, G.out_channels, [&]<class V>(int c) COMPRESS_LAMBDA_INLINE {
                    V::store(to + c, V::madd(V::load(from + c), V::splat(part), V::load(to + c)));
                });
            }
    });
}

}  // namespace tensor_compress
