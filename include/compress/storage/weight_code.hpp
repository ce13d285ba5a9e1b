// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include <compress/core/bytes.hpp>
#include <compress/core/precision.hpp>
#include <compress/storage/panels.hpp>

namespace tensor_compress {

/// How a block of int8 weights, a panel or a depthwise layer, is stored in fewer bytes. Blocks are whole vectors of 64
/// weights, [steps][16 outputs][4]; kernels multiply what `decode` gives back, or what is stored
/// (picking_code, indexed_code).
///
///     bytes(elements)               of a block
///     decoded(elements)             bytes that decoding it writes
///     set(block, elements, i, w)    stores weight i in a zeroed block; w is one that the code can express
///     at(block, elements, i)        weight i
///     stores_zero                   padding reads as 0
///
/// A code whose blocks are put together from all their weights at once has `encode(block, weights, elements)` instead
/// of `set`.
template <class Precision, class Sparsity>
struct weight_code;

inline constexpr int code_vector = panel_outputs * 4;

template <>
struct weight_code<tag::int8, tag::dense> {
    static constexpr bool plain = true;
    static constexpr bool stores_zero = true;
    static constexpr int bytes(int elements) { return elements; }
    static constexpr void set(std::int8_t* block, int, int i, std::int8_t weight) { block[i] = weight; }
    static constexpr std::int8_t at(const std::int8_t* block, int, int i) { return block[i]; }
};
using plain_code = weight_code<tag::int8, tag::dense>;

/// Floats as they are.
template <>
struct weight_code<tag::fp32, tag::dense> {
    static constexpr bool plain = true;
    static constexpr int bytes(int elements) { return 4 * elements; }
    static constexpr void set(std::int8_t* block, int, int i, float weight) { store_bytes(block + 4 * i, weight); }
    static constexpr float at(const std::int8_t* block, int, int i) { return load_bytes<float>(block + 4 * i); }
};
using float_code = weight_code<tag::fp32, tag::dense>;

/// Weights of 1, 2, 3 or 4 bits. A chunk is 8 / Bits vectors of weights in one of bytes: field f of a byte, from its
/// lowest bits up, belongs to vector f, so that one shift and one mask bring out a vector. 3 bits are the upper two and
/// the lowest one apart, 8 vectors in 2 + 1. The bits are the top ones of the int8 weight; the single one is its sign.
template <class Precision>
requires(Precision::bits < 8 && Precision::group == 0) struct weight_code<Precision, tag::dense> {
    using levels = weight_code;  ///< the code of single levels
    static constexpr int bits = Precision::bits;
    static constexpr int group = 0;  ///< neighbouring inputs that share a step; 0: none is stored
    static constexpr int unit = 1;   ///< of levels, where groups scale them
    static constexpr bool plain = false;
    static constexpr bool stores_zero = bits > 1;
    static constexpr int chunk_vectors = bits == 3 ? 8 : 8 / bits;
    static constexpr int chunk_bytes = code_vector * bits * chunk_vectors / 8;
    static constexpr int chunk_elements = chunk_vectors * code_vector;

    static constexpr int bytes(int elements) { return ceil_div(elements, chunk_elements) * chunk_bytes; }
    static constexpr int decoded(int elements) { return round_up(elements, chunk_elements); }

    /// Bits of a field and which byte of the block and bit of it they begin at, for the vector's upper and last bits.
    struct place {
        int byte, shift;
    };
    static constexpr place upper_place(int i) {
        constexpr int width = bits == 3 ? 2 : bits, fields = 8 / width;
        const int vector = i / code_vector, field = vector % chunk_vectors;
        return {vector / chunk_vectors * chunk_bytes + field / fields * code_vector + i % code_vector,
                field % fields * width};
    }
    static constexpr place last_place(int i) {
        const int vector = i / code_vector;
        return {vector / chunk_vectors * chunk_bytes + 2 * code_vector + i % code_vector, vector % chunk_vectors};
    }

    static constexpr void set(std::int8_t* block, int, int i, std::int8_t weight) {
        const auto byte = static_cast<std::uint8_t>(weight);
        const auto add = [block](place p, int field) {
            block[p.byte] = static_cast<std::int8_t>(static_cast<std::uint8_t>(block[p.byte]) | (field << p.shift));
        };
        add(upper_place(i), byte >> (bits == 3 ? 6 : 8 - bits));
        if constexpr (bits == 3) add(last_place(i), (byte >> 5) & 1);
    }
    static constexpr std::int8_t at(const std::int8_t* block, int, int i) {
        const auto field = [block](place p, int width) {
            return (static_cast<std::uint8_t>(block[p.byte]) >> p.shift) & ((1 << width) - 1);
        };
        if constexpr (bits == 1) return field(upper_place(i), 1) != 0 ? std::int8_t{-1} : std::int8_t{1};
        const int top = bits == 3 ? field(upper_place(i), 2) << 6 | field(last_place(i), 1) << 5
                                  : field(upper_place(i), bits) << (8 - bits);
        return static_cast<std::int8_t>(static_cast<std::uint8_t>(top));
    }
};

/// Levels as above, then one step a group of inputs and output, [group][16 outputs] bytes: weight = level * step.
/// Weights lie [inputs / Interleave][16 outputs][Interleave].
template <class Precision, int Size, int Interleave>
struct grouped_code {
    using levels = weight_code<Precision, tag::dense>;
    static constexpr bool plain = false;
    static constexpr bool stores_zero = true;
    static constexpr int group = Size;
    static constexpr int unit = Precision::grid.unit;
    static constexpr int group_elements = Size * panel_outputs;

    static constexpr int decoded(int elements) { return levels::decoded(elements); }
    static constexpr int steps_at(int elements) { return levels::bytes(elements); }
    static constexpr int bytes(int elements) {
        return round_up(steps_at(elements) + elements / group_elements * panel_outputs, code_vector);
    }
    static constexpr int step_index(int i) {
        return i / group_elements * panel_outputs + i % (Interleave * panel_outputs) / Interleave;
    }

    /// The largest step that divides all weights of group `index` to levels.
    static constexpr int step_of(const std::int8_t* weights, int index, int output) {
        for (int step = unit; step > 1; --step) {
            bool fits = true;
            for (int k = 0; k < Size && fits; ++k) {
                const int w = weights[index * group_elements + k / Interleave * Interleave * panel_outputs +
                                      output * Interleave + k % Interleave];
                fits = w % step == 0 && w / step >= Precision::grid.lowest && w / step <= Precision::grid.highest;
            }
            if (fits) return step;
        }
        return 1;
    }
    static constexpr void encode(std::int8_t* block, const std::int8_t* weights, int elements) {
        for (int i = 0; i < elements / group_elements; ++i)
            for (int output = 0; output < panel_outputs; ++output)
                block[steps_at(elements) + i * panel_outputs + output] =
                    static_cast<std::int8_t>(step_of(weights, i, output));
        for (int i = 0; i < elements; ++i)
            levels::set(block, elements, i,
                        static_cast<std::int8_t>(weights[i] / block[steps_at(elements) + step_index(i)] * unit));
    }
    static constexpr std::int8_t at(const std::int8_t* block, int elements, int i) {
        return static_cast<std::int8_t>(levels::at(block, elements, i) / unit *
                                        block[steps_at(elements) + step_index(i)]);
    }
};

template <class Precision, int Size>
struct weight_code<tag::grouped<Precision, Size>, tag::dense> : grouped_code<Precision, Size, 4> {};

}  // namespace tensor_compress
