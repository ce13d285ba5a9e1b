// SPDX-License-Identifier: MIT
#pragma once

#include <compress/evaluate/text_table.hpp>
#include <compress/transform/layer_sparsity.hpp>

namespace tensor_compress {

/// Weights and zeros of each layer as a table, and of all of them in its last row.
///
/// @param  tensors  weights of the model, or masks of some of its layers
template <int Capacity>
std::string sparsity_report(const model<Capacity>& m, const named_tensors& tensors) {
    std::vector<layer_sparsity> rows = layer_sparsities(m, tensors);
    rows.push_back(sum_of(rows));
    text_table table({"layer", "weights", "zeros", "zeros %"});
    for (const layer_sparsity& row : rows)
        table.add(
            {row.label, std::to_string(row.weights), std::to_string(row.zeros), fixed_text(100 * row.share(), 1)});
    return table.text();
}

}  // namespace tensor_compress
