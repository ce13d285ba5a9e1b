// SPDX-License-Identifier: MIT
#pragma once

#include <compress/transform/gptq.hpp>

namespace tensor_compress {

namespace detail {

/// Rounds a layer's weights to the nearest levels, as conversion does.
inline rounded_layer round_to_nearest(layer_to_change& layer, const layer_levels& to) {
    effective_weights& w = layer.weights;
    for (std::size_t i = 0; i < to.kept.size(); ++i)
        if (!to.kept[i]) w.weights[i] = 0;
    rounded_layer result;
    result.weights.resize(w.weights.size());
    for (std::size_t o = 0; o < w.outputs; ++o) {
        const std::span stored = std::span(result.weights).subspan(o * w.terms, w.terms);
        double scale = 0;
        if (to.tables.empty()) {
            scale = round_weights(w.row(o), to.format, 0, stored);
        } else {
            const table_levels levels{to.tables[o].values};
            scale = to.tables[o].scale;
            for (std::size_t k = 0; k < w.terms; ++k)
                stored[k] = static_cast<std::int8_t>(levels.nearest(static_cast<double>(w.row(o)[k]), scale));
        }
        result.scales.push_back(static_cast<float>(scale));
        for (std::size_t k = 0; k < w.terms; ++k)
            w.weights[o * w.terms + k] = result.scales.back() * static_cast<float>(stored[k]);
    }
    return result;
}

}  // namespace detail

/// Integers of `Net` rounded to nearest, with biases that take over what rounding does to the mean of each sum: bias +=
/// mean over the records of (w - rounded w) * x, layer by layer, of what the layers before it give now. What `gptq` and
/// `ada_round` do as well, alone. Source: Nagel et al. 2019, Data-Free Quantization Through Weight Equalization and
/// Bias Correction, section 4.2, with records.
///
/// `convert<Net>(weights, seen, correct_biases<Net>(weights, records))`
///
/// @param  records  one span of values per record, for a model with one input
/// @throws error as `convert` for the weights, and where there are no records
template <net_type Net, class Records>
rounded_layers correct_biases(const named_tensors& weights, const Records& records) {
    const layer_roundings roundings = roundings_of<Net>(weights);
    rounded_layers all;
    change_layers<Net::model>(
        weights, records,
        [&]<const node & Observed>(layer_to_change& layer) {
            rounded_layer rounded = detail::round_to_nearest(layer, roundings.find(layer.label)->second);
            correct_biases(layer);
            rounded.bias = layer.weights.bias;
            all.emplace(layer.label, std::move(rounded));
        },
        [&]<const node & Observed>() { return roundings.contains(text_of(Observed.name)); });
    return all;
}

}  // namespace tensor_compress
