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

/// Prunes a layer, and fits what is left.
///
/// @param  see  see(removals of a group): all that might go, in their order
/// @return  [outputs, terms], 0 where a weight has gone
template <const auto& Model, const node& Node, class See>
std::vector<char> prune_layer(layer_to_change& layer, double ratio, const prune_on_records_options& options,
                              const See& see) {
    const std::size_t outputs = layer.group_outputs(), terms = layer.weights.terms;
    std::vector<char> kept(layer.weights.weights.size());
    for (std::size_t group = 0; group < layer.groups.size(); ++group) {
        const std::size_t first = group * outputs;
        if (!holds_bias(Model, Node))
            layer.groups[group] =
                about_zero(std::move(layer.groups[group]), std::span(layer.weights.bias).subspan(first, outputs));
        const matrix c = damped(layer.groups[group].inputs, options.damping);
        const matrix wanted = fitted_weights(layer, group, options.pull);
        const std::vector<removal> removals = removals_of(c, wanted, ratio);
        see(removals);
        const pruned_group found = prune_group(c, wanted, removals, ratio);
        std::copy(found.kept.begin(), found.kept.end(), kept.begin() + static_cast<std::ptrdiff_t>(first * terms));
        for (std::size_t i = 0; i < outputs * terms; ++i)
            layer.weights.weights[first * terms + i] = static_cast<float>(found.weights.data()[i]);
    }
    if (holds_bias(Model, Node)) correct_biases(layer);
    return kept;
}

/// The share of its weights that each layer loses, by label, so that `ratio` of all become 0 and the net loses least:
/// the sum over the layers of what they lose themselves, as parts of what they give, each times how much of such a loss
/// reaches the outputs when the layer alone has it.
template <const auto& Model, class Records, class Wanted>
std::map<std::string, double> share_out_zeros(const named_tensors& weights, const Records& records,
                                              const prune_on_records_options& options, const Wanted& wanted) {
    struct step {
        double cost;
        std::size_t layer;
    };
    std::vector<step> steps;
    std::vector<std::pair<std::string, double>> layers;  ///< how many weights each has
    const output_judge<Model> judge(weights, records, options.outputs);
    change_layers<Model>(
        weights, records,
        [&]<const node & Node>(layer_to_change& layer) {
            const effective_weights before = layer.weights;
            const auto outputs = static_cast<double>(before.outputs);
            const std::size_t first = steps.size();
            double own = 0;
            prune_layer<Model, Node>(layer, options.ratio, options, [&](const std::vector<removal>& removals) {
                const std::size_t gone = share_of(options.ratio, layer.group_outputs() * before.terms);
                for (std::size_t i = 0; i < removals.size(); ++i) {
                    steps.push_back({removals[i].cost / outputs, layers.size()});
                    if (i < gone) own += removals[i].cost / outputs;
                }
            });
            named_tensors changed = weights;
            store_effective_weights(Model, Node, layer.weights, changed);
            const double reaching = own > 0 ? judge(changed) / own : 1;
            for (std::size_t i = first; i < steps.size(); ++i) steps[i].cost *= reaching;
            layers.emplace_back(layer.label, static_cast<double>(before.weights.size()));
            layer.weights = before;  // the layers behind it see the net as it was
        },
        wanted);
    std::sort(steps.begin(), steps.end(),
              [](const step& a, const step& b) { return std::tie(a.cost, a.layer) < std::tie(b.cost, b.layer); });
    double all = 0;
    for (const auto& [label, count] : layers) all += count;
    const std::size_t gone = std::min(steps.size(), share_of(options.ratio, static_cast<std::size_t>(all)));
    std::map<std::string, double> shares;
    for (std::size_t i = 0; i < gone; ++i) {
        const auto& [label, count] = layers[steps[i].layer];
        shares[label] += 1 / count;
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
    std::map<std::string, double> shares;
    if (options.scope == prune_scope::global)
        shares = detail::share_out_zeros<Model>(weights, records, options, wanted);
    pruned result{weights, {}};
    change_layers<Model>(
        weights, records,
        [&]<const node & Node>(layer_to_change& layer) {
            const double ratio = options.scope == prune_scope::global ? shares[layer.label] : options.ratio;
            const auto kept = detail::prune_layer<Model, Node>(layer, ratio, options, [](const auto&) {});
            const std::string name = layer.label + ".weight";
            array<float>& mask = result.masks[name] = make_array<float>(shape_of(weights.find(name)->second));
            for (std::size_t i = 0; i < kept.size(); ++i) mask.data()[i] = kept[i] ? 1.0f : 0.0f;
            store_effective_weights(Model, Node, layer.weights, result.weights);
        },
        wanted);
    return result;
}

}  // namespace tensor_compress
