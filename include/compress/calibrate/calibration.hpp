// SPDX-License-Identifier: MIT
#pragma once

#include <map>
#include <string>
#include <vector>

#include <compress/calibrate/range.hpp>
#include <compress/graph/model.hpp>
#include <compress/tensor/error.hpp>
#include <compress/tensor/label_text.hpp>

namespace tensor_compress {

/// Range of every value of a model, by label. One calibration serves all variants of the model.
struct calibration {
    std::map<std::string, value_range, std::less<>> ranges;
    /// Labels of values that were the same for all records, of two or more: dead layers, or records that do not vary.
    std::vector<std::string> unchanging = {};
};

/// Scale and zero point that the value of node `id` of the written model has in int8 nets. Values that softmax, sigmoid
/// and tanh produce have fixed ones; operators that only move values take those of their input.
///
/// @throws error naming the value when the calibration has not seen it
template <int Capacity>
affine affine_of(const model<Capacity>& written, int id, const calibration& seen) {
    const node& n = written[id];
    if (n.kind == op::softmax || n.kind == op::sigmoid) return {1.0f / 256, -128};
    if (n.kind == op::tanh) return {1.0f / 128, 0};
    if (keeps_quantization(n.kind)) return affine_of(written, n.inputs[0], seen);
    const auto found = seen.ranges.find(text_of(n.name));
    if (found == seen.ranges.end())
        throw error(text_of(n.name), "the calibration has no range for this value",
                    "calibrate the same model that is converted");
    return affine_for_range(found->second.low, found->second.high);
}

/// What a sign of the value of node `id` stands for: beta = mean |value|, the factor with the least squared error.
/// Source: Rastegari et al. 2016, XNOR-Net, section 3.2, over the whole input.
///
/// @throws error naming the value when the calibration has not seen it, or only zeros
template <int Capacity>
float mean_size_of(const model<Capacity>& written, int id, const calibration& seen) {
    const node& n = written[id];
    const auto found = seen.ranges.find(text_of(n.name));
    if (found == seen.ranges.end() && keeps_quantization(n.kind)) return mean_size_of(written, n.inputs[0], seen);
    if (found == seen.ranges.end() || !(found->second.mean_size > 0))
        throw error(text_of(n.name), "the calibration has no mean size for this value, whose signs a layer takes",
                    "calibrate the same model that is converted, on records for which the value is not zero");
    return found->second.mean_size;
}

}  // namespace tensor_compress
