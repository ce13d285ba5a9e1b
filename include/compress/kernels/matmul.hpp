// SPDX-License-Identifier: MIT
#pragma once

#include <compress/core/config.hpp>
#include <compress/kernels/conv2d_fp32.hpp>
#include <compress/kernels/int8_tile.hpp>
#include <compress/storage/pack.hpp>

namespace tensor_compress {

/// Products of matrices that are both values: [Batch, Rows, Inner] by [Batch, Inner, Columns], or by
/// [Batch, Columns, Inner] where the second is transposed.
struct matmul_extent {
    int batch = 1, rows = 1, inner = 1, columns = 1;
    bool transposed = false;

    constexpr int second_index(int k, int column) const {
        return transposed ? column * inner + k : k * columns + column;
    }
    friend constexpr bool operator==(const matmul_extent&, const matmul_extent&) = default;
};

/// output[b, m, n] = sum over k of first[b, m, k] * second[b, k, n]
template <matmul_extent E>
COMPRESS_NOTHROW constexpr void matmul_fp32_reference(const float* first, const float* second, float* output) {
    for (int b = 0; b < E.batch; ++b, first += E.rows * E.inner, second += E.inner * E.columns)
        for (int m = 0; m < E.rows; ++m)
            for (int n = 0; n < E.columns; ++n) {
                float sum = 0;
                for (int k = 0; k < E.inner; ++k)
                    sum = multiply_add(first[m * E.inner + k], second[E.second_index(k, n)], sum);
                *output++ = sum;
            }
}

/// Numbers of an int8 product of two values.
struct matmul_scaling {
    std::int32_t first_zero_point = 0, second_zero_point = 0, zero_point = 0;
    fixed_multiplier factor{};  ///< first scale * second scale / output scale
};

/// output[b, m, n] = clamp(requantize(sum over k of (first - z1) * (second - z2), factor) + zero_point, -128, 127).
/// Source: TensorFlow Lite reference BatchMatMul for int8.
///
/// @pre  255 * 255 * inner < 2^30: inner <= 16512
template <matmul_extent E, class A, class B, class Out>
COMPRESS_NOTHROW constexpr void matmul_int8_reference(const matmul_scaling& s, const A* first, const B* second,
                                                      Out* output) {
    for (int b = 0; b < E.batch; ++b, first += E.rows * E.inner, second += E.inner * E.columns)
        for (int m = 0; m < E.rows; ++m)
            for (int n = 0; n < E.columns; ++n) {
                std::int32_t sum = 0;
                for (int k = 0; k < E.inner; ++k)
                    sum += (first[m * E.inner + k] - stored_offset<A> - s.first_zero_point) *
                           (second[E.second_index(k, n)] - stored_offset<B> - s.second_zero_point);
                const std::int32_t q = clamp32(requantize(sum, s.factor) + s.zero_point, -128, 127);
                *output++ = static_cast<Out>(q + stored_offset<Out>);
            }
}

namespace detail {

/// One matrix of the batch as the convolution that its tiles are those of.
template <matmul_extent E>
inline constexpr conv_geometry matmul_geometry{1, E.rows, E.inner, 1, E.rows, E.columns};

/// Panels that a buffer on the stack holds at a time, of the bytes that an element of the second matrix takes there.
template <matmul_extent E>
constexpr int matmul_panels(int bytes) {
    return most_decoded_bytes / (round_up(E.inner, 4) * panel_outputs * bytes);
}

/// Rows pixels x Panels panels. `block` has the second matrix in panels, its bias the terms of a column; `row_starts`
/// those of a row.
template <class V, matmul_extent E, int Rows, int Panels, int Last, class A, class Out>
COMPRESS_NOINLINE void matmul_int8_tile(const A* first, const int8_block<V, Panels>& block, const int8_end& end,
                                        const std::int32_t* row_starts, Out* output) {
    using order = panel_order<matmul_geometry<E>, 4>;
    constexpr int vectors = V::vectors_per_panel, columns = Panels * vectors, tail = E.inner % 4;
    typename V::i32 sums[Rows][columns];
    COMPRESS_UNROLL
    for (int m = 0; m < Rows; ++m) {
        COMPRESS_UNROLL
        for (int j = 0; j < columns; ++j) sums[m][j] = V::add(block.start(j), V::splat_int(row_starts[m]));
    }
    const auto step = [&](int s, auto&& word) COMPRESS_LAMBDA_INLINE {
        typename V::bytes4 w[columns];
        COMPRESS_UNROLL
        for (int j = 0; j < columns; ++j)
            w[j] = block.template weights_at<order::panel_elements>(j / vectors, s * order::step_elements,
                                                                    (j % vectors) * V::lanes);
        COMPRESS_UNROLL
        for (int m = 0; m < Rows; ++m) {
            const typename V::bytes4 a = V::spread4(word(m));
            COMPRESS_UNROLL
            for (int j = 0; j < columns; ++j) sums[m][j] = V::dot4(sums[m][j], a, w[j]);
        }
    };
    for (int s = 0; s < E.inner / 4; ++s)
        step(s, [&](int m) COMPRESS_LAMBDA_INLINE { return word_of<V>(first + m * E.inner + 4 * s); });
    if constexpr (tail != 0)
        step(E.inner / 4,
             [&](int m) COMPRESS_LAMBDA_INLINE { return tail_word_of<V, tail>(first + m * E.inner + E.inner - tail); });
    finish_int8_tile<V, Panels, Last, false, E.columns>(block, end, sums, output, static_cast<const Out*>(nullptr));
}

/// What a panel of the second matrix is multiplied as: int8 weights, and per column the numbers of a layer's packed
/// product. The terms of the zero points are sum(a b) - z1 sum(b) - z2 sum(a) + K z1 z2.
template <matmul_extent E, int Panels>
struct matmul_panel_block {
    alignas(64) std::int8_t weights[Panels * panel_order<matmul_geometry<E>, 4>::panel_elements]{};
    alignas(64) std::int32_t bias[Panels * panel_outputs]{}, weight_sum[Panels * panel_outputs]{},
        multiplier[Panels * panel_outputs]{};
    std::int8_t shift[Panels * panel_outputs]{};

