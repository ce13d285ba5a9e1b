// SPDX-License-Identifier: MIT
#pragma once

#include <compress/transform/layer_roundings.hpp>
#include <compress/transform/reconstruct.hpp>
#include <compress/transform/round_rows.hpp>
#include <compress/transform/rounded_layer.hpp>

namespace tensor_compress {

struct gptq_options {
    double damping = 0.001;  ///< of the moments, as a part of the mean of their diagonal
    double pull = 0.1;       ///< towards the weights as they were, when they are fitted to their targets; the same part
    bool correct_bias = true;  ///< biases take over what rounding does to the mean of a sum
};

namespace detail {

inline row_steps steps_of_row(const layer_levels& to, std::size_t output, std::span<const double> row) {
    if (to.tables.empty()) return steps_of(std::vector<float>(row.begin(), row.end()), to.format, 0);
    return {to.tables[output].scale, std::vector<int>(row.size(), 1)};
}
inline row_rounder::rounded_row round_row(const row_rounder& rounder, std::span<const double> row,
                                          const layer_levels& to, std::size_t output, const row_steps& steps) {
    if (!to.tables.empty()) return rounder.round(row, table_levels{to.tables[output].values}, steps);
    const std::span<const char> kept(to.kept);
    return rounder.round(row, grid_levels{to.format.grid}, steps,
                         kept.empty() ? kept : kept.subspan(output * row.size(), row.size()));
}

}  // namespace detail

/// Rounds a layer's weights to levels and puts what the integers stand for in their place.
inline rounded_layer round_layer(layer_to_change& layer, const layer_levels& levels, const gptq_options& options) {
    const std::size_t outputs = layer.group_outputs(), terms = layer.weights.terms;
    rounded_layer result;
    for (std::size_t group = 0; group < layer.groups.size(); ++group) {
        const matrix wanted = fitted_weights(layer, group, options.pull);
        const row_rounder rounder(layer.groups[group].inputs, options.damping);
        for (std::size_t o = 0; o < outputs; ++o) {
            const std::size_t first = (group * outputs + o) * terms;
            const std::span<const double> row(wanted.data() + o * terms, terms);
            const row_steps steps = detail::steps_of_row(levels, group * outputs + o, row);
            const auto rounded = detail::round_row(rounder, row, levels, group * outputs + o, steps);
            result.scales.push_back(static_cast<float>(rounded.scale));
            for (std::size_t k = 0; k < terms; ++k) {
                const int stored = rounded.levels[k] * steps.multiples[k];
                result.weights.push_back(static_cast<std::int8_t>(stored));
                layer.weights.weights[first + k] = result.scales.back() * static_cast<float>(stored);
            }
        }
    }
    if (options.correct_bias) correct_biases(layer);
    result.bias = layer.weights.bias;
    return result;
}

/// Integers for layers of a model, chosen so that on the records each layer gives what it gave in floating point, of
/// what the layers before it give now: GPTQ with targets of the float net, after which single levels are moved while
/// that helps, and biases corrected. Nothing is trained; a few seconds for small nets.
///
/// @param  roundings  of the layers; others stay as they are
/// @param  records    one span of values per record, for a model with one input; a hundred to a thousand
/// @throws error as `convert` for the weights, and where there are no records
template <const auto& Model, class Records>
rounded_layers gptq(const named_tensors& weights, const Records& records, const layer_roundings& roundings,
                    const gptq_options& options = {}) {
    rounded_layers all;
    change_layers<Model>(
        weights, records,
        [&]<const node & Observed>(layer_to_change& layer) {
            all.emplace(layer.label, round_layer(layer, roundings.find(layer.label)->second, options));
        },
        [&]<const node & Observed>() { return roundings.contains(text_of(Observed.name)); });
    return all;
}

/// The same for all layers of `Net` that have integer weights.
///
/// `convert<Net>(weights, seen, gptq<Net>(weights, records))`
template <net_type Net, class Records>
rounded_layers gptq(const named_tensors& weights, const Records& records, const gptq_options& options = {}) {
    return gptq<Net::model>(weights, records, roundings_of<Net>(weights), options);
}

/// The float weights that the integers stand for: a net of them computes what weight-only layers of these formats do.
/// (Integer layers all have a bias, so rounding corrects it; one that has nowhere to go among the float weights is left
/// out.)
template <const auto& Model>
named_tensors dequantize(named_tensors weights, const rounded_layers& rounded) {
    constexpr const auto& graph = net<Model, all_fp32, native, lowering::observed>::graph;
    for (int id = 0; id < graph.count; ++id) {
        const auto found = rounded.find(text_of(graph[id].name));
        if (!is_product(graph[id].kind) || found == rounded.end()) continue;
        effective_weights e = effective_weights_of(Model, graph[id], weights);
        for (std::size_t i = 0; i < e.weights.size(); ++i)
            e.weights[i] = found->second.scales[i / e.terms] * static_cast<float>(found->second.weights[i]);
        if (holds_bias(Model, graph[id])) e.bias = found->second.bias;
        store_effective_weights(Model, graph[id], e, weights);
    }
    return weights;
}

}  // namespace tensor_compress
