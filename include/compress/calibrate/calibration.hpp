// SPDX-License-Identifier: MIT
#pragma once

#include <map>
#include <string>

#include <compress/calibrate/range.hpp>
#include <compress/graph/model.hpp>
#include <compress/tensor/error.hpp>
#include <compress/tensor/label_text.hpp>

namespace tensor_compress {

/// Range of every value of a model, by label. One calibration serves all variants of the model.
struct calibration {
    std::map<std::string, value_range, std::less<>> ranges;
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

}  // namespace tensor_compress
