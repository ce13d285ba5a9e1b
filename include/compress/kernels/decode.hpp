// SPDX-License-Identifier: MIT
#pragma once

#include <bit>

#include <compress/core/config.hpp>
#include <compress/kernels/tiling.hpp>
#include <compress/simd/vector_unit.hpp>
#include <compress/storage/bitmask_code.hpp>
#include <compress/storage/codebook_code.hpp>
#include <compress/storage/n_of_m_code.hpp>

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

template <class Precision, int Kept>
struct decoder<weight_code<Precision, tag::n_of_m<Kept, 4>>> {
    using code = weight_code<Precision, tag::n_of_m<Kept, 4>>;
    using values = typename code::values;

    /// Part of value vector F of a unit.
    template <class V, int F>
    static COMPRESS_INLINE typename V::i32 value_words(const std::int8_t* unit) {
        if constexpr (values::plain) {
            return V::words_of(V::load_code(unit + F * code_vector));
        } else {
            constexpr int vectors = values::chunk_vectors;
            return V::words_of(
                decoder<values>::template part<V, F % vectors>(unit + F / vectors * values::chunk_bytes));
        }
    }
    /// The words of step S of a unit: each value shifted to its place.
    template <class V, int S>
    static COMPRESS_INLINE typename V::i32 words(const typename V::i32 (&values)[4], typename V::i32 places) {
        const auto value = values[S / code::steps_per_vector];
        typename V::i32 word = V::zero();
        for_constants<Kept>([&]<int W>() COMPRESS_LAMBDA_INLINE {
            constexpr int byte = S % code::steps_per_vector * Kept + W;
            const auto alone = V::bit_and(V::template shift_right<8 * byte>(value), V::splat_int(0xff));
            // Eight times the place, as a shift counts bits.
            constexpr int down = code::place_shift(S, W) - 3;
            const auto moved = down < 0 ? V::template shift_left<(down < 0 ? -down : 0)>(places)
                                        : V::template shift_right<(down < 0 ? 0 : down)>(places);
            word = V::bit_or(word, V::shift_left_by(alone, V::bit_and(moved, V::splat_int(0x18))));
        });
        return word;
    }
    template <class V>
    static COMPRESS_INLINE void decode(const std::int8_t* block, int elements, std::int8_t* to) {
        constexpr int step = 4 * V::lanes, unit_bytes = values::bytes(4 * code_vector);
        const std::int8_t* places = block + code::places_at(elements);
        for (int unit = 0; unit < code::units(elements); ++unit, block += unit_bytes, places += code_vector)
            for (int j = 0; j < code_vector; j += step) {
                typename V::i32 value[4];
                for_constants<4>([&]<int F>() COMPRESS_LAMBDA_INLINE { value[F] = value_words<V, F>(block + j); });
                const auto place = V::words_of(V::load_code(places + j));
                for_constants<code::unit_steps>([&]<int S>() COMPRESS_LAMBDA_INLINE {
                    V::store_code(to + unit * code::unit_elements + S * code_vector + j,
                                  V::bytes_of(words<V, S>(value, place)));
                });
            }
    }
};

template <int Bits>
struct decoder<weight_code<tag::int8, tag::codebook<Bits>>> {
    using code = weight_code<tag::int8, tag::codebook<Bits>>;

    template <class V>
    static COMPRESS_INLINE void decode(const std::int8_t* block, int elements, std::int8_t* to) {
        using levels = typename code::levels;
        constexpr int step = 4 * V::lanes;
        const auto table = V::load_table(block);
        block += code::table_bytes;
        for (int at = 0; at < elements; at += levels::chunk_elements, block += levels::chunk_bytes)
            for_constants<levels::chunk_vectors>([&]<int F>() COMPRESS_LAMBDA_INLINE {
                for (int j = 0; j < code_vector; j += step) {
                    const auto top = decoder<levels>::template part<V, F>(block + j);
                    const auto index = V::template bit_field<Bits - 8, (1 << Bits) - 1>(top);
                    V::store_code(to + at + F * code_vector + j, V::look_up(table, index));
                }
            });
    }
};

template <int Percent>
struct decoder<weight_code<tag::int8, tag::unstructured<Percent>>> {
    using code = weight_code<tag::int8, tag::unstructured<Percent>>;

    template <class V>
    static COMPRESS_INLINE void decode(const std::int8_t* block, int elements, std::int8_t* to) {
        constexpr int step = 4 * V::lanes;
        const std::int8_t* values = block + code::values_at(elements);
        for (int vector = 0; vector < code::vectors(elements); ++vector, to += code_vector) {
            const std::uint64_t mask = code::mask_of(block, elements, vector);
            const std::int8_t* next = values + code::start_of(block, vector);
            for (int j = 0; j < code_vector; j += step) {
                const std::uint64_t part = mask >> j & (~std::uint64_t{0} >> (64 - step));
                V::store_code(to + j, V::expand_code(part, next));
                next += std::popcount(part);
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

}  // namespace tensor_compress
