// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cmath>

#include <compress/calibrate/histogram.hpp>
#include <compress/core/quantization.hpp>

namespace tensor_compress {

namespace detail {

/// Counts of the bins of a histogram. That of 0 has no more than the larger of its neighbours: the zeros after a relu
/// are exact in every range, and would drown what the others tell.
class value_counts {
public:
    explicit value_counts(const value_histogram& h) {
        constexpr int zero = value_histogram::bins / 2;
        for (int bin = 0; bin < value_histogram::bins; ++bin) at(bin) = static_cast<double>(h[bin]);
        at(zero) = std::min(at(zero), std::max(at(zero - 1), at(zero + 1)));
    }
    double operator[](int bin) const { return counts_[static_cast<std::size_t>(bin)]; }
    double sum(int begin, int end) const {
        double all = 0;
        for (int bin = begin; bin < end; ++bin) all += (*this)[bin];
        return all;
    }

private:
    double& at(int bin) { return counts_[static_cast<std::size_t>(bin)]; }

    std::array<double, value_histogram::bins> counts_{};
};

/// The Kullback-Leibler divergence sum P log(P / Q) of the bins [begin, end), P being the counts with what lies outside
/// added to the outermost of them that hold any, and Q the counts inside after they became levels of int8: each level's
/// counts spread evenly over those of its bins that hold any.
inline double entropy_loss(const value_counts& counts, const value_histogram& h, affine a, int begin, int end) {
    const double below = counts.sum(0, begin), above = counts.sum(end, value_histogram::bins);
    while (begin < end && counts[begin] == 0) ++begin;
    while (begin < end && counts[end - 1] == 0) --end;
    if (begin == end) return below + above > 0 ? std::numeric_limits<double>::infinity() : 0;
    std::array<double, 256> level_counts{}, level_bins{};
    const auto level = [&](int bin) { return static_cast<std::size_t>(quantize(h.centre(bin), a) + 128); };
    for (int bin = begin; bin < end; ++bin) {
        level_counts[level(bin)] += counts[bin];
        level_bins[level(bin)] += counts[bin] > 0 ? 1 : 0;
    }
    const double inside = counts.sum(begin, end), all = inside + below + above;
    double loss = 0;
    for (int bin = begin; bin < end; ++bin) {
        const double p = counts[bin] + (bin == begin ? below : 0) + (bin == end - 1 ? above : 0);
        const double q = level_counts[level(bin)] / level_bins[level(bin)];
        if (p > 0) loss += p / all * std::log(p / all / (q / inside));
    }
    return loss;
}

}  // namespace detail

/// The t for which the histogram's values, clipped to [-t, t] and rounded to int8, diverge least from what they were.
/// Of bins there have to be as many as levels, so t is at least 1/16 of what the histogram spans.
/// Source: Migacz 2017, 8-bit Inference with TensorRT; here with the 256 levels of the range that `range_of` makes of
/// t, which for values of one sign all lie on one side.
///
/// @param  range_of  range_of(t) gives the affine parameters of a threshold
template <class RangeOf>
float least_entropy_threshold(const value_histogram& h, const RangeOf& range_of) {
    constexpr int middle = value_histogram::bins / 2, fewest = 128, step = 4;
    const detail::value_counts counts(h);
    float best = std::max(-h.low(), h.high());
    double least = detail::entropy_loss(counts, h, range_of(best), 0, value_histogram::bins);
    for (int kept = fewest; kept < middle; kept += step) {
        const float threshold = static_cast<float>(kept) * h.width();
        if (threshold >= std::max(-h.low(), h.high())) break;
        const double loss = detail::entropy_loss(counts, h, range_of(threshold), middle - kept, middle + kept);
        if (loss < least) least = loss, best = threshold;
    }
    return best;
}

}  // namespace tensor_compress
