// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <set>
#include <span>
#include <vector>

#include <compress/storage/pack.hpp>
#include <compress/transform/effective_weights.hpp>

namespace tensor_compress {

/// What moving int8 weights costs: [value + 128], the sum over weights of that value of their squared scales.
using value_costs = std::array<double, 256>;

namespace detail {

/// Values `first` to before `end`, counted from -128, that one value stands for, and their error.
struct cluster {
    int center = 0;
    double error = 0;
};

class clusters {
public:
    explicit clusters(const value_costs& costs) : zero_occurs_(costs[zero] > 0) {
        for (std::size_t v = 0; v < costs.size(); ++v) {
            const double at = static_cast<double>(v);
            weight_[v + 1] = weight_[v] + costs[v];
            moment_[v + 1] = moment_[v] + costs[v] * at;
            square_[v + 1] = square_[v] + costs[v] * at * at;
        }
    }
    cluster of(std::size_t first, std::size_t end) const {
        const double weight = weight_[end] - weight_[first], moment = moment_[end] - moment_[first];
        const bool holds_zero = zero_occurs_ && first <= zero && zero < end;
        const double center = holds_zero   ? static_cast<double>(zero)
                              : weight > 0 ? std::nearbyint(moment / weight)
                                           : static_cast<double>(first);
        return {static_cast<int>(center) - 128,
                square_[end] - square_[first] - 2 * center * moment + center * center * weight};
    }

private:
    static constexpr std::size_t zero = 128;
    bool zero_occurs_;
    std::array<double, 257> weight_{}, moment_{}, square_{};
};

}  // namespace detail

/// For each int8 value, [value + 128], which of at most `entries` values stands for it, chosen so that the sum of
/// squared errors is least; 0, where it occurs, stands for itself.
///
/// One-dimensional k-means has an optimum that dynamic programming finds: the least error of the first n values in k
/// clusters is the least over m of that of the first m in k - 1 and of m to n - 1 in one. Source: Wang and Song 2011,
/// Ckmeans.1d.dp.
inline std::array<std::int8_t, 256> cluster_values(const value_costs& costs, int entries) {
    constexpr std::size_t values = 256;
    const detail::clusters all(costs);
    std::vector<double> best(values + 1, std::numeric_limits<double>::infinity());
    best[0] = 0;
    std::vector<std::array<std::size_t, values + 1>> begins(static_cast<std::size_t>(entries));
    for (auto& begin : begins) {
        std::vector<double> next(values + 1, std::numeric_limits<double>::infinity());
        for (std::size_t n = 0; n <= values; ++n)
            for (std::size_t m = 0; m <= n; ++m) {
                const double error = best[m] + (m < n ? all.of(m, n).error : 0);
                if (error >= next[n]) continue;
                next[n] = error;
                begin[n] = m;
            }
        best = next;
    }
    std::array<std::int8_t, 256> stands_for{};
    std::size_t end = values;
    for (auto begin = begins.rbegin(); begin != begins.rend(); ++begin) {
        const std::size_t first = (*begin)[end];
        for (std::size_t v = first; v < end; ++v) stands_for[v] = static_cast<std::int8_t>(all.of(first, end).center);
        end = first;
    }
    return stands_for;
}

/// Rounds the int8 weights of a layer, [outputs, terms], to the entries of their tables, one for each block of `Order`.
///
/// @param  scales  [outputs], real units per step of a weight
template <class Order, conv_geometry G>
void cluster_weights(std::span<std::int8_t> weights, std::span<const float> scales, int entries) {
    std::vector<value_costs> costs(static_cast<std::size_t>(Order::blocks), value_costs{});
    const auto for_each = [&](auto f) {
        for (int o = 0; o < G.out_channels; ++o) {
            const auto block = static_cast<std::size_t>(Order::index(o, 0, 0, 0) / Order::block_elements);
            for (int k = 0; k < G.terms(); ++k)
                f(block, static_cast<std::size_t>(o), weights[static_cast<std::size_t>(o * G.terms() + k)]);
        }
    };
    const auto place = [](std::int8_t w) { return static_cast<std::size_t>(w + 128); };
    for_each([&](std::size_t block, std::size_t o, std::int8_t w) {
        costs[block][place(w)] += static_cast<double>(scales[o]) * static_cast<double>(scales[o]);
    });
    std::vector<std::array<std::int8_t, 256>> tables;
    for (const value_costs& c : costs) tables.push_back(cluster_values(c, entries));
    for_each([&](std::size_t block, std::size_t, std::int8_t& w) { w = tables[block][place(w)]; });
}

/// What the weights of one output are rounded to: scale times a value of its block's table.
struct row_table {
    double scale = 1;
    std::vector<int> values;  ///< growing
    std::size_t block = 0;    ///< whose outputs share the values
    std::size_t entries = 0;  ///< how many there may be
};

namespace detail {

/// Steps of a table to the root mean square of an output's weights.
inline constexpr int table_spread = 32;

/// int8 weights in such steps, so that outputs which share a table are alike; what is beyond four root mean squares is
/// clipped. None is 0: a table that has to hold 0 has a value less for all others.
inline double spread_weights(std::span<const float> row, std::span<std::int8_t> steps) {
    double squares = 0;
    for (const float w : row) squares += static_cast<double>(w) * static_cast<double>(w);
    const double scale = squares > 0 ? std::sqrt(squares / static_cast<double>(row.size())) / table_spread : 1;
    for (std::size_t k = 0; k < row.size(); ++k) {
        const double step = std::clamp(std::nearbyint(static_cast<double>(row[k]) / scale), -127.0, 127.0);
        steps[k] = static_cast<std::int8_t>(step != 0 ? step : row[k] < 0 ? -1 : 1);
    }
    return scale;
}

}  // namespace detail

/// For each output the table of its block, of so many entries, that leaves the least squared error of the weights.
template <class Order, conv_geometry G>
std::vector<row_table> choose_tables(const effective_weights& e, int entries) {
    std::vector<std::int8_t> steps(e.weights.size());
    std::vector<float> scales;
    for (std::size_t o = 0; o < e.outputs; ++o)
        scales.push_back(
            static_cast<float>(detail::spread_weights(e.row(o), std::span(steps).subspan(o * e.terms, e.terms))));
    cluster_weights<Order, G>(steps, scales, entries);
    std::vector<std::set<int>> values(static_cast<std::size_t>(Order::blocks));
    const auto block_of = [](std::size_t o) {
        return static_cast<std::size_t>(Order::index(static_cast<int>(o), 0, 0, 0) / Order::block_elements);
    };
    for (std::size_t i = 0; i < steps.size(); ++i) values[block_of(i / e.terms)].insert(steps[i]);
    std::vector<row_table> tables;
    for (std::size_t o = 0; o < e.outputs; ++o) {
        const std::set<int>& of_block = values[block_of(o)];
        tables.push_back({static_cast<double>(scales[o]),
                          {of_block.begin(), of_block.end()},
                          block_of(o),
                          static_cast<std::size_t>(entries)});
    }
    return tables;
}

}  // namespace tensor_compress
