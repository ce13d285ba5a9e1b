// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <compress/tensor/masks.hpp>
#include <compress/train/parameters.hpp>
#include <compress/transform/cluster_weights.hpp>
#include <compress/transform/round_weights.hpp>

namespace tensor_compress {

namespace detail {

/// A weight among the levels that it may be rounded to.
struct place_on_levels {
    double exact;           ///< in steps
    int level;              ///< the nearest
    bool above, below;      ///< beyond the last level, or the first
    std::size_t entry = 0;  ///< of the table
};

/// A table whose values are learned beside the weights, for the outputs of a block.
struct learned_table {
    std::size_t first = 0;  ///< of its values, among all that is learned; in units of table_spread steps
    std::size_t count = 0;
    std::size_t zero = 0;     ///< which of them is 0 and stays so; `count`: none
    std::size_t weights = 0;  ///< how many they stand for
};

/// The levels of a row of weights at a moment of training: those of a grid, or the values of a table as integers.
class learned_levels {
public:
    explicit learned_levels(const weight_grid& grid) : grid_(grid) {}
    learned_levels(const learned_table& table, std::span<const float> learned) {
        for (std::size_t i = 0; i < table.count; ++i) {
            const double value = std::nearbyint(table_spread * static_cast<double>(learned[table.first + i]));
            entries_.push_back({static_cast<int>(std::max(-127.0, std::min(127.0, value))), i});  // of a NaN the last
        }
        std::sort(entries_.begin(), entries_.end(), [](const entry& a, const entry& b) { return a.level < b.level; });
    }

    place_on_levels place_of(double weight, double step) const {
        const double exact = weight / step;
        if (entries_.empty())
            return {exact, nearest_level(weight, step, grid_), exact > grid_.highest, exact < grid_.lowest};
        auto upper = std::lower_bound(entries_.begin(), entries_.end() - 1, exact,
                                      [](const entry& e, double value) { return e.level < value; });
        if (upper != entries_.begin() && exact - (upper - 1)->level < upper->level - exact) --upper;
        return {exact, upper->level, exact > entries_.back().level, exact < entries_.front().level, upper->index};
    }

private:
    struct entry {
        int level;
        std::size_t index;
    };
    weight_grid grid_{};
    std::vector<entry> entries_;  ///< growing
};

/// The weights of a layer in training, [outputs, terms], and how they are rounded: weight k of output o stands for
/// level * multiples[k] * exp(learned[first_step + o]).
struct learned_layer {
    std::string label;
    int origin = -1;
    std::size_t outputs = 0, terms = 0;
    weight_grid grid{};
    std::vector<int> places;              ///< of the weights, among the parameters of the trainer
    std::vector<std::uint8_t> multiples;  ///< [outputs, terms]
    std::vector<char> kept;               ///< [outputs, terms], 0 where a weight has to be 0; empty: nowhere
    std::vector<float> signs;             ///< [outputs], of what is folded into the layer: levels follow it
    std::size_t first_step = 0;           ///< of the layer's outputs, among all that is learned
    std::vector<learned_table> tables;    ///< of blocks of outputs, instead of the grid; empty: none
    std::vector<std::size_t> table_of;    ///< [outputs], among them
    bool frozen = false;

    bool keeps(std::size_t i) const { return kept.empty() || kept[i] != 0; }
    /// How many values all tables have: they lie behind the steps.
    std::size_t table_values() const {
        return tables.empty() ? 0 : tables.back().first + tables.back().count - first_step - outputs;
    }

    /// Where a mask for the layer has zeros. One of another size is refused by who applies masks.
    void keep_zeros(const named_tensors& masks) {
        const auto mask = masks.find(label + ".weight");
        if (mask == masks.end() || mask->second.size() != places.size()) return;
        clear_zeros_of(mask->second, kept);
    }
    /// A table that has to hold a zero gets one as a further value, or in the place of its smallest where it is full.
    ///
    /// @param  rows     [outputs], or none
    /// @param  learned  gets their values behind all others
    void add_tables(const std::vector<row_table>& rows, aligned_floats& learned) {
        const bool has_zero = std::find(kept.begin(), kept.end(), 0) != kept.end();
        for (std::size_t o = 0; o < rows.size(); ++o) {
            if (o == 0 || rows[o].block != rows[o - 1].block) {
                std::vector<int> values = rows[o].values;
                std::size_t zero = values.size();
                if (has_zero && values.size() < rows[o].entries)
                    values.push_back(0);
                else if (has_zero)
                    zero = static_cast<std::size_t>(
                        std::min_element(values.begin(), values.end(),
                                         [](int a, int b) { return std::abs(a) < std::abs(b); }) -
                        values.begin());
                tables.push_back({learned.size(), values.size(), zero, 0});
                for (std::size_t i = 0; i < values.size(); ++i)
                    learned.push_back(i == zero ? 0.0f : static_cast<float>(values[i]) / table_spread);
            }
            tables.back().weights += terms;
            table_of.push_back(tables.size() - 1);
        }
    }

    /// f(output, its levels, its step)
    template <class F>
    void each_row(std::span<const float> learned, const F& f) const {
        learned_levels levels(grid);
        for (std::size_t o = 0; o < outputs; ++o) {
            if (!tables.empty() && (o == 0 || table_of[o] != table_of[o - 1]))
                levels = learned_levels(tables[table_of[o]], learned);
            f(o, levels, std::exp(static_cast<double>(learned[first_step + o])));
        }
    }
};

}  // namespace detail

}  // namespace tensor_compress
