// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <cstring>

#include <compress/core/config.hpp>
#include <compress/core/activation.hpp>
#include <compress/core/fixed_add.hpp>
#include <compress/core/quantization.hpp>
#include <compress/core/shape.hpp>
#include <compress/kernels/int8_adding.hpp>
#include <compress/simd/vector_unit.hpp>

namespace tensor_compress {

/// Functions of one number that a layer applies to each element.
enum class function : unsigned char { relu, relu6, leaky_relu, sigmoid, tanh, hard_swish };

/// The function in floating point; `slope` is leaky_relu's for negative values. int8 nets tabulate it at conversion.
COMPRESS_NOTHROW inline float apply(function f, float x, float slope) {
    switch (f) {
    case function::relu:
        return x > 0.0f ? x : 0.0f;
    case function::relu6:
        return x > 6.0f ? 6.0f : x > 0.0f ? x : 0.0f;
    case function::leaky_relu:
        return x >= 0.0f ? x : slope * x;
    case function::sigmoid:
        return 1.0f / (1.0f + std::exp(-x));
    case function::tanh:
        return std::tanh(x);
    case function::hard_swish:
        return x * (x <= -3.0f ? 0.0f : x >= 3.0f ? 1.0f : (x + 3.0f) / 6.0f);
    }
    return x;
}

/// output[i] = f(input[i])
template <function F, int Count>
COMPRESS_NOTHROW inline void map_fp32(const float* input, float* output, float slope) {
    for (int i = 0; i < Count; ++i) output[i] = apply(F, input[i], slope);
}

/// output[i] = table[input[i] + 128], the function over all 256 values of int8.
template <int Count, class In, class Out>
COMPRESS_NOTHROW constexpr void map_int8(const std::int8_t* table, const In* input, Out* output) {
    for (int i = 0; i < Count; ++i)
        output[i] = static_cast<Out>(table[input[i] - stored_offset<In> + 128] + stored_offset<Out>);
}

/// Two operands, one of which may be one value per channel or a single one: `period` is how often it repeats.
struct pair_extent {
    int count = 1;          ///< elements of the result
    int first_period = 1;   ///< elements of the first operand
    int second_period = 1;  ///< elements of the second
    friend constexpr bool operator==(const pair_extent&, const pair_extent&) = default;
};

namespace detail {
template <pair_extent P, class F>
COMPRESS_NOTHROW constexpr void for_each_pair(F f) {
    if constexpr (P.first_period == P.count && P.second_period == P.count) {
        for (int i = 0; i < P.count; ++i) f(i, i, i);
    } else {
        constexpr int inner = P.first_period < P.second_period ? P.first_period : P.second_period;
        for (int i = 0; i < P.count; i += inner)
            for (int j = 0; j < inner; ++j)
                f(i + j, P.first_period == P.count ? i + j : j, P.second_period == P.count ? i + j : j);
    }
}
}  // namespace detail

template <pair_extent P, clamp_kind Clamp>
COMPRESS_NOTHROW constexpr void add_fp32(const float* a, const float* b, float* output) {
    detail::for_each_pair<P>([&](int i, int j, int k) { output[i] = clamp_float(a[j] + b[k], Clamp); });
}
template <pair_extent P, clamp_kind Clamp>
COMPRESS_NOTHROW constexpr void mul_fp32(const float* a, const float* b, float* output) {
    detail::for_each_pair<P>([&](int i, int j, int k) { output[i] = clamp_float(a[j] * b[k], Clamp); });
}

/// Source: TensorFlow Lite reference Add for int8.
template <pair_extent P, class A, class B, class Out>
COMPRESS_NOTHROW constexpr void add_int8_reference(const add_scaling& s, const A* a, const B* b, Out* output) {
    detail::for_each_pair<P>([&](int i, int j, int k) {
        output[i] = static_cast<Out>(s(a[j] - stored_offset<A>, b[k] - stored_offset<B>) + stored_offset<Out>);
    });
}

/// clamp(requantize((a - za) * (b - zb), s.sum) + z, low, high). Source: TensorFlow Lite reference Mul for int8.
template <pair_extent P, class A, class B, class Out>
COMPRESS_NOTHROW constexpr void mul_int8(const add_scaling& s, const A* a, const B* b, Out* output) {
    detail::for_each_pair<P>([&](int i, int j, int k) {
        const std::int32_t product =
            (a[j] - stored_offset<A> - s.first_zero_point) * (b[k] - stored_offset<B> - s.second_zero_point);
        output[i] =
            static_cast<Out>(clamp32(requantize(product, s.sum) + s.zero_point, s.low, s.high) + stored_offset<Out>);
    });
}

/// The same bytes as add_int8_reference, four vectors at a time where both operands have the shape of the result.
template <class Isa, pair_extent P, class A, class B, class Out>
COMPRESS_NOTHROW constexpr void add_int8(const add_scaling& s, const A* a, const B* b, Out* output) {
    if constexpr (!simd::has_vectors<Isa> || P.first_period != P.count || P.second_period != P.count) {
        add_int8_reference<P>(s, a, b, output);
    } else {
        using V = simd::vector_unit<Isa>;
        using i32 = typename V::i32;
        constexpr int vectors = V::vectors_per_panel, step = 4 * V::lanes;
        const int8_adding<V> adding(s, s.first_zero_point + stored_offset<A>, s.second_zero_point + stored_offset<B>);
        constexpr int offset = stored_offset<Out>;
        const auto end = V::make_byte_end(s.zero_point + offset, s.low + offset, s.high + offset);
        int i = 0;
        for (; i + step <= P.count; i += step) {
            i32 x[4], y[4];
            COMPRESS_UNROLL
            for (int part = 0; part < 4; part += vectors) {
                i32 u[vectors], v[vectors];
                V::load16(a + i + part * V::lanes, u);
                V::load16(b + i + part * V::lanes, v);
                COMPRESS_UNROLL
                for (int k = 0; k < vectors; ++k) x[part + k] = u[k], y[part + k] = v[k];
            }
            adding.template apply<4>(x, y);
            V::template store_ordered<step>(output + i, V::template narrow<Out>(x, end));
        }
        for (; i < P.count; ++i)  // a last whole vector would read what an in-place result has already overwritten
            output[i] = static_cast<Out>(s(a[i] - stored_offset<A>, b[i] - stored_offset<B>) + stored_offset<Out>);
    }
}

/// Between the float and the int8 form of a tensor.
template <class Isa, int Count, class Out>
COMPRESS_NOTHROW constexpr void quantize_elements(affine a, const float* input, Out* output) {
    int i = 0;
    if constexpr (simd::has_vectors<Isa>) {
        using V = simd::vector_unit<Isa>;
        using f32 = typename V::f32;
        constexpr int step = 4 * V::lanes, offset = stored_offset<Out>;
        const auto end = V::make_byte_end(a.zero_point + offset, -128 + offset, 127 + offset);
        const f32 scale = V::splat(a.scale), low = V::splat(-512.0f), high = V::splat(512.0f);
        const f32 just_below_half = V::splat(0.49999997f);
        for (; i + step <= Count; i += step) {
            typename V::i32 steps[4];
            COMPRESS_UNROLL
            for (int k = 0; k < 4; ++k) {
                const f32 x = V::load(input + i + k * V::lanes);
                // Halves go away from zero; what is not a number becomes zero; what is beyond 512 steps is beyond the
                // bounds.
                const f32 real = V::min(V::max(V::divide(V::zero_if_nan(x), scale), low), high);
                steps[k] = V::truncate(V::add(real, V::copy_sign(just_below_half, real)));
            }
            V::template store_ordered<step>(output + i, V::template narrow<Out>(steps, end));
        }
    }
    for (; i < Count; ++i) output[i] = static_cast<Out>(quantize(input[i], a) + stored_offset<Out>);
}
template <class Isa, int Count, class In>
COMPRESS_NOTHROW constexpr void dequantize_elements(affine a, const In* input, float* output) {
    int i = 0;
    if constexpr (simd::has_vectors<Isa>) {
        using V = simd::vector_unit<Isa>;
        const auto zero = V::splat_int(a.zero_point + stored_offset<In>);
        for (; i + 16 <= Count; i += 16) {
            typename V::i32 steps[V::vectors_per_panel];
            V::load16(input + i, steps);
            COMPRESS_UNROLL
            for (int k = 0; k < V::vectors_per_panel; ++k)
                V::store(output + i + k * V::lanes, V::splat(a.scale) * V::to_float(V::subtract(steps[k], zero)));
        }
    }
    for (; i < Count; ++i) output[i] = dequantize(static_cast<std::int8_t>(input[i] - stored_offset<In>), a);
}

}  // namespace tensor_compress
