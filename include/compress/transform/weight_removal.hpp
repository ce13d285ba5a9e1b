// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
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
    /// @param  cells    of a pattern, by term; empty: none
    /// @param  may_go   how many weights of each cell
    removal_order(const array<float>& inverse, std::span<const double> weights, std::size_t count,
                  std::span<const int> cells = {}, std::map<int, int> may_go = {})
        : size_(weights.size()),
          left_(inverse),
          weights_(weights.begin(), weights.end()),
          terms_(size_),
          line_(size_),
          cells_(cells),
          may_go_(std::move(may_go)) {
        std::iota(terms_.begin(), terms_.end(), std::size_t{0});
        while (removed.size() < count && remove_cheapest()) {
        }
    }

private:
    float* row(std::size_t i) { return left_.data() + i * line_.size(); }

    bool may_go(std::size_t i) const { return cells_.empty() || may_go_.find(cells_[terms_[i]])->second > 0; }
    bool remove_cheapest() {
        std::size_t cheapest = size_;
        double least = std::numeric_limits<double>::infinity();
        for (std::size_t i = 0; i < size_; ++i) {
            if (!may_go(i)) continue;
            const double cost = weights_[i] * weights_[i] / std::max(static_cast<double>(row(i)[i]), 1e-30);
            if (cost < least) least = cost, cheapest = i;
        }
        if (cheapest == size_) return false;
        removed.push_back(terms_[cheapest]);
        costs.push_back(least);
        if (!cells_.empty()) --may_go_[cells_[terms_[cheapest]]];
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
        return true;
    }

    std::size_t size_;
    array<float> left_;
    std::vector<double> weights_;
    std::vector<std::size_t> terms_;
    std::vector<float> line_;
    std::span<const int> cells_;
    std::map<int, int> may_go_;
};

inline std::size_t share_of(double ratio, std::size_t weights) {
    return static_cast<std::size_t>(std::llround(ratio * static_cast<double>(weights)));
}

/// A weight on its way to 0.
struct removal {
    double cost;  ///< its own or that of a dearer one before it, as a part of what its output gives, in squares
    std::size_t output, term, step;
};
/// The weights of a group of outputs in the order of their costs.
///
/// @param  c        moments of the inputs, damped
/// @param  wanted   the weights, [outputs, terms]
/// @param  order_of order_of(output, C^-1): which weights of it may go
template <class OrderOf>
std::vector<removal> removals_of(const matrix& c, const matrix& wanted, const OrderOf& order_of) {
    const std::size_t outputs = wanted.shape(0), terms = wanted.shape(1);
    const array<float> inverted = inverse(c);
    const matrix images = product(wanted, c);
    std::vector<removal> removals;
    for (std::size_t o = 0; o < outputs; ++o) {
        double energy = 1e-30, paid = 0;
        for (std::size_t k = 0; k < terms; ++k) energy += wanted(o, k) * images(o, k);
        const removal_order order = order_of(o, inverted);
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

/// The same where an output may lose more than `ratio` of its weights, but not all.
inline std::vector<removal> removals_of(const matrix& c, const matrix& wanted, double ratio) {
    const std::size_t terms = wanted.shape(1);
    const auto most = std::min(terms - 1, static_cast<std::size_t>(static_cast<double>(terms) * (1 + ratio) / 2));
    return removals_of(c, wanted, [&](std::size_t o, const array<float>& inverted) {
        return removal_order(inverted, {wanted.data() + o * terms, terms}, most);
    });
}

/// [outputs * terms], 0 for the first `gone` that are removed.
inline std::vector<char> kept_after(const std::vector<removal>& removals, std::size_t gone, const matrix& wanted) {
    std::vector<char> kept(wanted.size(), 1);
    for (std::size_t i = 0; i < std::min(gone, removals.size()); ++i)
        kept[removals[i].output * wanted.shape(1) + removals[i].term] = 0;
    return kept;
}

/// The weights that are nearest to the wanted ones in what they give, 0 where none is kept.
inline matrix fit_kept(const matrix& c, const matrix& wanted, const std::vector<char>& kept) {
    const std::size_t outputs = wanted.shape(0), terms = wanted.shape(1);
    const matrix images = product(wanted, c);
    matrix weights = make_array<double>({outputs, terms});
    for (std::size_t o = 0; o < outputs; ++o) {
        std::vector<std::size_t> at;
        for (std::size_t k = 0; k < terms; ++k)
            if (kept[o * terms + k]) at.push_back(k);
        matrix own = make_array<double>({at.size(), at.size()}), image = make_array<double>({at.size()});
        for (std::size_t i = 0; i < at.size(); ++i) {
            image(i) = images(o, at[i]);
            for (std::size_t j = 0; j < at.size(); ++j) own(i, j) = c(at[i], at[j]);
        }
        const matrix fitted = solve(own, image);
        for (std::size_t i = 0; i < at.size(); ++i) weights(o, at[i]) = fitted(i);
    }
    return weights;
}

}  // namespace detail

}  // namespace tensor_compress
