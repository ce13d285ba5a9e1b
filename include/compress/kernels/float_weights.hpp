// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include <compress/core/config.hpp>
#include <compress/simd/vector_unit.hpp>
#include <compress/storage/float_code.hpp>

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
    /// Bytes hold an element of one vector of 64 in their lower half, of the next in their upper half.
    template <class V>
    static COMPRESS_INLINE typename V::f32 load(const std::int8_t* block, std::ptrdiff_t at) {
        const auto vector = at / code_vector;
        const auto both = V::widen_signed(block + (vector / 2 * code_vector + at % code_vector));
        const auto upper = vector % 2 != 0 ? both : V::template shift_left<4>(both);
        return V::to_float(V::template shift_right<28>(V::template shift_left<24>(upper)));
    }
};

}  // namespace tensor_compress
