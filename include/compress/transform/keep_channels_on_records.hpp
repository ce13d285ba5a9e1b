// SPDX-License-Identifier: MIT
#pragma once

#include <compress/transform/keep_channels.hpp>
#include <compress/transform/reconstruct.hpp>

namespace tensor_compress {

namespace detail {

/// Zeros where a mask is 0, of weights in the order of their tensor; an output that has no weights left has no bias
/// either.
inline void apply_mask(const array<float>& mask, effective_weights& weights) {
    for (std::size_t o = 0; o < weights.outputs; ++o) {
        bool is_left = false;
        for (std::size_t k = 0; k < weights.terms; ++k) {
            const float stays = mask.data()[o * weights.terms + k];
            weights.weights[o * weights.terms + k] *= stays;
            is_left = is_left || stays != 0;
        }
        if (!is_left) weights.bias[o] = 0;
    }
}

}  // namespace detail

/// The same channels as keep_channels<Model, Smaller>(weights, scores), with weights that make up for those that are
/// gone: layer after layer, least squares towards what the whole net gives on records, for the inputs that are left.
/// Source: He, Zhang, Sun 2017, Channel Pruning for Accelerating Very Deep Neural Networks, section 3.1.
///
/// @param  records  one span of values per record, for models with one input; some hundreds
/// @param  pull     towards the weights that are there, as in gptq_options
/// @throws error as keep_channels; where there are no records
template <const auto& Model, const auto& Smaller, class Records>
named_tensors keep_channels(const named_tensors& weights, const channel_scores& scores, const Records& records,
                            double pull = 0.1) {
    expect_weights(Model, weights, "keep_channels");
    const kept_channels kept = detail::choose_channels(Model, Smaller, scores);
    const named_tensors masks = detail::channel_masks(Model, kept);
    named_tensors fitted = weights;
    change_layers<Model>(weights, records, [&]<const node & Node>(layer_to_change& layer) {
        const std::size_t group_size = layer.group_outputs() * layer.weights.terms;
        for (std::size_t group = 0; group < layer.groups.size(); ++group) {
            const matrix found = fitted_weights(layer, group, pull);
            std::copy_n(found.data(), group_size, layer.weights.weights.data() + group * group_size);
        }
        const array<float>& mask = masks.find(layer.label + ".weight")->second;
        detail::apply_mask(mask, layer.weights);
        if (holds_bias(Model, Node)) correct_biases(layer);
        detail::apply_mask(mask, layer.weights);
        store_effective_weights(Model, Node, layer.weights, fitted);
    });
    named_tensors fewer = cut_channels(Model, std::move(fitted), kept);
    expect_weights(Smaller, fewer, "keep_channels");
    return fewer;
}

}  // namespace tensor_compress
