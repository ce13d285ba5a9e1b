// SPDX-License-Identifier: MIT
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include <compress/graph/cost.hpp>
#include <compress/tensor/label_text.hpp>
#include <compress/tensor/weights.hpp>

namespace tensor_compress {

/// Name and shape of every float tensor that a model needs, in PyTorch's layout: `<label>.weight` [O, I / groups, KH,
/// KW] or [out, in], `<label>.bias` [O], batch_norm's `.weight .bias .running_mean .running_var` [C], a constant's
/// `.value`.
template <int Capacity>
std::vector<std::pair<std::string, std::vector<std::size_t>>> needed_tensors(const model<Capacity>& m) {
    std::vector<std::pair<std::string, std::vector<std::size_t>>> needed;
    for (int id = 0; id < m.count; ++id) {
        const node& n = m[id];
        const std::string label = text_of(n.name);
        const auto size = [](int extent) { return static_cast<std::size_t>(extent); };
        const std::size_t outputs = size(n.output.channels());
        const shape& in = m[n.inputs[0]].output;
        if (n.kind == op::linear) {
            needed.push_back({label + ".weight", {outputs, size(in.channels())}});
        } else if (is_product(n.kind)) {
            needed.push_back({label + ".weight",
                              {outputs, size(in.channels() / n.slide.groups), size(n.slide.kernel.height),
                               size(n.slide.kernel.width)}});
        } else if (n.kind == op::batch_norm) {
            for (const char* part : {".weight", ".bias", ".running_mean", ".running_var"})
                needed.push_back({label + part, {outputs}});
        } else if (n.kind == op::layer_norm) {
            for (const char* part : {".weight", ".bias"}) needed.push_back({label + part, {outputs}});
        } else if (n.kind == op::constant) {
            std::vector<std::size_t> extents;
            for (int axis = 0; axis < n.output.rank; ++axis) extents.push_back(size(n.output[axis]));
            needed.push_back({label + ".value", extents});
        }
        if (is_product(n.kind) && n.bias) needed.push_back({label + ".bias", {outputs}});
    }
    return needed;
}

/// Throws one error that lists every tensor that is missing, superfluous or of another shape.
///
/// @param  source  file or function that the tensors came from, for the message
template <int Capacity>
void expect_weights(const model<Capacity>& m, const named_tensors& tensors, std::string_view source) {
    std::string problems;
    const auto add = [&](const std::string& text) { problems.append(problems.empty() ? "" : ", ").append(text); };
    std::set<std::string> known;
    for (const auto& [name, extents] : needed_tensors(m)) {
        known.insert(name);
        const auto found = tensors.find(name);
        if (found == tensors.end())
            add("no " + name + ' ' + shape_text(extents));
        else if (shape_of(found->second) != extents)
            add(name + " is " + shape_text(found->second) + " instead of " + shape_text(extents));
    }
    for (const auto& [name, tensor] : tensors)
        if (!known.contains(name)) add(name + " belongs to no layer");
    if (!problems.empty())
        throw error(source, "the tensors do not fit the model: " + problems,
                    "pass a map from names in the file to labels of the model");
    expect_finite(tensors, source);
}

}  // namespace tensor_compress
