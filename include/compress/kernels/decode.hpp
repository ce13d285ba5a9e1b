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
///     decode<V>(block, elements, to)     all weights of a block; `to` has room for whole chunks
///
/// and, for products that decode in registers, `part`: the bytes at the start of one vector of a chunk (V may be
/// narrower than it), with what each code needs to find them.
template <class Code>
struct decoder;

template <class Precision>
requires(Precision::bits < 8 && Precision::group == 0)  //
    struct decoder<weight_code<Precision, tag::dense>> {
    using code = weight_code<Precision, tag::dense>;

    /// The stored bits, moved so that they end below bit `End` of each byte.
    template <class V, int F, int End>
    static COMPRESS_INLINE typename V::row_bytes bits(const std::int8_t* chunk) {
        constexpr int width = code::bits == 3 ? 2 : code::bits, fields = 8 / width;
        constexpr int mask = ((1 << width) - 1) << (End - width);
        const auto upper =
            V::template bit_field<End - width*(F % fields + 1), mask>(V::load_code(chunk + F / fields * code_vector));
        if constexpr (code::bits == 3)
            return V::either(upper,
                             V::template bit_field<End - 3 - F, 1 << (End - 3)>(V::load_code(chunk + 2 * code_vector)));
        else
            return upper;
    }
    template <class V, int F>
    static COMPRESS_INLINE typename V::row_bytes part(const std::int8_t* chunk) {
        if constexpr (code::bits == 1)
            return V::one_or_minus_one(bits<V, F, 8>(chunk));
        else
            return bits<V, F, 8>(chunk);
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

template <integer_precision Precision, int Kept>
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
    /// Of each value of vector F the place among the inputs of its vector, from those of the unit.
    template <class V, int F>
    static COMPRESS_INLINE typename V::row_bytes inputs_of(typename V::row_bytes places) {
        constexpr std::uint32_t first = Kept == 2 ? 0x04040000u : 0x0c080400u;
        return V::either(V::template bit_field<-2 * F, 3>(places),
                         V::bytes_of(V::splat_int(static_cast<std::int32_t>(first))));
    }
    /// The words of step S of a unit: each value shifted to its place.
    template <class V, int S>
    static COMPRESS_INLINE typename V::i32 words(const typename V::i32 (&values)[4], typename V::i32 places) {
        const auto value = values[S / code::steps_per_vector];
        typename V::i32 word = V::zero();
        for_constants<Kept>([&]<int W>() COMPRESS_LAMBDA_INLINE {
            constexpr int byte = code::byte_of(S, W);
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
    using levels = typename code::levels;

    template <class V, int F>
    static COMPRESS_INLINE typename V::row_bytes part(typename V::row_bytes table, const std::int8_t* chunk) {
        return V::look_up(table, decoder<levels>::template bits<V, F, Bits>(chunk));
    }
    template <class V>
    static COMPRESS_INLINE void decode(const std::int8_t* block, int elements, std::int8_t* to) {
        constexpr int step = 4 * V::lanes;
        const auto table = V::load_table(block);
        block += code::table_bytes;
        for (int at = 0; at < elements; at += levels::chunk_elements, block += levels::chunk_bytes)
            for_constants<levels::chunk_vectors>([&]<int F>() COMPRESS_LAMBDA_INLINE {
                for (int j = 0; j < code_vector; j += step)
                    V::store_code(to + at + F * code_vector + j, part<V, F>(table, block + j));
            });
    }
};

template <int Percent>
struct decoder<weight_code<tag::int8, tag::unstructured<Percent>>> {
    using code = weight_code<tag::int8, tag::unstructured<Percent>>;

    /// The bytes from byte `first` of a vector on.
    template <class V>
    static COMPRESS_INLINE typename V::row_bytes part(const std::int8_t* block, int elements, int vector, int first) {
        constexpr int step = 4 * V::lanes;
        const std::uint64_t mask = code::mask_of(block, elements, vector);
        const std::int8_t* values = block + code::values_at(elements) + code::start_of(block, vector);
        if constexpr (step == code_vector)
            return V::expand_code(mask, values);
        else
            return V::expand_code(mask >> first & (~std::uint64_t{0} >> (64 - step)),
                                  values + std::popcount(mask & ((std::uint64_t{1} << first) - 1)));
    }
    template <class V>
    static COMPRESS_INLINE void decode(const std::int8_t* block, int elements, std::int8_t* to) {
        for (int vector = 0; vector < code::vectors(elements); ++vector, to += code_vector)
            for (int j = 0; j < code_vector; j += 4 * V::lanes)
                V::store_code(to + j, part<V>(block, elements, vector, j));
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
