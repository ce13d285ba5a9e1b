// SPDX-License-Identifier: MIT
#pragma once

#include <compress/graph/node.hpp>
#include <compress/kernels/elementwise.hpp>
#include <compress/simd/one_lane.hpp>

namespace tensor_compress {

namespace detail {
/// The first reader of a value that gives it a gradient sets it, later ones add theirs.
template <bool Add>
COMPRESS_INLINE constexpr void give(float& to, float v) {
    to = Add ? to + v : v;
}
template <class V, bool Add>
COMPRESS_INLINE void give_vector(float* to, typename V::f32 v) {
    V::store(to, Add ? V::add(V::load(to), v) : v);
}
}  // namespace detail

/// The gradient of a clamped value becomes that of what was clamped: 0 where the value is at a bound. Its sum over the
/// pixels is added to `sums` [Channels] where that is not null, which is what a bias gets.
template <class Isa, clamp_kind Clamp, int Channels>
void clamp_gradient(int pixels, const float* value, float* gradient, float* sums) {
    for (int i = 0; i < pixels; ++i, value += Channels, gradient += Channels)
        simd::for_each_vector<Isa>(0, Channels, [&]<class V>(int c) COMPRESS_LAMBDA_INLINE {
            auto g = V::load(gradient + c);
            if constexpr (Clamp != clamp_kind::none) {
                const auto v = V::load(value + c);
                g = V::where_positive(v, g);
                if constexpr (Clamp == clamp_kind::relu6) g = V::where_positive(V::splat(6.0f) - v, g);
                V::store(gradient + c, g);
            }
            if (sums != nullptr) V::store(sums + c, V::add(V::load(sums + c), g));
        });
}

/// Derivative of a function at x, where its value is y. At a kink that of the side where it is flatter.
inline float derivative(function f, float x, float y, float slope) {
    switch (f) {
    case function::relu:
        return x > 0 ? 1.0f : 0.0f;
    case function::relu6:
        return x > 0 && x < 6 ? 1.0f : 0.0f;
    case function::leaky_relu:
        return x > 0 ? 1.0f : slope;
    case function::sigmoid:
        return y * (1 - y);
    case function::tanh:
        return 1 - y * y;
    case function::hard_swish:
        return x <= -3 ? 0.0f : x >= 3 ? 1.0f : (2 * x + 3) / 6;
    }
    return 1;
}

/// input_gradient[i] (+)= f'(input[i]) * gradient[i]
template <function F, int Count, bool Add>
void map_gradient(float slope, const float* input, const float* output, const float* gradient, float* input_gradient) {
    for (int i = 0; i < Count; ++i)
        detail::give<Add>(input_gradient[i], derivative(F, input[i], output[i], slope) * gradient[i]);
}

/// What operand `Side` of an add or a mul gets: gradient, or gradient * other; where the operand is spread over the
/// other, the sum over all places it is spread to.
template <class Isa, op Kind, pair_extent P, int Side, bool Add>
void pair_gradient(const float* other, const float* gradient, float* operand_gradient) {
    constexpr int period = Side == 0 ? P.first_period : P.second_period;
    constexpr int other_period = Side == 0 ? P.second_period : P.first_period;
    if constexpr (period == P.count && other_period == P.count) {
        simd::for_each_vector<Isa>(0, P.count, [&]<class V>(int i) COMPRESS_LAMBDA_INLINE {
            auto g = V::load(gradient + i);
            if constexpr (Kind == op::mul) g = V::multiply(g, V::load(other + i));
            detail::give_vector<V, Add>(operand_gradient + i, g);
        });
    } else {
        if constexpr (period != P.count && !Add)
            for (int i = 0; i < period; ++i) operand_gradient[i] = 0;
        for (int i = 0; i < P.count; ++i) {
            const float g = Kind == op::mul ? gradient[i] * other[i % other_period] : gradient[i];
            detail::give<(Add || period != P.count)>(operand_gradient[i % period], g);
        }
    }
}

}  // namespace tensor_compress
