// SPDX-License-Identifier: MIT
#pragma once

#include <compress/kernels/matmul.hpp>
#include <compress/train/gradients/elementwise.hpp>

namespace tensor_compress {

namespace detail {

/// output[column, row] = input[row, column], of each matrix of a batch.
inline void transpose_matrices(int batch, int rows, int columns, const float* input, float* output) {
    for (int b = 0; b < batch; ++b, output += rows * columns)
        for (int r = 0; r < rows; ++r)
            for (int c = 0; c < columns; ++c) output[c * rows + r] = *input++;
}

template <bool Add>
void give_all(int count, const float* from, float* to) {
    for (int i = 0; i < count; ++i) give<Add>(to[i], from[i]);
}

}  // namespace detail

/// Floats of scratch memory of a product's gradients: a transposed operand and a result.
template <matmul_extent E>
inline constexpr int matmul_scratch = E.batch* E.rows*(E.inner > E.columns ? E.inner : E.columns) +
                                      E.batch*(E.rows > E.columns ? E.rows : E.columns) * E.inner;

/// first_gradient (+)= gradient * second^T
template <class Isa, matmul_extent E, bool Add>
void matmul_first_gradient(const float* second, const float* gradient, float* first_gradient, float* scratch) {
    constexpr matmul_extent product{E.batch, E.rows, E.columns, E.inner, !E.transposed};
    matmul_fp32<Isa, product>(gradient, second, scratch);
    detail::give_all<Add>(E.batch * E.rows * E.inner, scratch, first_gradient);
}

/// second_gradient (+)= first^T * gradient; where the second is transposed, gradient^T * first.
template <class Isa, matmul_extent E, bool Add>
void matmul_second_gradient(const float* first, const float* gradient, float* second_gradient, float* scratch) {
    constexpr int wide = E.transposed ? E.columns : E.inner;
    float* result = scratch + E.batch * E.rows * wide;
    detail::transpose_matrices(E.batch, E.rows, wide, E.transposed ? gradient : first, scratch);
    constexpr matmul_extent product{E.batch, wide, E.rows, E.transposed ? E.inner : E.columns, false};
    matmul_fp32<Isa, product>(scratch, E.transposed ? first : gradient, result);
    detail::give_all<Add>(E.batch * E.inner * E.columns, result, second_gradient);
}

}  // namespace tensor_compress
