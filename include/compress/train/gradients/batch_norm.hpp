// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <vector>

#include <compress/train/gradients/elementwise.hpp>

namespace tensor_compress {

/// Mean and sum of squared distances from it, per channel, of values that come in portions. Source: Chan, Golub,
/// LeVeque 1979, Updating Formulae and a Pairwise Algorithm for Computing Sample Variances.
struct channel_moments {
    std::vector<double> mean, squares;
    double count = 0;

    explicit channel_moments(int channels = 0)
        : mean(static_cast<std::size_t>(channels)),
          squares(static_cast<std::size_t>(channels)) {}

    void clear() { *this = channel_moments(static_cast<int>(mean.size())); }
    template <class Values>
    void merge(double other_count, const Values& other_mean, const Values& other_squares) {
        if (other_count == 0) return;
        const double all = count + other_count;
        for (std::size_t c = 0; c < mean.size(); ++c) {
            const double distance = static_cast<double>(other_mean[c]) - mean[c];
            mean[c] += distance * other_count / all;
            squares[c] += static_cast<double>(other_squares[c]) + distance * distance * count * other_count / all;
        }
        count = all;
    }
    void merge(const channel_moments& other) { merge(other.count, other.mean, other.squares); }
};

/// mean[c] of the pixels' values and squares[c] = sum of (value - mean[c])^2.
template <class Isa, int Channels>
void moments_of(int pixels, const float* values, float* mean, float* squares) {
    const float part = 1.0f / static_cast<float>(pixels);
    simd::for_each_vector<Isa>(0, Channels, [&]<class V>(int c) COMPRESS_LAMBDA_INLINE {
        auto sum = V::splat(0.0f), square = V::splat(0.0f);
        for (int i = 0; i < pixels; ++i) sum = V::add(sum, V::load(values + i * Channels + c));
        const auto middle = V::multiply(sum, V::splat(part));
        for (int i = 0; i < pixels; ++i) {
            const auto distance = V::load(values + i * Channels + c) - middle;
            square = V::madd(distance, distance, square);
        }
        V::store(mean + c, middle);
        V::store(squares + c, square);
    });
}

/// output[i, c] = clamp(scale[c] * input[i, c] + shift[c])
template <class Isa, clamp_kind Clamp, int Channels>
void scale_channels(int pixels, const float* scale, const float* shift, const float* input, float* output) {
    for (int i = 0; i < pixels; ++i, input += Channels, output += Channels)
        simd::for_each_vector<Isa>(0, Channels, [&]<class V>(int c) COMPRESS_LAMBDA_INLINE {
            auto v = V::madd(V::load(input + c), V::load(scale + c), V::load(shift + c));
            if constexpr (Clamp != clamp_kind::none) v = V::max(v, V::splat(0.0f));
            if constexpr (Clamp == clamp_kind::relu6) v = V::min(v, V::splat(6.0f));
            V::store(output + c, v);
        });
}

/// beta_sums[c] += sum of gradient[i, c]; gamma_sums[c] += sum of gradient[i, c] * (input[i, c] - mean[c]) * factor[c].
template <class Isa, int Channels>
void batch_norm_sums(int pixels, const float* mean, const float* factor, const float* input, const float* gradient,
                     float* gamma_sums, float* beta_sums) {
    simd::for_each_vector<Isa>(0, Channels, [&]<class V>(int c) COMPRESS_LAMBDA_INLINE {
        auto beta = V::splat(0.0f), gamma = V::splat(0.0f);
        const auto middle = V::load(mean + c);
        for (int i = 0; i < pixels; ++i) {
            const auto g = V::load(gradient + i * Channels + c);
            beta = V::add(beta, g);
            gamma = V::madd(V::load(input + i * Channels + c) - middle, g, gamma);
        }
        V::store(beta_sums + c, V::add(V::load(beta_sums + c), beta));
        V::store(gamma_sums + c, V::madd(gamma, V::load(factor + c), V::load(gamma_sums + c)));
    });
}

/// input_gradient[i, c] (+)= of_gradient[c] * gradient[i, c] + of_input[c] * input[i, c] + constant[c]
template <class Isa, int Channels, bool Add>
void batch_norm_gradient(int pixels, const float* of_gradient, const float* of_input, const float* constant,
                         const float* input, const float* gradient, float* input_gradient) {
    for (int i = 0; i < pixels; ++i, input += Channels, gradient += Channels, input_gradient += Channels)
        simd::for_each_vector<Isa>(0, Channels, [&]<class V>(int c) COMPRESS_LAMBDA_INLINE {
            const auto rest = V::madd(V::load(input + c), V::load(of_input + c), V::load(constant + c));
            detail::give_vector<V, Add>(input_gradient + c,
                                        V::madd(V::load(gradient + c), V::load(of_gradient + c), rest));
        });
}

}  // namespace tensor_compress
