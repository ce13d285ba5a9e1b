// SPDX-License-Identifier: MIT
#pragma once

#include <map>

#include <compress/transform/output_error.hpp>
#include <compress/transform/prune.hpp>
#include <compress/transform/reconstruct.hpp>
#include <compress/transform/weight_removal.hpp>

namespace tensor_compress {

struct prune_on_records_options {
    double ratio = 0.5;                      ///< share of the weights that become 0
    prune_scope scope = prune_scope::layer;  ///< global: of all layers together, shared out by what it costs the net
    output_kind outputs = output_kind::classes;  ///< what that is told by
    double damping = 0.001;                      ///< of the moments, as a part of the mean of their diagonal
    double pull = 0.1;  ///< towards the weights as they were, when they are fitted to their targets; the same part
    std::vector<std::string> layers{"*"};  ///< globs over labels
};

namespace detail {

/// Zeroes weights of a layer, and fits what is left.
///
/// @param  keep  keep(moments of a group's inputs, its weights as wanted, group) is 1 for what stays
/// @return  [outputs * terms], what stayed
template <const auto& Model, const node& Node, class Keep>
std::vector<char> prune_layer(layer_to_change& layer, double damping, double pull, const Keep& keep) {
    const std::size_t outputs = layer.group_outputs(), terms = layer.weights.terms;
    std::vector<char> all;
    for (std::size_t group = 0; group < layer.groups.size(); ++group) {
        const std::size_t first = group * outputs;
        if (!holds_bias(Model, Node))
            layer.groups[group] =
                about_zero(std::move(layer.groups[group]), std::span(layer.weights.bias).subspan(first, outputs));
        const matrix c = damped(layer.groups[group].inputs, damping);
        const matrix wanted = fitted_weights(layer, group, pull);
        const std::vector<char> kept = keep(c, wanted, group);
        const matrix fitted = fit_kept(c, wanted, kept);
        for (std::size_t i = 0; i < outputs * terms; ++i)
            layer.weights.weights[first * terms + i] = static_cast<float>(fitted.data()[i]);
        all.insert(all.end(), kept.begin(), kept.end());
    }
    if (holds_bias(Model, Node)) correct_biases(layer);
    return all;
}
inline array<float> mask_of(const std::vector<char>& kept, const array<float>& weights) {
    auto mask = make_array<float>(shape_of(weights));
    std::copy(kept.begin(), kept.end(), mask.data());
    return mask;
}

/// The share of its weights that each group of a layer's outputs loses, by label, so that `ratio` of all become 0 and
/// the net loses least: the sum over the layers of what they lose themselves, as parts of what they give, each times
/// how much of such a loss reaches the outputs when the layer alone has it.
template <const auto& Model, class Records, class Wanted>
std::map<std::string, std::vector<double>> share_out_zeros(const named_tensors& weights, const Records& records,
                                                           const prune_on_records_options& options,
                                                           const Wanted& wanted) {
    struct step {
        double cost;
        std::size_t group;  ///< among those of all layers
    };
    struct group_of_layer {
        std::string label;
        std::size_t index, weights;
    };
    std::vector<step> steps;
    std::vector<group_of_layer> groups;
    std::size_t all = 0;
    const output_judge<Model> judge(weights, records, options.outputs);
    change_layers<Model>(
        weights, records,
        [&]<const node & Node>(layer_to_change& layer) {
            const effective_weights before = layer.weights;
            const auto outputs = static_cast<double>(before.outputs);
            const std::size_t first = steps.size();
            double own = 0;
            const auto keep = [&](const matrix& c, const matrix& weights_of_group, std::size_t group) {
                const auto removals = removals_of(c, weights_of_group, options.ratio);
                const std::size_t gone = share_of(options.ratio, weights_of_group.size());
                for (std::size_t i = 0; i < removals.size(); ++i) {
                    steps.push_back({removals[i].cost / outputs, groups.size()});
                    if (i < gone) own += removals[i].cost / outputs;
                }
                groups.push_back({layer.label, group, weights_of_group.size()});
                return kept_after(removals, gone, weights_of_group);
            };
            prune_layer<Model, Node>(layer, options.damping, options.pull, keep);
            named_tensors changed = weights;
            store_effective_weights(Model, Node, layer.weights, changed);
            const double reaching = own > 0 ? judge(changed) / own : 1;
            for (std::size_t i = first; i < steps.size(); ++i) steps[i].cost *= reaching;
            all += before.weights.size();
            layer.weights = before;  // the layers behind it see the net as it was
        },
        wanted);
    std::sort(steps.begin(), steps.end(),
              [](const step& a, const step& b) { return std::tie(a.cost, a.group) < std::tie(b.cost, b.group); });
    std::map<std::string, std::vector<double>> shares;
    for (const group_of_layer& g : groups) shares[g.label].resize(g.index + 1);
    for (std::size_t i = 0; i < std::min(steps.size(), share_of(options.ratio, all)); ++i) {
        const group_of_layer& g = groups[steps[i].group];
        shares[g.label][g.index] += 1 / static_cast<double>(g.weights);
    }
    return shares;
}

}  // namespace detail

/// Zeroes weights of a model where records show that it costs least, and fits those that are left so that each layer
/// gives what it gave, of what the layers before it give now; biases too, where a layer has them. Nothing is trained.
///
/// @param  records  one span of values per record, for a model with one input; a hundred to a thousand
/// @throws error as `prune`, and where there are no records
template <const auto& Model, class Records>
pruned prune_on_records(const named_tensors& weights, const Records& records,
                        const prune_on_records_options& options = {}) {
    detail::expect_ratio(options.ratio);
    const auto names = detail::weights_matching(Model, options.layers);
    const auto wanted = [&]<const node & Node>() {
        return std::find(names.begin(), names.end(), text_of(Node.name) + ".weight") != names.end();
    };
    std::map<std::string, std::vector<double>> shares;
    if (options.scope == prune_scope::global)
        shares = detail::share_out_zeros<Model>(weights, records, options, wanted);
    pruned result{weights, {}};
    change_layers<Model>(
        weights, records,
        [&]<const node & Node>(layer_to_change& layer) {
            const auto keep = [&](const matrix& c, const matrix& weights_of_group, std::size_t group) {
                const double ratio = options.scope == prune_scope::global ? shares[layer.label][group] : options.ratio;
                return detail::kept_after(detail::removals_of(c, weights_of_group, ratio),
                                          detail::share_of(ratio, weights_of_group.size()), weights_of_group);
            };
            const auto kept = detail::prune_layer<Model, Node>(layer, options.damping, options.pull, keep);
            const std::string name = layer.label + ".weight";
            result.masks[name] = detail::mask_of(kept, weights.find(name)->second);
            store_effective_weights(Model, Node, layer.weights, result.weights);
        },
        wanted);
    return result;
}

}  // namespace tensor_compress
