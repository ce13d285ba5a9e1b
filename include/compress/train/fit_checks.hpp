// SPDX-License-Identifier: MIT
#pragma once

#include <compress/graph/glob.hpp>
#include <compress/tensor/masks.hpp>
#include <compress/train/parameters.hpp>
#include <compress/train/split_records.hpp>

namespace tensor_compress::detail {

inline bool matches(const std::string& pattern, const parameter_group& g) {
    return glob_match(pattern.c_str(), g.tensor.substr(0, g.tensor.rfind('.')).c_str());
}
inline bool is_frozen(const fit_options& options, const parameter_group& g) {
    return std::any_of(options.frozen.begin(), options.frozen.end(),
                       [&](const std::string& pattern) { return matches(pattern, g); });
}

inline void expect_records(const split_records& records, std::size_t inputs, std::size_t input_count) {
    if (records.data.size() == 0) throw error("fit", "no records", "give at least one");
    if (input_count != 1 || records.data.record_size() != inputs)
        throw error("fit",
                    "records of " + std::to_string(records.data.record_size()) +
                        " values for a model whose input has " + std::to_string(inputs),
                    "pass records in the layout of the model, channels last");
    if (records.count() == 0)
        throw error("fit", "all " + std::to_string(records.data.size()) + " records are held out",
                    "hold out a share below 1, a tenth is usual");
}

/// What options say, before anything is computed.
inline void expect_sensible(const fit_options& options, const training_plan& plan) {
    if (options.held_out && !(*options.held_out >= 0 && *options.held_out < 1))
        throw error("fit", "a share of " + short_number(*options.held_out) + " of the records held out",
                    "it lies from 0 to below 1, 0.1 is usual");
    if (plan.batch < 1 || plan.epochs < 0)
        throw error("fit",
                    "batches of " + std::to_string(plan.batch) + " records, " + std::to_string(plan.epochs) + " epochs",
                    "give at least one record to a batch, and no negative number of epochs");
    if (!(plan.augment.mix >= 0 && plan.augment.mix <= 1))
        throw error("fit", "blends with a share of up to " + std::to_string(plan.augment.mix),
                    "a share lies from 0 to 1; 0.5 makes all blends likely");
    const double rate = std::visit([](const auto& rule) { return rule.rate; }, plan.optimizer);
    if (!(rate >= 0))
        throw error("fit", "a rate of " + std::to_string(rate), "it is not below 0; 0.0001 to 0.01 are usual");
}

inline void expect_frozen(const fit_options& options, const std::vector<parameter_group>& groups) {
    for (const std::string& pattern : options.frozen)
        if (std::none_of(groups.begin(), groups.end(), [&](const parameter_group& g) { return matches(pattern, g); }))
            throw error("fit", "no layer with parameters is called '" + pattern + "'",
                        "freeze layers by their labels; * stands for anything");
}

/// Masks of some tensors as a factor for each parameter, 0 or 1; empty where there are no masks.
template <const auto& Model>
aligned_floats packed_masks(const named_tensors* masks, named_tensors all) {
    if (masks == nullptr) return {};
    for (auto& [name, tensor] : all) std::fill_n(tensor.data(), tensor.size(), 1.0f);
    for (const auto& [name, mask] : *masks) {
        array<float>& kept = tensor_of_mask(all, name, mask, "fit");
        const auto odd = std::find_if(mask.begin(), mask.end(), [](float v) { return v != 0 && v != 1; });
        if (odd != mask.end())
            throw error("fit", "the mask " + name + " holds " + std::to_string(*odd),
                        "a mask is 0 where a weight stays 0, and 1 where it is trained");
        if (std::all_of(mask.data(), mask.data() + mask.size(), [](float v) { return v == 0; }))
            throw error("fit", "the mask " + name + " leaves the layer no weight",
                        "keep at least one, or remove the layer");
        kept = mask;
    }
    return to_parameters<Model>(all);
}

/// The size of each group's numbers, which steps of a relative optimiser are a share of: the root mean square of those
/// that are not 0. A bias is taken for the weight of an input that is as large as the others, of which the gradients
/// tell: that of a weight is the bias's times its input.
///
/// @param  gradients  of a batch, by place like the parameters
inline void set_units(std::vector<parameter_group>& groups, std::span<const float> parameters,
                      std::span<const float> gradients) {
    const auto size_of = [](std::span<const float> numbers, const parameter_group& g, bool skips_zeros) {
        double squares = 0;
        int count = 0;
        for (const float v : numbers.subspan(static_cast<std::size_t>(g.place), static_cast<std::size_t>(g.floats))) {
            squares += static_cast<double>(v) * static_cast<double>(v);
            count += v != 0 || !skips_zeros ? 1 : 0;
        }
        return count > 0 ? std::sqrt(squares / count) : 0.0;
    };
    constexpr double of_zeros = 0.1;  // of weights that begin as zeros, as large as those of a hundred inputs
    for (std::size_t i = 0; i < groups.size(); ++i) {
        parameter_group& g = groups[i];
        const bool is_bias = g.tensor.ends_with(".bias") && i > 0;
        if (!is_bias) {
            const double size = size_of(parameters, g, true);
            g.unit = size > 0 ? size : of_zeros;
            continue;
        }
        const parameter_group& weight = groups[i - 1];
        const double of_weight = size_of(gradients, weight, false), of_bias = size_of(gradients, g, false);
        g.unit = weight.unit * (weight.decays && of_weight > 0 && of_bias > 0 ? of_weight / of_bias : 1);
    }
}

}  // namespace tensor_compress::detail
