// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace tests {

/// Pseudo-random numbers (splitmix64), the same on every machine and with every library.
class numbers {
public:
    explicit numbers(std::uint64_t seed) : state_(seed) {}

    std::uint64_t next() {
        std::uint64_t z = state_ += 0x9e3779b97f4a7c15u;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        return z ^ (z >> 31);
    }
    /// Uniform in [low, high].
    int between(std::int64_t low, std::int64_t high) {
        const auto range = static_cast<std::uint64_t>(high - low + 1);
        return static_cast<int>(low + static_cast<std::int64_t>((next() >> 16) % range));
    }
    /// One in four is an end of the range.
    std::int8_t byte() {
        const std::uint64_t choice = next() % 8;
        return static_cast<std::int8_t>(choice == 0 ? -128 : choice == 1 ? 127 : between(-128, 127));
    }
    /// Uniform in [-1, 1).
    float real() { return static_cast<float>(static_cast<std::int64_t>(next() >> 40) - (1 << 23)) / (1 << 23); }
    /// About normal, of mean 0 and variance 1.
    float bell() {
        float sum = 0;
        for (int i = 0; i < 12; ++i) sum += real();
        return sum / 2;
    }

private:
    std::uint64_t state_;
};

}  // namespace tests
