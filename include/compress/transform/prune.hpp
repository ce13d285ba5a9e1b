// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <compress/graph/glob.hpp>
#include <compress/tensor/masks.hpp>
#include <compress/tensor/named_weights.hpp>
#include <compress/tensor/random_stream.hpp>

namespace tensor_compress {

/// What makes a single weight important. Source of the first: Han et al. 2015, Learning both Weights and Connections.
enum class importance : unsigned char {
    magnitude,  ///< |w|
    random,     ///< nothing: a baseline; what is 0 already goes before what is not
};

/// Whether each layer loses the same share of its weights, or the least important ones of all layers go.
enum class prune_scope : unsigned char { layer, global };

struct prune_options {
    double ratio = 0.5;    ///< share of the weights that become 0
    double threshold = 0;  ///< above 0: instead of a share, all weights whose |w| is below it
    importance by = importance::magnitude;
    prune_scope scope = prune_scope::layer;
    std::vector<std::string> layers{"*"};  ///< globs over labels
    std::uint64_t seed = 1;                ///< of importance::random
};

/// Weights some of which are 0, and masks of 0 and 1 that keep them so in further training (fit_options::masks).
struct pruned {
    named_tensors weights, masks;
};

namespace detail {

inline void expect_ratio(double ratio) {
    if (!(ratio >= 0 && ratio < 1))
        throw error("prune", "a ratio of " + std::to_string(ratio),
                    "it is the share of weights that become 0, from 0 to below 1");
}

/// One number for each weight; the least important ones go.
inline std::vector<double> importances_of(const array<float>& weights, importance by, random_stream random) {
    std::vector<double> all;
    for (const float w : weights) {
        const double drawn = by == importance::random ? random.uniform(0, 1) : 0;
        all.push_back(by == importance::magnitude ? std::abs(static_cast<double>(w)) : w == 0 ? -1 : drawn);
    }
    return all;
}

/// @throws error naming the layer that would keep no weight
inline void expect_weights_left(const std::string& name, const array<float>& mask) {
    if (std::any_of(mask.data(), mask.data() + mask.size(), [](float v) { return v != 0; })) return;
    throw error(name.substr(0, name.rfind('.')), "would keep none of its " + std::to_string(mask.size()) + " weights",
                "prune less, layer by layer, or leave this layer out");
}

/// Names of the weights of the products whose labels match one of the globs.
template <int Capacity>
std::vector<std::string> weights_matching(const model<Capacity>& m, const std::vector<std::string>& globs) {
    std::vector<std::string> names;
    for (const std::string& glob : globs) {
        bool matched = false;
        for (int id = 0; id < m.count; ++id) {
            if (!is_product(m[id].kind) || !glob_match(glob.c_str(), m[id].name.text)) continue;
            matched = true;
            const std::string name = text_of(m[id].name) + ".weight";
            if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
        }
        if (!matched)
            throw error("prune", "no layer with weights is called '" + glob + "'",
                        "name layers by their labels; * stands for anything");
    }
    return names;
}

/// Sets the mask of the `ratio` least important of some weights to 0; of equals the earlier go.
inline void mask_least(const std::vector<double>& importances, double ratio, std::vector<float>& mask) {
    std::vector<std::size_t> order(importances.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    const auto gone = static_cast<std::size_t>(std::llround(ratio * static_cast<double>(order.size())));
    std::nth_element(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(gone), order.end(),
                     [&](std::size_t a, std::size_t b) {
                         return importances[a] != importances[b] ? importances[a] < importances[b] : a < b;
                     });
    mask.assign(order.size(), 1.0f);
    for (std::size_t i = 0; i < gone; ++i) mask[order[i]] = 0;
}

}  // namespace detail

/// The weights with 0 where masks are 0.
///
/// @throws error where a mask has the name or the shape of no weight
inline named_tensors apply_masks(named_tensors weights, const named_tensors& masks) {
    for (const auto& [name, mask] : masks) {
        float* w = tensor_of_mask(weights, name, mask, "apply_masks").data();
        for (std::size_t i = 0; i < mask.size(); ++i) w[i] *= mask.data()[i];
    }
    return weights;
}

/// Share of zeros among the weights that have a mask.
inline double sparsity_of(const named_tensors& masks) {
    double zeros = 0, all = 0;
    for (const auto& [name, mask] : masks) {
        zeros += static_cast<double>(std::count(mask.data(), mask.data() + mask.size(), 0.0f));
        all += static_cast<double>(mask.size());
    }
    return all > 0 ? zeros / all : 0;
}

/// Zeroes the least important weights of a model, without looking at data. To store them in fewer bytes give the layers
/// a pattern in the recipe: unstructured<percent>, n_of_m or block.
///
/// @throws error where a ratio or a glob makes no sense, and naming the layer that would keep no weight
template <const auto& Model>
pruned prune(const named_tensors& weights, const prune_options& options = {}) {
    detail::expect_ratio(options.ratio);
    if (!(options.threshold >= 0))
        throw error("prune", "a threshold of " + std::to_string(options.threshold),
                    "weights whose size is below it become 0; it is not below 0 itself");
    expect_weights(Model, weights, "prune");
    const auto names = detail::weights_matching(Model, options.layers);
    std::vector<std::vector<double>> importances;
    std::uint64_t stream = 0;
    for (const std::string& name : names)
        importances.push_back(
            detail::importances_of(weights.find(name)->second, options.by, random_stream(options.seed, stream++)));
    pruned result{weights, {}};
    std::vector<float> flat;
    if (options.threshold > 0) {
        for (const std::string& name : names) {
            array<float>& mask = result.masks[name] = weights.find(name)->second;
            for (float& w : mask) w = std::abs(static_cast<double>(w)) < options.threshold ? 0.0f : 1.0f;
            detail::expect_weights_left(name, mask);
        }
        result.weights = apply_masks(std::move(result.weights), result.masks);
        return result;
    }
    if (options.scope == prune_scope::global) {
        std::vector<double> all;
        for (const auto& i : importances) all.insert(all.end(), i.begin(), i.end());
        detail::mask_least(all, options.ratio, flat);
    }
    std::size_t first = 0;
    for (std::size_t i = 0; i < names.size(); ++i) {
        const array<float>& w = weights.find(names[i])->second;
        array<float>& mask = result.masks[names[i]] = make_array<float>(shape_of(w));
        if (options.scope == prune_scope::layer) {
            detail::mask_least(importances[i], options.ratio, flat);
            first = 0;
        }
        std::copy_n(flat.begin() + static_cast<std::ptrdiff_t>(first), w.size(), mask.data());
        first += w.size();
        detail::expect_weights_left(names[i], mask);
    }
    result.weights = apply_masks(std::move(result.weights), result.masks);
    return result;
}

}  // namespace tensor_compress
