// SPDX-License-Identifier: MIT
#pragma once

#include <compress/transform/reconstruct.hpp>

namespace tensor_compress {

namespace detail {

/// Node of the lowered model with that label.
template <int Capacity>
constexpr int product_called(const model<Capacity>& m, const label& name) {
    for (int id = 0; id < m.count; ++id)
        if (is_product(m[id].kind) && m[id].name == name) return id;
    return -1;
}

}  // namespace detail

/// Weights of a smaller model whose layer `name` comes as near as it can to what the layer of that label gives in the
/// whole model, on records and for what the smaller model's own layers before it give: least squares, drawn to the
/// weights that are there, and the bias that is left. For the last part of a layer that was split by low_rank,
/// spatial_low_rank or tucker, and for a layer behind one that lost channels.
///
/// @param  weights  of Model
/// @param  smaller  of Smaller
/// @param  records  one span of values per record, for models with one input
/// @param  pull     towards the weights that are there, as in gptq_options
/// @throws error naming the layer where either model has none with weights of that label, or of other outputs; where
///         there are no records; listing weights that do not fit their model
template <const auto& Model, const auto& Smaller, class Records>
named_tensors refit_layer(const std::string& name, const named_tensors& weights, named_tensors smaller,
                          const Records& records, double pull = 0.001) {
    using wanted_net = net<Model, all_fp32, native, lowering::observed>;
    using found_net = net<Smaller, all_fp32, native, lowering::observed>;
    const int target = detail::product_called(wanted_net::graph, label(name.c_str()));
    const int changed = detail::product_called(found_net::graph, label(name.c_str()));
    if (target < 0 || changed < 0)
        throw error("refit_layer",
                    "no layer with weights is called '" + name + "' in " + (target < 0 ? "the whole" : "the smaller") +
                        " model",
                    "name a layer that both have");
    if (!(wanted_net::graph[target].output == found_net::graph[changed].output))
        throw error(name,
                    "gives " + std::to_string(found_net::graph[changed].output.elements()) +
                        " values in the smaller model, " + std::to_string(wanted_net::graph[target].output.elements()) +
                        " in the whole one",
                    "refit a layer that has all of its outputs");
    if (records.begin() == records.end())
        throw error("refit_layer", "no records", "give at least one; 128 to 1024 are usual");
    const node& n = found_net::graph[changed];
    const conv_geometry g = geometry_of(found_net::graph[n.inputs[0]].output, n);
    const auto whole = convert<wanted_net>(weights);
    const auto current = convert<found_net>(smaller);
    runner<wanted_net> expect(whole);
    runner<found_net> run(current);
    layer_moments moments(g);
    std::array<std::vector<float>, 2> was, is;
    for (const std::span<const float> record : records) {
        expect.set_input(0, record);
        expect.execute(detail::value_observer<wanted_net>{{target, -1}, was});
        run.set_input(0, record);
        run.execute(detail::value_observer<found_net>{{n.inputs[0], -1}, is});
        moments.add(is[0], was[0]);
    }
    layer_to_change layer{name, g, effective_weights_of(Smaller, n, smaller), moments.finish()};
    const std::size_t group_size = layer.group_outputs() * layer.weights.terms;
    for (std::size_t group = 0; group < layer.groups.size(); ++group) {
        const matrix fitted = fitted_weights(layer, group, pull);
        std::copy_n(fitted.data(), group_size, layer.weights.weights.data() + group * group_size);
    }
    if (holds_bias(Smaller, n)) correct_biases(layer);
    store_effective_weights(Smaller, n, layer.weights, smaller);
    return smaller;
}

}  // namespace tensor_compress
