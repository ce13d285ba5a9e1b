// SPDX-License-Identifier: MIT
#pragma once

#include <compress/transform/convert.hpp>

namespace tensor_compress {

namespace detail {

/// The weights of node `Id` of `Net`, rounded as if the whole layer were one output.
template <class Net, int Id>
rounded_layer layer_of_one_step(const named_tensors& weights) {
    constexpr const node& n = Net::graph.nodes[Id];
    using format = format_of<typename Net::recipe_type, Net::graph.nodes[Id].format>;
    using precision = typename format::precision;
    using sparsity = typename format::sparsity;
    constexpr conv_geometry g = geometry_of(Net::graph.nodes[n.inputs[0]].output, n).flattened();
    effective_weights e = effective_weights_of(Net::model, n, weights);
    if constexpr (zero_sparsity<sparsity>) keep_largest(e.weights, cells_of<precision, sparsity, g>());
    weight_format one_step = weight_format_of<precision, g>();
    one_step.groups.clear();
    rounded_layer rounded;
    rounded.weights.resize(e.weights.size());
    const double step = round_weights(e.weights, one_step, 0, rounded.weights);
    rounded.scales.assign(e.outputs, static_cast<float>(step));
    rounded.bias = e.bias;
    return rounded;
}

}  // namespace detail

/// Integers for all layers of `Net` that have integer weights, rounded to nearest with one step for a whole layer
/// instead of one for each output: what quantisation per channel is compared with. Groups have that step too; tables
/// (codebook) are left to convert. Source: Krishnamoorthi 2018, Quantizing Deep Convolutional Networks for Efficient
/// Inference, section 2.
///
/// `convert<Net>(weights, seen, round_per_tensor<Net>(weights))`
///
/// @param  weights  float weights by name
/// @throws error as `convert` for the weights
template <class Net>
rounded_layers round_per_tensor(const named_tensors& weights) {
    expect_weights(Net::model, weights, "round_per_tensor");
    rounded_layers all;
    for_constants<Net::node_count>([&]<int Id>() {
        constexpr const node& n = Net::graph.nodes[Id];
        if constexpr (is_product(n.kind)) {
            using format = format_of<typename Net::recipe_type, Net::graph.nodes[Id].format>;
            using precision = typename format::precision;
            constexpr bool rounds = integer_precision<precision> || weight_only_precision<precision>;
            if constexpr (rounds && !table_sparsity<typename format::sparsity>)
                all.emplace(text_of(n.name), detail::layer_of_one_step<Net, Id>(weights));
        }
    });
    return all;
}

}  // namespace tensor_compress
