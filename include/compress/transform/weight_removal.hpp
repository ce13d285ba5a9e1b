// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>
#include <tuple>
#include <vector>

#include <compress/simd/one_lane.hpp>
#include <compress/tensor/linear_algebra.hpp>

namespace tensor_compress {

namespace detail {

/// In which order the weights of one output become 0, each at the least cost: to set weight k to 0 while the others
/// make up for it costs w[k]^2 / (C^-1)[k, k], C being the moments of the inputs of weights that are left. Source:
/// Hassibi and Stork 1992, Second order derivatives for network pruning: Optimal Brain Surgeon; for one layer as in
/// Frantar and Alistarh 2022, Optimal Brain Compression, Algorithm 1.
class removal_order {
public:
    std::vector<std::size_t> removed;
    std::vector<double> costs;

    /// @param  inverse  C^-1, [terms, terms]; only an order is decided by it, so floats do
    removal_order(const array<float>& inverse, std::span<const double> weights, std::size_t count)
        : size_(weights.size()),
          left_(inverse),
          weights_(weights.begin(), weights.end()),
          terms_(size_),
          line_(size_) {
        std::iota(terms_.begin(), terms_.end(), std::size_t{0});
        while (removed.size() < count) remove_cheapest();
    }

private:
    float* row(std::size_t i) { return left_.data() + i * line_.size(); }

    void remove_cheapest() {
        std::size_t cheapest = 0;
        double least = std::numeric_limits<double>::infinity();
        for (std::size_t i = 0; i < size_; ++i) {
            const double cost = weights_[i] * weights_[i] / std::max(static_cast<double>(row(i)[i]), 1e-30);
            if (cost < least) least = cost, cheapest = i;
        }
        removed.push_back(terms_[cheapest]);
        costs.push_back(least);
        std::copy_n(row(cheapest), size_, line_.begin());
        const float own = line_[cheapest];
        const double by = weights_[cheapest] / static_cast<double>(own);
        for (std::size_t i = 0; i < size_; ++i) {
            weights_[i] -= by * static_cast<double>(line_[i]);
            const float factor = -line_[i] / own;
            float* to = row(i);
            simd::for_each_vector<native>(0, static_cast<int>(size_), [&]<class V>(int j) COMPRESS_LAMBDA_INLINE {
                V::store(to + j, V::madd(V::load(line_.data() + j), V::splat(factor), V::load(to + j)));
            });
        }
        --size_;  // the last one takes the place of the one that went
        terms_[cheapest] = terms_[size_];
        weights_[cheapest] = weights_[size_];
        std::copy_n(row(size_), size_ + 1, row(cheapest));
        for (std::size_t i = 0; i < size_; ++i) row(i)[cheapest] = row(i)[size_];
        row(cheapest)[cheapest] = row(size_)[size_];
    }

    std::size_t size_;
    array<float> left_;
    std::vector<double> weights_;
    std::vector<std::size_t> terms_;
    std::vector<float> line_;
};

inline std::size_t share_of(double ratio, std::size_t weights) {
    return static_cast<std::size_t>(std::llround(ratio * static_cast<double>(weights)));
}

/// A weight on its way to 0.
struct removal {
    double cost;  ///< of it and those before it, as a part of what its output gives: squares over the records
    std::size_t output, term, step;
};
/// The weights of a group of outputs in the order of their costs. An output may lose more than `ratio` of them, but not
/// all.
///
/// @param  c       moments of the inputs, damped
/// @param  wanted  the weights, [outputs, terms]
inline std::vector<removal> removals_of(const matrix& c, const matrix& wanted, double ratio) {
    const std::size_t outputs = wanted.shape(0), terms = wanted.shape(1);
    const array<float> inverted = inverse(c);
    const matrix images = product(wanted, c);
    const auto most = std::min(terms - 1, static_cast<std::size_t>(static_cast<double>(terms) * (1 + ratio) / 2));
    std::vector<removal> removals;
    for (std::size_t o = 0; o < outputs; ++o) {
        double energy = 1e-30, paid = 0;
        for (std::size_t k = 0; k < terms; ++k) energy += wanted(o, k) * images(o, k);
        const removal_order order(inverted, {wanted.data() + o * terms, terms}, most);
        for (std::size_t i = 0; i < order.removed.size(); ++i) {
            paid = std::max(paid, order.costs[i] / energy);  // what goes first is not dearer than what goes after it
            removals.push_back({paid, o, order.removed[i], i});
        }
    }
    // Not std::stable_sort: with an older libstdc++ clang warns of what is deprecated inside it.
    std::sort(removals.begin(), removals.end(), [](const removal& a, const removal& b) {
        return std::tie(a.cost, a.output, a.step) < std::tie(b.cost, b.output, b.step);
    });
    return removals;
}

/// The weights of a group of outputs after `ratio` of them became 0, those that cost least of all the group's.
struct pruned_group {
    matrix weights;          ///< [outputs, terms]
    std::vector<char> kept;  ///< [outputs * terms]
};
inline pruned_group prune_group(const matrix& c, const matrix& wanted, const std::vector<removal>& removals,
                                double ratio) {
    const std::size_t outputs = wanted.shape(0), terms = wanted.shape(1);
    const matrix images = product(wanted, c);
    const std::size_t gone = share_of(ratio, outputs * terms);
    pruned_group result{make_array<double>({outputs, terms}), std::vector<char>(outputs * terms, 1)};
    for (std::size_t i = 0; i < std::min(gone, removals.size()); ++i)
        result.kept[removals[i].output * terms + removals[i].term] = 0;
    for (std::size_t o = 0; o < outputs; ++o) {
        std::vector<std::size_t> at;
        for (std::size_t k = 0; k < terms; ++k)
            if (result.kept[o * terms + k]) at.push_back(k);
        matrix own = make_array<double>({at.size(), at.size()}), image = make_array<double>({at.size()});
        for (std::size_t i = 0; i < at.size(); ++i) {
            image(i) = images(o, at[i]);
            for (std::size_t j = 0; j < at.size(); ++j) own(i, j) = c(at[i], at[j]);
        }
        const matrix fitted = solve(own, image);
        for (std::size_t i = 0; i < at.size(); ++i) result.weights(o, at[i]) = fitted(i);
    }
    return result;
}

}  // namespace detail

}  // namespace tensor_compress
