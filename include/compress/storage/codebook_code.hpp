// SPDX-License-Identifier: MIT
#pragma once

#include <type_traits>

#include <compress/storage/weight_code.hpp>

namespace tensor_compress {

/// A table of 16 int8, then for each weight its index in the table, in 4, 3 or 2 bits as the dense code of so many bits
/// stores them.
template <int Bits>
struct weight_code<tag::int8, tag::codebook<Bits>> {
    using levels =
        weight_code<std::conditional_t<Bits == 4, tag::int4, std::conditional_t<Bits == 3, tag::int3, tag::int2>>,
                    tag::dense>;
    static constexpr bool plain = false;
    static constexpr bool stores_zero = false;
    static constexpr int bits = Bits;
    static constexpr int entries = 1 << Bits;
    static constexpr int table_bytes = 16;

    static constexpr int bytes(int elements) { return table_bytes + levels::bytes(elements); }
    static constexpr int decoded(int elements) { return levels::decoded(elements); }

    /// @pre  the weights that are read have at most `entries` values; 0 is no entry where it would be one too many, as
    ///       it then is padding
    static constexpr void encode(std::int8_t* block, const std::int8_t* weights, int elements) {
        int count = 0;
        const auto index_of = [&](std::int8_t weight) {
            int i = 0;
            while (i < count && block[i] != weight) ++i;
            return i;
        };
        for (const bool zeros : {false, true})
            for (int i = 0; i < elements && count < entries; ++i)
                if ((weights[i] == 0) == zeros && index_of(weights[i]) == count) block[count++] = weights[i];
        for (int i = 0; i < elements; ++i)
            levels::set(block + table_bytes, elements, i,
                        static_cast<std::int8_t>(index_of(weights[i]) % entries << (8 - Bits)));
    }
    static constexpr std::int8_t at(const std::int8_t* block, int elements, int i) {
        const auto index = static_cast<std::uint8_t>(levels::at(block + table_bytes, elements, i));
        return block[index >> (8 - Bits)];
    }
};

}  // namespace tensor_compress
