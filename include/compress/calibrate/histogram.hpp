// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>

namespace tensor_compress {

/// Values seen so far, in fixed memory: exact extremes, and counts in equal bins over [-reach, reach). A value outside
/// doubles the reach as often as needed, which joins pairs of bins.
class value_histogram {
public:
    static constexpr int bins = 4096;

    void add(std::span<const float> values) {
        for (float v : values) add(v);
    }
    void add(float v) {
        low_ = std::min(low_, v);
        high_ = std::max(high_, v);
        const float size = std::abs(v);
        if (!(size <=
              std::numeric_limits<float>::max() / 4)) {  // infinite or not a number: seen in the extremes, in no bin
            low_ = -std::numeric_limits<float>::infinity();
            ++count_;
            return;
        }
        sizes_ += static_cast<double>(size);
        if (count_ == 0 || reach_ == 0) reach_ = size > 0 ? std::exp2(std::ceil(std::log2(size) + 1e-6f)) : 0;
        ++count_;
        if (reach_ == 0) {
            ++counts_[bins / 2];
            return;
        }
        while (size >= reach_) widen();
        ++counts_[static_cast<std::size_t>(
            std::clamp(static_cast<int>((v / reach_ + 1.0f) * (bins / 2)), 0, bins - 1))];
    }

    std::uint64_t count() const { return count_; }
    float low() const { return count_ == 0 ? 0 : low_; }
    float high() const { return count_ == 0 ? 0 : high_; }
    /// Mean of |v|.
    float mean_size() const { return count_ == 0 ? 0 : static_cast<float>(sizes_ / static_cast<double>(count_)); }
    float width() const { return reach_ * 2 / bins; }
    float centre(int bin) const { return (static_cast<float>(bin) + 0.5f) * width() - reach_; }
    std::uint64_t operator[](int bin) const { return counts_[static_cast<std::size_t>(bin)]; }

    /// The value below which `fraction` of all values lie, to the width of a bin, within [low, high].
    float quantile(double fraction) const {
        const double wanted = fraction * static_cast<double>(count_);
        double seen = 0;
        for (int bin = 0; bin < bins; ++bin) {
            const auto here = static_cast<double>((*this)[bin]);
            if (here > 0 && seen + here >= wanted) {
                const double part = std::clamp((wanted - seen) / here, 0.0, 1.0);
                return std::clamp(centre(bin) + static_cast<float>(part - 0.5) * width(), low(), high());
            }
            seen += here;
        }
        return high();
    }

private:
    void widen() {
        std::array<std::uint64_t, bins> wider{};
        for (int bin = 0; bin < bins; ++bin) wider[static_cast<std::size_t>(bins / 4 + bin / 2)] += (*this)[bin];
        counts_ = wider;
        reach_ *= 2;
    }

    std::array<std::uint64_t, bins> counts_{};
    std::uint64_t count_ = 0;
    double sizes_ = 0;
    float low_ = std::numeric_limits<float>::infinity();
    float high_ = -std::numeric_limits<float>::infinity();
    float reach_ = 0;
};

}  // namespace tensor_compress
