// SPDX-License-Identifier: MIT
#pragma once

#include <compress/transform/simulated_rounding.hpp>

namespace tensor_compress {

namespace detail {

constexpr std::string_view levels_end = ".levels", scales_end = ".scales", biases_end = ".rounded_bias";

inline array<float>& store_values(named_tensors& to, const std::string& name, std::size_t count) {
    return to[name] = make_array<float>({count});
}

/// The values of a tensor, which leaves the others.
inline std::vector<float> take_values(named_tensors& from, const std::string& name, std::string_view source) {
    const auto taken = from.extract(name);
    if (taken.empty())
        throw error(source, "has no tensor " + name, "store the integers of all layers with store_integers");
    return {taken.mapped().data(), taken.mapped().data() + taken.mapped().size()};
}

inline std::int8_t level_of(float value, const std::string& label, std::string_view source) {
    if (!(value >= -128 && value <= 127 && value == std::nearbyint(value)))
        throw error(source, "a weight of " + label + " is " + std::to_string(value) + ", which is no int8",
                    "store the integers again");
    return static_cast<std::int8_t>(value);
}

}  // namespace detail

/// What a net is converted from, as tensors alone, so that another program can convert it: beside the weights
/// "<label>.levels", "<label>.scales" and "<label>.rounded_bias" of rounded layers and "<label>.range" of values, [low,
/// high, mean size]. Floats hold int8 exactly; nothing is lost.
inline named_tensors store_integers(const fitted_integers& trained) {
    named_tensors all = trained.weights;
    detail::store_ranges(trained.ranges, all);
    for (const auto& [label, layer] : trained.rounded) {
        array<float>& levels = detail::store_values(all, label + std::string(detail::levels_end), layer.weights.size());
        for (std::size_t i = 0; i < layer.weights.size(); ++i) levels.data()[i] = static_cast<float>(layer.weights[i]);
        for (const auto& [end, values] :
             {std::pair{detail::scales_end, &layer.scales}, {detail::biases_end, &layer.bias}})
            std::copy(values->begin(), values->end(),
                      detail::store_values(all, label + std::string(end), values->size()).data());
    }
    return all;
}

/// The way back.
///
/// @param  source  where the tensors come from, for the message
/// @throws error naming the source where a part of a layer is missing or no int8
inline fitted_integers take_integers(named_tensors all, std::string_view source) {
    fitted_integers trained;
    trained.ranges = detail::take_ranges(all);
    std::vector<std::string> labels;
    for (const auto& [name, tensor] : all)
        if (name.ends_with(detail::levels_end))
            labels.push_back(name.substr(0, name.size() - detail::levels_end.size()));
    for (const std::string& label : labels) {
        rounded_layer& layer = trained.rounded[label];
        for (const float v : detail::take_values(all, label + std::string(detail::levels_end), source))
            layer.weights.push_back(detail::level_of(v, label, source));
        layer.scales = detail::take_values(all, label + std::string(detail::scales_end), source);
        layer.bias = detail::take_values(all, label + std::string(detail::biases_end), source);
    }
    trained.weights = std::move(all);
    return trained;
}

}  // namespace tensor_compress
