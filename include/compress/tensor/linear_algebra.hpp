// SPDX-License-Identifier: MIT
#pragma once

// The only door to xtensor-blas, and through it to BLAS and LAPACK.

#include <compress/tensor/xtensor.hpp>

#include <xtensor-blas/xlinalg.hpp>

namespace tensor_compress {

using matrix = array<double>;

/// sums[i, j] += sum over n of a[n, i] * b[n, j], multiplied in floats.
///
/// @param  a, b  [rows, ...] of which the first `rows` rows count
inline void add_products(const array<float>& a, const array<float>& b, std::size_t rows, matrix& sums) {
    const auto first = xt::adapt(a.data(), rows * a.shape(1), xt::no_ownership(), std::vector{rows, a.shape(1)});
    const auto second = xt::adapt(b.data(), rows * b.shape(1), xt::no_ownership(), std::vector{rows, b.shape(1)});
    const array<float> product = xt::linalg::dot(xt::transpose(first), second);
    sums += product;
}

/// Some rows of a matrix, one behind the other.
template <class T>
struct row_block {
    T* values;
    std::size_t rows, columns;

    auto adapted() const {
        return xt::adapt(values, rows * columns, xt::no_ownership(), std::vector<std::size_t>{rows, columns});
    }
};

/// result[n, o] = sum over k of a[n, k] * b[o, k], in floats.
inline void multiply_rows(const row_block<const float>& a, const row_block<const float>& b, float* result) {
    auto to = row_block<float>{result, a.rows, b.rows}.adapted();
    xt::blas::gemm(a.adapted(), b.adapted(), to, false, true);
}
/// result[i, j] = sum over n of a[n, i] * b[n, j], in floats.
inline void multiply_columns(const row_block<const float>& a, const row_block<const float>& b, float* result) {
    auto to = row_block<float>{result, a.columns, b.columns}.adapted();
    xt::blas::gemm(a.adapted(), b.adapted(), to, true, false);
}

/// The mean of the diagonal, times `part`; 1 where that is zero.
inline double damping_of(const matrix& m, double part) {
    double trace = 0;
    for (std::size_t k = 0; k < m.shape(0); ++k) trace += m(k, k);
    return trace > 0 ? part * trace / static_cast<double>(m.shape(0)) : 1;
}
/// That added to the diagonal: so that second moments have an inverse.
inline matrix damped(matrix m, double part) {
    const double added = damping_of(m, part);
    for (std::size_t k = 0; k < m.shape(0); ++k) m(k, k) += added;
    return m;
}

/// U, upper triangular, with a^-1 = U^T U, of a symmetric positive definite matrix.
inline matrix root_of_inverse(const matrix& a) {
    const matrix inverse = xt::linalg::inv(a);
    return xt::transpose(xt::linalg::cholesky(inverse));
}

/// L, lower triangular, with a = L L^T.
inline matrix root_of(const matrix& a) { return xt::linalg::cholesky(a); }

inline matrix inverse(const matrix& a) { return xt::linalg::inv(a); }

/// x with a x = b, of a symmetric positive definite matrix; b is a vector or a matrix of columns.
inline matrix solve(const matrix& a, const matrix& b) { return xt::linalg::solve(a, b); }

inline matrix product(const matrix& a, const matrix& b) { return xt::linalg::dot(a, b); }

/// a = u * diag(s) * v, u [m, k], s [k] descending, v [k, n], k = min(m, n).
struct singular_values {
    matrix u, s, v;
};
inline singular_values svd(const matrix& a) {
    auto [u, s, v] = xt::linalg::svd(a, false);
    return {u, s, v};
}

}  // namespace tensor_compress
