// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>

#include <compress/train/gradients/elementwise.hpp>

namespace tensor_compress {

/// input_gradient (+)= y * (gradient - sum over the row of gradient * y), y being the softmax.
template <int Rows, int Columns, bool Add>
void softmax_gradient(const float* output, const float* gradient, float* input_gradient) {
    for (int r = 0; r < Rows; ++r, output += Columns, gradient += Columns, input_gradient += Columns) {
        float sum = 0;
        for (int c = 0; c < Columns; ++c) sum += output[c] * gradient[c];
        for (int c = 0; c < Columns; ++c) detail::give<Add>(input_gradient[c], output[c] * (gradient[c] - sum));
    }
}

/// With n = (x - mean) / deviation and h = gamma * gradient: gamma_gradient += sum over rows of gradient * n,
/// beta_gradient += sum over rows of gradient, input_gradient (+)= (h - mean(h) - n * mean(h * n)) / deviation.
/// Source: Ba, Kiros, Hinton 2016, Layer Normalization.
template <int Rows, int Columns, bool Add>
void layer_norm_gradient(const float* gamma, float epsilon, const float* input, const float* gradient,
                         float* gamma_gradient, float* beta_gradient, float* input_gradient) {
    for (int r = 0; r < Rows; ++r, input += Columns, gradient += Columns) {
        float mean = 0, squares = 0;
        for (int c = 0; c < Columns; ++c) mean += input[c] / Columns;
        for (int c = 0; c < Columns; ++c) squares += (input[c] - mean) * (input[c] - mean);
        const float factor = 1.0f / std::sqrt(squares / Columns + epsilon);
        float mean_h = 0, mean_hn = 0;
        for (int c = 0; c < Columns; ++c) {
            const float n = (input[c] - mean) * factor, h = gamma[c] * gradient[c];
            gamma_gradient[c] += gradient[c] * n;
            beta_gradient[c] += gradient[c];
            mean_h += h / Columns;
            mean_hn += h * n / Columns;
        }
        if (input_gradient == nullptr) continue;
        for (int c = 0; c < Columns; ++c) {
            const float n = (input[c] - mean) * factor, h = gamma[c] * gradient[c];
            detail::give<Add>(input_gradient[c], (h - mean_h - n * mean_hn) * factor);
        }
        input_gradient += Columns;
    }
}

}  // namespace tensor_compress
