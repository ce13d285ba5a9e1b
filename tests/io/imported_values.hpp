// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <compress/io/imported_model.hpp>

#include "../net/reference.hpp"

namespace tests {

/// The value of every node of an imported model for one record, with the weights it was imported with; all in the
/// layout of the graph. For models without convolutions and batch norms.
inline std::vector<tensor> imported_values(const tc::imported_model& m, const std::vector<tensor>& inputs) {
    std::vector<numbers> all(static_cast<std::size_t>(m.graph.count));
    for (int id = 0; id < m.graph.count; ++id) {
        const std::string label = tc::text_of(m.graph[id].name);
        const auto read = [&](const char* part, std::vector<float>& to) {
            if (const auto found = m.weights.find(label + part); found != m.weights.end())
                to.assign(found->second.begin(), found->second.end());
        };
        auto& n = all[static_cast<std::size_t>(id)];
        read(".value", n.weight);
        read(".weight", n.weight);
        read(".bias", n.bias);
    }
    return evaluate(m.graph, all, inputs);
}

/// A record in the layout of the file, [C, H, W] or plain, in that of the graph.
inline tensor in_graph_layout(const tc::imported_tensor& input, const tensor& values) {
    if (!input.channels_first) return values;
    const std::size_t channels = input.shape[0], pixels = input.shape[1] * input.shape[2];
    tensor moved(values.size());
    for (std::size_t c = 0; c < channels; ++c)
        for (std::size_t p = 0; p < pixels; ++p) moved[p * channels + c] = values[c * pixels + p];
    return moved;
}

}  // namespace tests
