// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include <compress/tensor/error.hpp>

namespace tensor_compress {

/// Integers of a layer that were chosen on calibration records: what convert takes instead of rounding by itself.
struct rounded_layer {
    std::vector<std::int8_t> weights;  ///< [outputs, terms], level * unit as kernels multiply them
    std::vector<float> scales;         ///< [outputs], real units per step of a weight
    std::vector<float> bias;           ///< [outputs], with what was folded into the layer
};
using rounded_layers = std::map<std::string, rounded_layer, std::less<>>;  ///< by label

namespace detail {

/// The integers of output `o`, and their scale.
inline double take_row(const rounded_layer& chosen, std::size_t o, double least, const std::string& layer_name,
                       std::span<std::int8_t> rounded) {
    const auto scale = static_cast<double>(chosen.scales[o]);
    if (!(scale >= least))
        throw error(layer_name,
                    "the bias of output channel " + std::to_string(o) +
                        " is too large for the step of its rounded weights",
                    "give this layer int8 without rounding, or fp32");
    std::copy_n(chosen.weights.data() + o * rounded.size(), rounded.size(), rounded.data());
    return scale;
}

}  // namespace detail
}  // namespace tensor_compress
