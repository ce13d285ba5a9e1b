// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <vector>

namespace bench {

/// Numbers without meaning but of the spread of real ones: times do not depend on them. The same for the same seed.
struct pseudo_bits {
    unsigned state;
    unsigned operator()() { return state = state * 1664525u + 1013904223u; }
};

/// In [-spread, spread).
inline std::vector<float> pseudo_numbers(std::size_t count, unsigned seed = 1, float spread = 1) {
    std::vector<float> numbers(count);
    pseudo_bits next{seed};
    for (float& v : numbers) v = (static_cast<float>(next() >> 8) / 8388608.0f - 1.0f) * spread;
    return numbers;
}

/// All 256 values of a byte, as signed or unsigned ones.
template <class Byte>
std::vector<Byte> pseudo_bytes(std::size_t count, unsigned seed = 7) {
    static_assert(sizeof(Byte) == 1);
    std::vector<Byte> bytes(count);
    pseudo_bits next{seed};
    for (Byte& v : bytes) v = static_cast<Byte>(next() >> 24);
    return bytes;
}

}  // namespace bench
