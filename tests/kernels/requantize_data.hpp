// SPDX-License-Identifier: MIT
#pragma once

#include <compress/core/fixed_point.hpp>

#include "../numbers.hpp"
#include "definition.hpp"

/// Sums and factors for the tests of requantisation.
namespace tests {

namespace tc = tensor_compress;

/// Sums and factors side by side, as many as fill whole vectors.
struct requantize_data {
    std::vector<std::int32_t> sums, multipliers;
    std::vector<std::int8_t> shifts;
    void add(std::int32_t sum, std::int32_t multiplier, int shift) {
        sums.push_back(sum);
        multipliers.push_back(multiplier);
        shifts.push_back(static_cast<std::int8_t>(shift));
    }
    tc::fixed_multiplier factor(std::size_t i) const { return {multipliers[i], shifts[i]}; }
};

/// The largest sum that may be multiplied by 2^(shift + 1).
inline int room(int shift) { return static_cast<int>((std::int64_t{1} << (30 - (shift > 0 ? shift : 0))) - 1); }

inline requantize_data make_random(int count) {
    numbers random(7);
    requantize_data data;
    for (int i = 0; i < count; ++i) {
        const int shift = random.between(-30, i % 4 == 0 ? 29 : 0);
        const int most = room(shift), small = random.between(1, 30);  // of all magnitudes
        const int sum = random.between(-most, most) >> (i % 2 == 0 ? 0 : small);
        data.add(sum, i % 64 == 0 ? 0 : random.between(1 << 30, 2147483647), shift);
    }
    return data;
}

/// Values halfway between two results and their neighbours, and the ends of all ranges.
inline requantize_data make_ties() {
    requantize_data data;
    for (int shift = -30; shift <= 29; ++shift)
        for (const std::int32_t multiplier : {1 << 30, (1 << 30) + 1, 1610612736, 2147483647})
            for (int k = -8; k < 8; ++k)
                for (int neighbour = -2; neighbour <= 2; ++neighbour) {
                    const std::int64_t half =
                        shift < 0 ? std::int64_t{1} << -shift : 1;  // times 1/2 is half a step of the result
                    const std::int64_t near_tie = (2 * k + 1) * half + neighbour;
                    const std::int64_t near_end = (k < 0 ? -1 : 1) * (room(shift) - (neighbour + 2) * 3 - (k & 7));
                    for (const std::int64_t sum : {near_tie, near_end})
                        if (std::abs(sum) <= room(shift)) data.add(static_cast<std::int32_t>(sum), multiplier, shift);
                }
    while (data.sums.size() % 64 != 0) data.add(0, 0, 0);
    return data;
}

/// Factors and sums as nets have them, with results all over the bytes; a few thousand of them near a half.
inline requantize_data make_ordinary(int count) {
    numbers random(11);
    requantize_data data;
    for (int i = 0; i < count; ++i) {
        const int shift = random.between(-14, -1);
        const std::int64_t most = std::int64_t{300} << -shift;
        data.add(random.between(-most, most), random.between(1 << 30, 2147483647), shift);
    }
    return data;
}

/// Results matter up to where every byte is saturated: a zero point of up to 128 in size, and 128 more.
constexpr std::int32_t visible(std::int32_t result) { return definition::limit(result, -256, 256); }

}  // namespace tests
