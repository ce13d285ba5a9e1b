// SPDX-License-Identifier: MIT
#pragma once

#include <bit>

#include <compress/storage/weight_code.hpp>

namespace tensor_compress {

/// Weights of a block that a mask counts: 16 bits say where the values of a vector begin.
inline constexpr int max_masked_weights = 65535;

constexpr int kept_anywhere(int elements, int percent) {
    return static_cast<int>((static_cast<long long>(elements) * (100 - percent) + 99) / 100);
}
constexpr bool mask_counts(int elements, int percent) { return kept_anywhere(elements, percent) <= max_masked_weights; }

/// int8 weights anywhere: a bit for each weight says whether it is stored. For each vector of 64 weights where its
/// values begin, uint16; its bits, uint64; then the values.
template <int Percent>
struct weight_code<tag::int8, tag::unstructured<Percent>> {
    static constexpr bool plain = false;
    static constexpr bool stores_zero = true;

    static constexpr bool masks = true;

    static constexpr int kept(int elements) { return kept_anywhere(elements, Percent); }
    static constexpr int vectors(int elements) { return elements / code_vector; }
    static constexpr int masks_at(int elements) { return round_up(vectors(elements) * 2, 8); }
    static constexpr int values_at(int elements) { return masks_at(elements) + vectors(elements) * 8; }
    /// A vector is read whole, so 64 bytes follow the last value.
    static constexpr int bytes(int elements) {
        return round_up(values_at(elements) + kept(elements) + code_vector, section_alignment);
    }
    static constexpr int decoded(int elements) { return elements; }

    static constexpr int start_of(const std::int8_t* block, int vector) {
        return load_bytes<std::uint16_t>(block + vector * 2);
    }
    static constexpr std::uint64_t mask_of(const std::int8_t* block, int elements, int vector) {
        return load_bytes<std::uint64_t>(block + masks_at(elements) + vector * 8);
    }

    /// @pre  no more weights than are kept are not zero
    static constexpr void encode(std::int8_t* block, const std::int8_t* weights, int elements) {
        int count = 0;
        for (int vector = 0; vector < vectors(elements); ++vector) {
            store_bytes(block + vector * 2, static_cast<std::uint16_t>(count));
            std::uint64_t mask = 0;
            for (int i = 0; i < code_vector; ++i) {
                const std::int8_t weight = weights[vector * code_vector + i];
                if (weight == 0 || count == kept(elements)) continue;
                mask |= std::uint64_t{1} << i;
                block[values_at(elements) + count++] = weight;
            }
            store_bytes(block + masks_at(elements) + vector * 8, mask);
        }
    }
    static constexpr std::int8_t at(const std::int8_t* block, int elements, int i) {
        const std::uint64_t mask = mask_of(block, elements, i / code_vector);
        const int bit = i % code_vector;
        if ((mask >> bit & 1) == 0) return 0;
        const int before = std::popcount(mask & ((std::uint64_t{1} << bit) - 1));
        return block[values_at(elements) + start_of(block, i / code_vector) + before];
    }
};

/// Whether a mask counts the weights that a panel of the layer keeps; true of codes without one.
template <class Code, conv_geometry G>
constexpr bool mask_fits() {
    if constexpr (requires { Code::masks; })
        return Code::kept(panel_elements_of(G, 4)) <= max_masked_weights;
    else
        return true;
}

}  // namespace tensor_compress