    template <class B>
    COMPRESS_INLINE matmul_panel_block(const matmul_scaling& s, const B* second, int first_column) {
        for (int n = 0; n < Panels * panel_outputs; ++n) {
            multiplier[n] = s.factor.multiplier;
            shift[n] = static_cast<std::int8_t>(s.factor.shift);
            if (first_column + n >= E.columns) continue;
            std::int8_t* to = weights + n / panel_outputs * panel_order<matmul_geometry<E>, 4>::panel_elements +
                              n % panel_outputs * 4;
            std::int32_t sum = 0;
            for (int k = 0; k < E.inner; ++k) {
                const int q = second[E.second_index(k, first_column + n)] - stored_offset<B>;
                to[k / 4 * panel_outputs * 4 + k % 4] = static_cast<std::int8_t>(q);
                sum += q;
            }
            weight_sum[n] = sum;
            bias[n] = E.inner * s.first_zero_point * s.second_zero_point - s.first_zero_point * sum;
        }
    }
    int8_parts parts() const {
        const auto bytes = [](const auto* p) { return reinterpret_cast<const std::int8_t*>(p); };
        return {bytes(bias), bytes(weight_sum), bytes(multiplier), shift};
    }
};

}  // namespace detail

/// The same as matmul_fp32_reference up to the order of the sums. Panels of the second matrix are laid out on the stack
/// as weights are, once for all rows; the matrices of a batch are what `threads` shares out.
template <class Isa, matmul_extent E, executor Executor = serial>
COMPRESS_NOTHROW constexpr void matmul_fp32(const float* first, const float* second, float* output,
                                            [[maybe_unused]] const Executor& threads = {}) {
    if constexpr (!simd::has_vectors<Isa>) {
        matmul_fp32_reference<E>(first, second, output);
    } else {
        using V = simd::vector_unit<Isa>;
        constexpr conv_geometry G = detail::matmul_geometry<E>;
        using order = panel_order<G, 1>;
        constexpr tile_size tile = choose_tile<V>(E.rows, order::panels, 0, detail::matmul_panels<E>(4));
        using tiles = row_tiles<G, tile.rows>;
        threads.parallel_for(E.batch, [&](int b) COMPRESS_LAMBDA_INLINE {
            const float* rows[] = {first + b * E.rows * E.inner};
            const float* right = second + b * E.inner * E.columns;
            for_each_block<G, order, tile>(
                serial{}, [&]<int Panels, int Last>(int, int panel, row_range) COMPRESS_LAMBDA_INLINE {
                    alignas(64) float weights[Panels * order::panel_elements]{}, bias[Panels * panel_outputs]{};
                    const int column = panel * panel_outputs;
                    for (int n = 0; n < Panels * panel_outputs && column + n < E.columns; ++n)
                        for (int k = 0; k < E.inner; ++k)
                            weights[n / panel_outputs * order::panel_elements + k * panel_outputs + n % panel_outputs] =
                                right[E.second_index(k, column + n)];
                    for_each_tile<tiles>([&]<int Count, int First>(int x) COMPRESS_LAMBDA_INLINE {
                        detail::conv2d_fp32_tile<V, G, float_end{}, float_code, Count, Panels, First, Last>(
                            rows, x, reinterpret_cast<const std::int8_t*>(weights), bias,
                            output + (b * E.rows + x) * E.columns + column, nullptr);
                    });
                });
        });
    }
}

/// The same bytes as matmul_int8_reference, likewise.
template <class Isa, matmul_extent E, class A, class B, class Out, executor Executor = serial>
COMPRESS_NOTHROW constexpr void matmul_int8(const matmul_scaling& s, const A* first, const B* second, Out* output,
                                            [[maybe_unused]] const Executor& threads = {}) {
    if constexpr (!simd::has_vectors<Isa>) {
        matmul_int8_reference<E>(s, first, second, output);
    } else {
        using V = simd::vector_unit<Isa>;
        constexpr conv_geometry G = detail::matmul_geometry<E>;
        using order = panel_order<G, 4>;
        constexpr bool split = sizeof(typename V::bytes4) > sizeof(typename V::i32);
        constexpr tile_size tile =
            choose_tile<V>(E.rows, order::panels, split ? 1 + V::vectors_per_panel : 0, detail::matmul_panels<E>(1));
        using tiles = row_tiles<G, tile.rows>;
        const int8_end end{s.first_zero_point, s.zero_point, -128, 127, {}};
        threads.parallel_for(E.batch, [&](int b) COMPRESS_LAMBDA_INLINE {
            const A* left = first + b * E.rows * E.inner;
            std::int32_t row_starts[E.rows];
            for (int m = 0; m < E.rows; ++m) {
                std::int32_t sum = 0;
                for (int k = 0; k < E.inner; ++k) sum += left[m * E.inner + k] - stored_offset<A>;
                row_starts[m] = -s.second_zero_point * sum;
            }
            for_each_block<G, order, tile>(serial{}, [&]<int Panels, int Last>(int, int panel,
                                                                               row_range) COMPRESS_LAMBDA_INLINE {
                const int column = panel * panel_outputs;
                const detail::matmul_panel_block<E, Panels> plain(s, second + b * E.inner * E.columns, column);
                const detail::int8_block<V, Panels> block(plain.weights, plain.parts(), 0);
                for_each_tile<tiles>([&]<int Count, int First>(int x) COMPRESS_LAMBDA_INLINE {
                    detail::matmul_int8_tile<V, E, Count, Panels, Last>(left + x * E.inner, block, end, row_starts + x,
                                                                        output + (b * E.rows + x) * E.columns + column);
                });
            });
        });
    }
}

}  // namespace tensor_compress
