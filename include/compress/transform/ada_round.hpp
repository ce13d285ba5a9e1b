// SPDX-License-Identifier: MIT
#pragma once

#include <compress/transform/activation_error.hpp>
#include <compress/transform/gptq.hpp>
#include <compress/transform/soft_levels.hpp>

namespace tensor_compress {

/// The levels that adaptive rounding begins with, and the steps, which it keeps.
enum class rounding_start : unsigned char {
    nearest,  ///< of the weights, with the steps of `convert`; weights are to give what the float net gives
    gptq,     ///< of `gptq`; weights are to give what those give that it fits to the float net
};

struct ada_round_options {
    rounding_start start = rounding_start::gptq;
    std::size_t rows = 32768;        ///< pixels of a layer that are drawn over all records
    std::size_t batch = 512;         ///< rows of an iteration
    double before_activation = 0.3;  ///< part of the error that is that of the sums themselves
    bool correct_bias = true;        ///< biases take over what rounding does to the mean of a sum
    level_training training = {};
    gptq_options gptq = {};  ///< of the start, and of layers that only GPTQ can round
    std::uint64_t seed = 1;  ///< of the rows
};

namespace detail {

/// What a layer's weights are to be, as floats, and levels for them to begin with.
struct level_start {
    rounded_layer rounded;
    std::vector<float> exact;    ///< [outputs, terms]
    std::vector<int> multiples;  ///< [outputs, terms], see row_steps
};

inline level_start nearest_start(const layer_to_change& layer, const layer_levels& levels) {
    level_start start{{}, layer.weights.weights, {}};
    for (std::size_t i = 0; i < levels.kept.size(); ++i)
        if (!levels.kept[i]) start.exact[i] = 0;
    start.rounded.weights.resize(start.exact.size());
    const std::size_t terms = layer.weights.terms;
    for (std::size_t first = 0; first < start.exact.size(); first += terms)
        start.rounded.scales.push_back(
            static_cast<float>(round_weights(std::span(start.exact).subspan(first, terms), levels.format, 0,
                                             std::span(start.rounded.weights).subspan(first, terms))));
    return start;
}
inline level_start gptq_start(const layer_to_change& layer, const layer_levels& levels, const gptq_options& options) {
    layer_to_change changed{layer.label, layer.geometry, layer.weights, layer.groups};
    level_start start{round_layer(changed, levels, options), {}, {}};
    for (std::size_t group = 0; group < layer.groups.size(); ++group) {
        const matrix fitted = fitted_weights(layer, group, options.pull);
        start.exact.insert(start.exact.end(), fitted.begin(), fitted.end());
    }
    return start;
}
inline level_start start_of(const layer_to_change& layer, const layer_levels& levels,
                            const ada_round_options& options) {
    level_start start =
        options.start == rounding_start::gptq ? gptq_start(layer, levels, options.gptq) : nearest_start(layer, levels);
    const std::size_t terms = layer.weights.terms;
    for (std::size_t first = 0; first < start.exact.size(); first += terms) {
        const row_steps row = steps_of(std::span(start.exact).subspan(first, terms), levels.format, 0);
        start.multiples.insert(start.multiples.end(), row.multiples.begin(), row.multiples.end());
    }
    return start;
}

inline soft_levels soft_levels_of(const level_start& start, const layer_levels& levels, std::size_t terms,
                                  const level_training& training) {
    soft_levels soft(start.exact.size(), training);
    for (std::size_t i = 0; i < start.exact.size(); ++i) {
        if (!levels.kept.empty() && !levels.kept[i]) continue;
        const double step = static_cast<double>(start.rounded.scales[i / terms]) * start.multiples[i];
        soft.set(i, static_cast<double>(start.exact[i]), step, start.rounded.weights[i] / start.multiples[i],
                 levels.format.grid);
    }
    return soft;
}

/// Of each output the mean square that a step of one weight moves its sums by: the unit of its error, in which lambda
/// does not depend on the layer.
inline std::vector<double> error_units(const layer_to_change& layer, const level_start& start) {
    const std::size_t terms = layer.weights.terms;
    std::vector<double> units(layer.weights.outputs);
    for (std::size_t i = 0; i < start.exact.size(); ++i) {
        const std::size_t o = i / terms, k = i % terms;
        const double step = static_cast<double>(start.rounded.scales[o]) * start.multiples[i];
        units[o] += step * step * layer.groups[o / layer.group_outputs()].inputs(k, k) / static_cast<double>(terms);
    }
    for (double& unit : units) unit = unit > 0 ? unit : 1;
    return units;
}

inline std::vector<float> floats_of(const rounded_layer& rounded, std::size_t terms) {
    std::vector<float> all;
    for (std::size_t i = 0; i < rounded.weights.size(); ++i)
        all.push_back(rounded.scales[i / terms] * static_cast<float>(rounded.weights[i]));
    return all;
}

/// Trains on one batch of rows after the other; they are in random order.
inline void train(soft_levels& soft, activation_error& error, const std::vector<double>& units,
                  const std::vector<float>& exact, const ada_round_options& options) {
    const std::size_t batch = std::clamp<std::size_t>(options.batch, 1, error.rows());
    const std::size_t terms = exact.size() / units.size();
    std::vector<float> weights(exact.size()), gradients(exact.size());
    std::size_t first = 0;
    for (int i = 0; i < options.training.iterations; ++i) {
        soft.soften(weights);
        error(weights, first, batch, gradients);
        for (std::size_t w = 0; w < gradients.size(); ++w) gradients[w] /= static_cast<float>(units[w / terms]);
        soft.learn(weights, gradients);
        first += batch;
        if (first + batch > error.rows()) first = 0;
    }
}

}  // namespace detail

/// Rounds a layer's weights, of which rows were drawn, and puts what the integers stand for in their place. An output
/// whose error did not become smaller on the rows keeps the levels that it began with.
inline rounded_layer ada_round_layer(layer_to_change& layer, const layer_levels& levels,
                                     const ada_round_options& options) {
    if (!levels.format.grid.has_zero || !levels.tables.empty()) return round_layer(layer, levels, options.gptq);
    const std::size_t terms = layer.weights.terms;
    const detail::level_start start = detail::start_of(layer, levels, options);
    activation_error error(layer, options.before_activation, options.correct_bias);
    if (options.start == rounding_start::gptq) error.aim_at(start.exact);
    soft_levels soft = detail::soft_levels_of(start, levels, terms, options.training);
    detail::train(soft, error, detail::error_units(layer, start), start.exact, options);

    rounded_layer learned = start.rounded, result = start.rounded;
    for (std::size_t i = 0; i < learned.weights.size(); ++i)
        learned.weights[i] = static_cast<std::int8_t>(soft.level(i) * start.multiples[i]);
    const auto before = error(detail::floats_of(start.rounded, terms)),
               after = error(detail::floats_of(learned, terms));
    for (std::size_t i = 0; i < result.weights.size(); ++i)
        if (after[i / terms] < before[i / terms]) result.weights[i] = learned.weights[i];
    layer.weights.weights = detail::floats_of(result, terms);
    if (options.correct_bias) correct_biases(layer);
    result.bias = layer.weights.bias;
    return result;
}

/// Integers for layers of a model, chosen so that on the records each layer gives behind its activation what it gave in
/// floating point, of what the layers before it give now: which of two levels a weight becomes is learned by gradients,
/// layer by layer. Tables, and grids without a zero (binary), are rounded as `gptq` does. The steps are those of the
/// start. The same records and seed give the same integers. Source: Nagel et al. 2020, Up or Down? Adaptive Rounding
/// for Post-Training Quantization, in the sequential scheme of `change_layers`.
///
/// @param  roundings  of the layers; others stay as they are
/// @param  records    one span of values per record, for a model with one input; a hundred to a thousand
/// @throws error as `convert` for the weights, and where there are no records, or no rows or iterations are asked for
template <const auto& Model, class Records>
rounded_layers ada_round(const named_tensors& weights, const Records& records, const layer_roundings& roundings,
                         const ada_round_options& options = {}) {
    if (options.rows < 1 || options.training.iterations < 1)
        throw error("ada_round",
                    std::to_string(options.rows) + " rows of a layer and " +
                        std::to_string(options.training.iterations) + " iterations",
                    "ask for at least one of each; thousands are usual");
    rounded_layers all;
    change_layers<Model>(
        weights, records,
        [&]<const node & Observed>(layer_to_change& layer) {
            all.emplace(layer.label, ada_round_layer(layer, roundings.find(layer.label)->second, options));
        },
        [&]<const node & Observed>() { return roundings.contains(text_of(Observed.name)); },
        {options.rows, options.seed});
    return all;
}

/// The same for all layers of `Net` that have integer weights.
///
/// `convert<Net>(weights, seen, ada_round<Net>(weights, records))`
template <net_type Net, class Records>
rounded_layers ada_round(const named_tensors& weights, const Records& records, const ada_round_options& options = {}) {
    return ada_round<Net::model>(weights, records, roundings_of<Net>(weights), options);
}

}  // namespace tensor_compress
