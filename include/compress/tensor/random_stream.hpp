// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <utility>

namespace tensor_compress {

/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014), many streams of one
/// seed: each record, layer or epoch has its own, so what is drawn does not depend on the order of work. The
/// distributions are written out because those of <random> differ between standard libraries.
class random_stream {
public:
    constexpr random_stream(std::uint64_t seed, std::uint64_t stream) : state_(mix(mix(seed + step) + stream)) {}

    constexpr std::uint64_t next() { return mix(state_ += step); }
    /// 0 to bound - 1.
    constexpr int below(int bound) {
        return static_cast<int>((next() >> 32) * static_cast<std::uint64_t>(bound) >> 32);
    }
    constexpr double uniform(double low, double high) {
        return low + (high - low) * (static_cast<double>(next() >> 11) * 0x1p-53);
    }

    /// Mean 0, the given standard deviation, never beyond three of them: the sum of three uniforms in [-1, 1), each of
    /// variance 1/3.
    constexpr double bell(double deviation) {
        double sum = 0;
        for (int term = 0; term < 3; ++term) sum += uniform(-1, 1);
        return deviation * sum;
    }

    /// Every order is as likely. Source: Durstenfeld 1964, Algorithm 235.
    template <class Range>
    constexpr void shuffle(Range& values) {
        for (auto left = values.size(); left > 1; --left)
            std::swap(values[left - 1], values[static_cast<decltype(left)>(below(static_cast<int>(left)))]);
    }

private:
    static constexpr std::uint64_t step = 0x9e3779b97f4a7c15u;

    static constexpr std::uint64_t mix(std::uint64_t bits) {
        bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9u;
        bits = (bits ^ bits >> 27) * 0x94d049bb133111ebu;
        return bits ^ bits >> 31;
    }

    std::uint64_t state_;
};

}  // namespace tensor_compress
