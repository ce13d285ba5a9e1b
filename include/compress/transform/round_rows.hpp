// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <numeric>

#include <compress/tensor/linear_algebra.hpp>
#include <compress/transform/round_weights.hpp>

namespace tensor_compress {

/// The levels of a grid.
struct grid_levels {
    weight_grid grid;

    int nearest(double w, double step) const { return detail::nearest_level(w, step, grid); }
    /// The level after one, or before it where `by` is -1; itself at the ends.
    int next(int level, int by) const {
        const int moved = level + (grid.has_zero ? by : 2 * by);
        return moved < grid.lowest || moved > grid.highest ? level : moved;
    }
};

/// The levels of a table.
struct table_levels {
    std::span<const int> values;  ///< growing

    int nearest(double w, double step) const {
        return *std::min_element(values.begin(), values.end(),
                                 [&](int a, int b) { return std::abs(w - step * a) < std::abs(w - step * b); });
    }
    int next(int level, int by) const {
        const auto at = std::find(values.begin(), values.end(), level) + by;
        return at < values.begin() || at >= values.end() ? level : *at;
    }
};

/// Rounds rows of weights to levels so that not the weights but what they give on calibration records stays as it was:
/// minimises (w - v)^T C (w - v) over v[k] = scale * multiple[k] * level[k], C being the second moments of the inputs.
class row_rounder {
public:
    /// @param  moments  [terms, terms], see group_moments::inputs
    /// @param  damping  part of the mean of its diagonal that is added to it, so that it has an inverse
    row_rounder(const matrix& moments, double damping)
        : terms_(moments.shape(0)),
          moments_(damped(moments, damping)),
          order_(terms_) {
        std::iota(order_.begin(), order_.end(), std::size_t{0});
        // Not std::stable_sort: with an older libstdc++ clang warns of what is deprecated inside it.
        std::sort(order_.begin(), order_.end(), [&](std::size_t i, std::size_t j) {
            return moments(i, i) != moments(j, j) ? moments(i, i) > moments(j, j) : i < j;
        });
        matrix ordered = make_array<double>({terms_, terms_});
        for (std::size_t i = 0; i < terms_; ++i)
            for (std::size_t j = 0; j < terms_; ++j) ordered(i, j) = moments_(order_[i], order_[j]);
        root_ = root_of_inverse(ordered);
    }

    struct rounded_row {
        std::vector<int> levels;
        double scale = 1, error = 0;
    };

    /// The best of several scales around the one that rounds the weights alone best; each with the levels of GPTQ. The
    /// best one's levels are made better one at a time, then the scale that fits them is taken.
    ///
    /// @param  levels  grid_levels or table_levels
    /// @param  kept    [terms], 0 where the weight has to be 0; empty: nowhere
    template <class Levels>
    rounded_row round(std::span<const double> weights, const Levels& levels, const row_steps& steps,
                      std::span<const char> kept = {}) const {
        rounded_row best;
        best.error = std::numeric_limits<double>::infinity();
        for (int percent = 70; percent <= 130; percent += 5) {
            rounded_row row{std::vector<int>(terms_), steps.scale * percent / 100};
            round_in_order(weights, levels, steps.multiples, kept, row);
            if (row.error < best.error) best = row;
        }
        for (int round = 0; round < 4; ++round) {
            rounded_row row = best;
            refine(weights, levels, steps.multiples, kept, row);
            if (!(row.error < best.error * (1 - 1e-6))) break;
            best = row;
        }
        return best;
    }

private:
    const double* row_of(const matrix& m, std::size_t i) const { return m.data() + i * terms_; }
    static bool keeps(std::span<const char> kept, std::size_t k) { return kept.empty() || kept[k] != 0; }

    /// Weights are rounded in the order of their inputs' size; each error is made up for by the weights that are still
    /// to be rounded. Source: Frantar et al. 2022, GPTQ: Accurate Post-Training Quantization, Algorithm 1.
    template <class Levels>
    void round_in_order(std::span<const double> weights, const Levels& levels, const std::vector<int>& multiples,
                        std::span<const char> kept, rounded_row& row) const {
        std::vector<double> left(terms_);
        for (std::size_t i = 0; i < terms_; ++i) left[i] = weights[order_[i]];
        for (std::size_t i = 0; i < terms_; ++i) {
            const std::size_t k = order_[i];
            const double step = row.scale * multiples[k];
            row.levels[k] = keeps(kept, k) ? levels.nearest(left[i], step) : 0;
            const double* u = row_of(root_, i);
            const double error = (left[i] - row.levels[k] * step) / u[i];
            for (std::size_t j = i + 1; j < terms_; ++j) left[j] -= error * u[j];
        }
        row.error = error_of(weights, multiples, row);
    }

    std::vector<double> times_moments(const std::vector<double>& e) const {
        std::vector<double> g(terms_);
        for (std::size_t k = 0; k < terms_; ++k) {
            if (e[k] == 0) continue;
            const double* c = row_of(moments_, k);
            for (std::size_t j = 0; j < terms_; ++j) g[j] += e[k] * c[j];
        }
        return g;
    }
    std::vector<double> distances(std::span<const double> weights, const std::vector<int>& multiples,
                                  const rounded_row& row) const {
        std::vector<double> e(terms_);
        for (std::size_t k = 0; k < terms_; ++k) e[k] = weights[k] - row.scale * multiples[k] * row.levels[k];
        return e;
    }
    double error_of(std::span<const double> weights, const std::vector<int>& multiples, const rounded_row& row) const {
        const auto e = distances(weights, multiples, row);
        const auto g = times_moments(e);
        return std::inner_product(e.begin(), e.end(), g.begin(), 0.0);
    }

    /// Single levels move by one while that makes the error smaller; then the scale is the best one for the levels.
    template <class Levels>
    void refine(std::span<const double> weights, const Levels& levels, const std::vector<int>& multiples,
                std::span<const char> kept, rounded_row& row) const {
        auto g = times_moments(distances(weights, multiples, row));
        for (bool moved = true; moved;) {
            moved = false;
            for (std::size_t k = 0; k < terms_; ++k)
                for (const int by : {-1, 1}) {
                    const int level = levels.next(row.levels[k], by);
                    if (!keeps(kept, k) || level == row.levels[k]) continue;
                    const double d = row.scale * multiples[k] * (level - row.levels[k]);
                    // Less by more than what is lost in rounding, or this would never end.
                    if (d * moments_(k, k) * (1 - 1e-9) * d >= 2 * d * g[k]) continue;
                    const double* c = row_of(moments_, k);
                    for (std::size_t j = 0; j < terms_; ++j) g[j] -= d * c[j];
                    row.levels[k] = level;
                    moved = true;
                }
        }
        std::vector<double> q(terms_);
        for (std::size_t k = 0; k < terms_; ++k) q[k] = static_cast<double>(multiples[k] * row.levels[k]);
        const auto cq = times_moments(q);
        const double squares = std::inner_product(q.begin(), q.end(), cq.begin(), 0.0);
        const double products = std::inner_product(weights.begin(), weights.end(), cq.begin(), 0.0);
        if (squares > 0 && products > 0) row.scale = products / squares;
        row.error = error_of(weights, multiples, row);
    }

    std::size_t terms_;
    matrix moments_, root_;
    std::vector<std::size_t> order_;  ///< of rounding: by the size of the inputs
};

}  // namespace tensor_compress
