// SPDX-License-Identifier: MIT
#pragma once

#include <compress/core/config.hpp>
#include <compress/kernels/tiling.hpp>
#include <compress/simd/vector_unit.hpp>
#include <compress/storage/weight_code.hpp>

namespace tensor_compress {

/// Weights out of their code, in the vectors of V.
///
///     part<V, F>(chunk)                  the bytes at the start of vector F of a chunk (V may be narrower than it)
///     decode<V>(block, elements, to)     all weights of a block; `to` has room for whole chunks
template <class Code>
struct decoder;

template <class Precision>
requires(Precision::bits < 8 && Precision::group == 0)  //
    struct decoder<weight_code<Precision, tag::dense>> {
    using code = weight_code<Precision, tag::dense>;

    template <class V, int F>
    static COMPRESS_INLINE typename V::row_bytes part(const std::int8_t* chunk) {
        constexpr int width = code::bits == 3 ? 2 : code::bits, fields = 8 / width;
        constexpr int top = (0xff << (8 - width)) & 0xff;
        const auto upper =
            V::template bit_field<8 - width*(F % fields + 1), top>(V::load_code(chunk + F / fields * code_vector));
        if constexpr (code::bits == 1)
            return V::one_or_minus_one(upper);
        else if constexpr (code::bits == 3)
            return V::either(upper, V::template bit_field<5 - F, 0x20>(V::load_code(chunk + 2 * code_vector)));
        else
            return upper;
    }
    template <class V>
    static COMPRESS_INLINE void decode(const std::int8_t* block, int elements, std::int8_t* to) {
        constexpr int step = 4 * V::lanes;
        for (int at = 0; at < elements; at += code::chunk_elements, block += code::chunk_bytes)
            for_constants<code::chunk_vectors>([&]<int F>() COMPRESS_LAMBDA_INLINE {
                for (int j = 0; j < code_vector; j += step)
                    V::store_code(to + at + F * code_vector + j, part<V, F>(block + j));
            });
    }
};

template <class Precision, int Size>
struct decoder<weight_code<tag::grouped<Precision, Size>, tag::dense>> {
    using code = weight_code<tag::grouped<Precision, Size>, tag::dense>;

    template <class V>
    static COMPRESS_INLINE void decode(const std::int8_t* block, int elements, std::int8_t* to) {
        decoder<typename code::levels>::template decode<V>(block, elements, to);
        const std::int8_t* steps = block + code::steps_at(elements);
        for (int at = 0; at < elements; at += code::group_elements, steps += panel_outputs)
            for (int part = 0; part < panel_outputs; part += V::lanes) {
                const auto step = V::spread_bytes(steps + part);
                for (int k = 0; k < code::group_elements; k += code_vector) {
                    std::int8_t* weights = to + at + k + part * 4;
                    V::store_code(weights, V::template scale_code<code::unit>(V::load_code(weights), step));
                }
            }
    }
};

/// Padding that a code cannot express as zero, at the end of runs that are no multiple of four.
template <class Order, int RunLength, int Vectors>
COMPRESS_INLINE void clear_padding(std::int8_t* weights) {
    if constexpr (RunLength % 4 != 0)
        for (int last = (Order::steps - 1) * Vectors; last < Order::block_elements / code_vector;
             last += Order::steps * Vectors)
            for (int vector = last; vector < last + Vectors; ++vector)
                for (int output = 0; output < panel_outputs; ++output)
                    for (int k = RunLength % 4; k < 4; ++k) weights[vector * code_vector + output * 4 + k] = 0;
}

/// Bytes that decoding a block of so many weights writes.
template <class Code>
constexpr int decoded_bytes(int elements) {
    return round_up(elements, Code::levels::chunk_elements);
}

}  // namespace tensor_compress
