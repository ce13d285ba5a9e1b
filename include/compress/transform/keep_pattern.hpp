// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <span>
#include <vector>

#include <compress/storage/bitmask_code.hpp>
#include <compress/storage/n_of_m_code.hpp>
#include <compress/storage/pack.hpp>

namespace tensor_compress {

/// A pattern as cells, of each of which so many blocks may be kept, and the cell and block of every weight.
struct sparsity_cells {
    int cells = 0, blocks = 0, kept = 0;  ///< blocks and kept: of one cell
    std::vector<int> cell, block;         ///< [weight]
};

/// Zeroes weights until each cell has at most `kept` blocks that are not zero: the largest by their sum of squares
/// stay, which is the nearest such tensor. Source: Han et al. 2015, Learning both Weights and Connections (by
/// magnitude).
inline void keep_largest(std::span<float> weights, const sparsity_cells& pattern) {
    const auto place = [&](std::size_t i) {
        return static_cast<std::size_t>(pattern.cell[i]) * static_cast<std::size_t>(pattern.blocks) +
               static_cast<std::size_t>(pattern.block[i]);
    };
    std::vector<double> sizes(static_cast<std::size_t>(pattern.cells) * static_cast<std::size_t>(pattern.blocks));
    for (std::size_t i = 0; i < weights.size(); ++i)
        sizes[place(i)] += static_cast<double>(weights[i]) * static_cast<double>(weights[i]);
    std::vector<char> keeps(sizes.size());
    std::vector<std::size_t> order(static_cast<std::size_t>(pattern.blocks));
    for (std::size_t first = 0; first < sizes.size(); first += order.size()) {
        std::iota(order.begin(), order.end(), first);
        const auto kept = order.begin() + std::min(pattern.kept, pattern.blocks);
        std::partial_sort(order.begin(), kept, order.end(), [&](std::size_t a, std::size_t b) {
            return sizes[a] != sizes[b] ? sizes[a] > sizes[b] : a < b;
        });
        for (auto i = order.begin(); i != kept; ++i) keeps[*i] = 1;
    }
    for (std::size_t i = 0; i < weights.size(); ++i)
        if (!keeps[place(i)]) weights[i] = 0;
}

/// The cells of a layer's weights, [out, in / groups, kernel height, kernel width], under a pattern of zeros.
template <class Precision, class Sparsity, conv_geometry G>
sparsity_cells cells_of() {
    using code = weight_code<Precision, Sparsity>;
    using order = panel_order<G, integer_precision<Precision> ? 4 : step_inputs<code>>;
    sparsity_cells pattern;
    const auto add = [&](int cell, int block) {
        pattern.cell.push_back(cell);
        pattern.block.push_back(block);
    };
    if constexpr (indexed_code<code>) {
        pattern.cells = order::blocks;
        pattern.blocks = code::groups * (G.terms() / code::columns);
        pattern.kept = code::kept(order::block_elements);
    } else if constexpr (requires { Sparsity::of; }) {
        pattern.cells = G.out_channels * G.kernel_height * G.runs() * order::steps;
        pattern.blocks = 4;
        pattern.kept = code::kept;
    } else {
        pattern.cells = order::blocks;
        pattern.blocks = order::block_elements;
        pattern.kept = code::kept(order::block_elements);
    }
    for (int o = 0; o < G.out_channels; ++o)
        detail::for_each_weight<G>(o, [&](int c, int i, int j, int) {
            const int slot = order::slot(o), index = order::index(o, c, i, j) % order::block_elements;
            if constexpr (indexed_code<code>) {
                const int term = (i * G.kernel_width + j) * G.group_inputs() + c;
                add(slot / panel_outputs,
                    slot % panel_outputs / code::rows * (G.terms() / code::columns) + term / code::columns);
            } else if constexpr (requires { Sparsity::of; }) {
                add(o * (order::block_elements / code_vector) + index / code_vector, index % 4);
            } else {
                add(slot / panel_outputs, index);
            }
        });
    return pattern;
}

}  // namespace tensor_compress
