// SPDX-License-Identifier: MIT
#pragma once

#include <bit>
#include <type_traits>

#include <compress/core/bytes.hpp>
#include <compress/storage/weight_code.hpp>

namespace tensor_compress {

/// Words of a block's terms that one output may sum: vectors of them are gathered in a buffer of the stack.
inline constexpr int max_block_terms = 4096;

/// Whether there are kernels for such blocks: whole words, and vectors of 16 bytes but for single weights.
///
/// @param  word  terms that a lane multiplies at once
constexpr bool has_block_kernel(int rows, int columns, int word) {
    const bool along_inputs = columns * (4 / word) >= 16;
    return columns % word == 0 && std::has_single_bit(static_cast<unsigned>(columns)) &&
           (along_inputs || rows >= 4 || (rows * columns == 1 && word == 1));
}

/// Weights of which only blocks of `rows` outputs x `columns` neighbouring terms are stored. A term counts through
/// [kernel row][kernel column][channel of the group]; a word is what one lane multiplies at once, a float or four int8.
///
/// A panel of 16 outputs, every section with room for the blocks that the pattern keeps:
///
///     ends     uint16 [16 / rows]    where the blocks of a group of `rows` outputs end, counted from the panel's first
///     places   uint16 [kept]         which `columns` terms a block is of, rising within a group
///     values   [kept][rows][columns], or [kept][columns / word][rows][word] where a row is less than 16 bytes:
///              vectors of one pixel lie along inputs or along outputs
template <class Value, block_sparsity Pattern>
struct block_code {
    using value = Value;
    static constexpr bool plain = false, indexed = true;
    static constexpr int rows = Pattern::rows, columns = Pattern::columns;
    static constexpr int word = 4 / static_cast<int>(sizeof(Value));
    static constexpr int groups = panel_outputs / rows;
    static constexpr int width = rows * columns;
    static constexpr int words = columns / word;  ///< of one row of a block
    static constexpr bool along_inputs = columns * static_cast<int>(sizeof(Value)) >= 16;

    static constexpr int kept(int elements) {
        return ceil_div(elements / panel_outputs / columns * groups * (100 - Pattern::percent), 100);
    }
    /// Weights that are multiplied, of a panel.
    static constexpr int multiplied(int elements) { return kept(elements) * width; }
    static constexpr int places_at = groups * 2;
    /// A vector that reads the last places and values reads up to 16 more.
    static constexpr int values_at(int elements) {
        return round_up(places_at + 2 * (kept(elements) + panel_outputs), section_alignment);
    }
    static constexpr int bytes(int elements) {
        return round_up(values_at(elements) + kept(elements) * width * static_cast<int>(sizeof(Value)),
                        section_alignment);
    }

    static constexpr int end_of(const std::int8_t* panel, int group) {
        return group < 0 ? 0 : load_bytes<std::uint16_t>(panel + 2 * group);
    }
    static constexpr int place_of(const std::int8_t* panel, int block) {
        return load_bytes<std::uint16_t>(panel + places_at + 2 * block);
    }
    static constexpr int value_index(int row, int column) {
        return along_inputs ? row * columns + column : (column / word * rows + row) * word + column % word;
    }
    /// Where a weight lies in a panel of all of them, [terms / word][16 outputs][word].
    static constexpr int plain_index(int output, int term) {
        return (term / word * panel_outputs + output) * word + term % word;
    }

    /// @pre  no more blocks than are kept have a weight that is not zero
    static constexpr void encode(std::int8_t* panel, const Value* weights, int elements) {
        const int terms = elements / panel_outputs;
        int count = 0;
        for (int group = 0; group < groups; ++group) {
            for (int place = 0; place < terms / columns && count < kept(elements); ++place) {
                bool is_zero = true;
                for (int i = 0; i < width; ++i)
                    is_zero &= weights[plain_index(group * rows + i / columns, place * columns + i % columns)] == 0;
                if (is_zero) continue;
                store_bytes(panel + places_at + 2 * count, static_cast<std::uint16_t>(place));
                std::int8_t* values = panel + values_at(elements) + count * width * static_cast<int>(sizeof(Value));
                for (int i = 0; i < width; ++i)
                    store_bytes(values + value_index(i / columns, i % columns) * static_cast<int>(sizeof(Value)),
                                weights[plain_index(group * rows + i / columns, place * columns + i % columns)]);
                ++count;
            }
            store_bytes(panel + 2 * group, static_cast<std::uint16_t>(count));
        }
    }
    /// Weight [row, column] of a block.
    static constexpr Value value_of(const std::int8_t* panel, int elements, int block, int row, int column) {
        return load_bytes<Value>(panel + values_at(elements) +
                                 (block * width + value_index(row, column)) * static_cast<int>(sizeof(Value)));
    }
};

template <block_sparsity Pattern>
struct weight_code<tag::fp32, Pattern> : block_code<float, Pattern> {};
template <block_sparsity Pattern>
struct weight_code<tag::int8, Pattern> : block_code<std::int8_t, Pattern> {};

/// Weights with an index a block, which kernels multiply as they lie there.
template <class Code>
concept indexed_code = requires {
    requires Code::indexed;
};

/// Whether blocks divide a layer; true of codes without blocks.
template <class Code>
constexpr bool blocks_fit(const conv_geometry& g) {
    if constexpr (indexed_code<Code>)
        return g.group_inputs() % Code::columns == 0 && g.group_outputs() % Code::rows == 0;
    else
        return true;
}

}  // namespace tensor_compress
