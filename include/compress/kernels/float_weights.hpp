// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include <compress/core/config.hpp>
#include <compress/kernels/tiling.hpp>
#include <compress/simd/vector_unit.hpp>
#include <compress/storage/n_of_m_code.hpp>

namespace tensor_compress {

/// A vector of weights as floats, from element `at` of a block on: decoded where it is multiplied, which costs one or
/// two instructions for each vector and reads half of the bytes or less.
template <class Code>
struct float_weights;

template <>
struct float_weights<weight_code<tag::fp32, tag::dense>> {
    template <class V>
    static COMPRESS_INLINE typename V::f32 load(const std::int8_t* block, std::ptrdiff_t at) {
        return V::load(reinterpret_cast<const float*>(block) + at);
    }
};
template <>
struct float_weights<weight_code<tag::fp16, tag::dense>> {
    template <class V>
    static COMPRESS_INLINE typename V::f32 load(const std::int8_t* block, std::ptrdiff_t at) {
        return V::load_half(block + 2 * at);
    }
};
template <>
struct float_weights<weight_code<tag::bf16, tag::dense>> {
    template <class V>
    static COMPRESS_INLINE typename V::f32 load(const std::int8_t* block, std::ptrdiff_t at) {
        return V::load_bfloat(block + 2 * at);
    }
};
template <>
struct float_weights<weight_code<tag::weight_only<tag::int8>, tag::dense>> {
    template <class V>
    static COMPRESS_INLINE typename V::f32 load(const std::int8_t* block, std::ptrdiff_t at) {
        return V::to_float(V::widen_signed(block + at));
    }
};
template <>
struct float_weights<weight_code<tag::weight_only<tag::int4>, tag::dense>> {
    static constexpr int together = 8;

    /// Bytes hold an element of one vector of 64 in their lower half, of the next in their upper half.
    template <class V>
    static COMPRESS_INLINE typename V::f32 load(const std::int8_t* block, std::ptrdiff_t at) {
        const auto vector = at / code_vector;
        const std::int8_t* bytes = block + (vector / 2 * code_vector + at % code_vector);
        return vector % 2 != 0 ? V::template load_nibbles<true>(bytes) : V::template load_nibbles<false>(bytes);
    }
    template <class V, int K>
    static COMPRESS_INLINE typename V::f32 part(const std::int8_t* block, std::ptrdiff_t at, int lane) {
        return V::template load_nibbles<(K >= 4)>(block + at / 2 + K % 4 * panel_outputs + lane);
    }
};
template <int Size>
struct float_weights<weight_code<tag::weight_only<tag::grouped<tag::int4, Size>>, tag::dense>> {
    using levels = float_weights<weight_code<tag::weight_only<tag::int4>, tag::dense>>;
    static constexpr int together = Size % levels::together == 0 ? levels::together : 1;
};

/// One step of a product for one vector of outputs: the weights of `step_inputs` neighbouring inputs. `spread` are
/// those of a pixel, shared by all vectors of outputs.
///
///     at<K, Together>(block, n, i, lane)    of a block of n elements step K of `Together` from element i on, for the
///                                           outputs from `lane` on
///     spread(input), add(sum, spread)       sum + weights * input
template <class V, class Code>
struct float_step {
    typename V::f32 weights;

    /// Steps that are decoded together where that is less work.
    static constexpr int together = [] {
        if constexpr (requires { float_weights<Code>::together; })
            return float_weights<Code>::together;
        else
            return 1;
    }();

    template <int K, int Together>
    static COMPRESS_INLINE float_step at(const std::int8_t* block, int elements, std::ptrdiff_t i, int lane) {
        if constexpr (requires { Code::group_elements; }) {
            using levels = float_step<V, weight_code<tag::weight_only<tag::int4>, tag::dense>>;
            const std::int8_t* steps = block + Code::steps_at(elements) + i / Code::group_elements * panel_outputs;
            return {V::multiply(levels::template at<K, Together>(block, elements, i, lane).weights,
                                V::to_float(V::widen_bytes(steps + lane)))};
        } else if constexpr (Together > 1) {
            return {float_weights<Code>::template part<V, K>(block, i, lane)};
        } else {
            return {float_weights<Code>::template load<V>(block, i + lane)};
        }
    }
    static COMPRESS_INLINE typename V::f32 spread(const float* input) { return V::splat(*input); }
    COMPRESS_INLINE typename V::f32 add(typename V::f32 sum, typename V::f32 input) const {
        return V::madd(input, weights, sum);
    }
};

/// Each output picks its own inputs: as many as weights are stored.
template <class V, float_precision Precision, int Kept>
struct float_step<V, weight_code<Precision, tag::n_of_m<Kept, 4>>> {
    using code = weight_code<Precision, tag::n_of_m<Kept, 4>>;
    using values = float_weights<typename code::values>;
    static constexpr int together = 1;
    typename V::f32 weights[Kept];
    typename V::i32 places[Kept];

    template <int, int>
    static COMPRESS_INLINE float_step at(const std::int8_t* block, int elements, std::ptrdiff_t i, int lane) {
        const int step = static_cast<int>(i / code_vector);
        const auto words = V::shift_down(V::words_of(V::load_code(block + code::places_of(elements, step) + lane * 4)),
                                         code::place_shift(step, 0));
        float_step s;
        for_constants<Kept>([&]<int W>() COMPRESS_LAMBDA_INLINE {
            s.weights[W] = values::template load<V>(block, code::value_index(step, lane, W));
            s.places[W] = V::four_places(V::template shift_right<2 * W>(words));
        });
        return s;
    }
    static COMPRESS_INLINE typename V::f32 spread(const float* input) { return V::spread_four(input); }
    COMPRESS_INLINE typename V::f32 add(typename V::f32 sum, typename V::f32 input) const {
        for_constants<Kept>([&]<int W>()
                                COMPRESS_LAMBDA_INLINE { sum = V::madd(V::pick(input, places[W]), weights[W], sum); });
        return sum;
    }
};

}  // namespace tensor_compress
