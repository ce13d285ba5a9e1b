// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include <compress/graph/cost.hpp>
#include <compress/tensor/label_text.hpp>
#include <compress/tensor/weights.hpp>

namespace tensor_compress {

/// How many weights of a layer, or of all, are 0.
struct layer_sparsity {
    std::string label;
    std::size_t weights = 0, zeros = 0;

    double share() const { return weights > 0 ? static_cast<double>(zeros) / static_cast<double>(weights) : 0; }
};

/// A row for each layer of the model whose weights are among the tensors, in the order of the model. Biases and norms
/// do not count.
///
/// @param  tensors  weights, or masks of 0 and 1, which may be of some layers only
template <int Capacity>
std::vector<layer_sparsity> layer_sparsities(const model<Capacity>& m, const named_tensors& tensors) {
    std::vector<layer_sparsity> rows;
    for (int id = 0; id < m.count; ++id) {
        const auto found = is_product(m[id].kind) ? tensors.find(text_of(m[id].name) + ".weight") : tensors.end();
        if (found == tensors.end()) continue;
        const array<float>& w = found->second;
        const auto zeros = std::count(w.data(), w.data() + w.size(), 0.0f);
        rows.push_back({text_of(m[id].name), w.size(), static_cast<std::size_t>(zeros)});
    }
    return rows;
}

/// The layers as one.
inline layer_sparsity sum_of(const std::vector<layer_sparsity>& rows) {
    layer_sparsity all{"all", 0, 0};
    for (const layer_sparsity& row : rows) {
        all.weights += row.weights;
        all.zeros += row.zeros;
    }
    return all;
}

}  // namespace tensor_compress
