// SPDX-License-Identifier: MIT
#pragma once

#include <compress/transform/layer_roundings.hpp>
#include <compress/transform/prune.hpp>

namespace tensor_compress {

namespace detail {

/// 1 for the weights of a layer, [outputs * terms], that its format stores: the largest that the pattern allows.
template <class Rounding>
array<float> mask_of_pattern(effective_weights layer, const std::vector<std::size_t>& extents) {
    keep_largest(layer.weights,
                 cells_of<typename Rounding::precision, typename Rounding::sparsity, Rounding::geometry>());
    auto mask = make_array<float>(extents);
    std::transform(layer.weights.begin(), layer.weights.end(), mask.data(),
                   [](float w) { return w != 0 ? 1.0f : 0.0f; });
    return mask;
}

}  // namespace detail

/// Zeroes the weights that `Net` cannot store: those outside the patterns of its recipe (unstructured, n_of_m, block).
/// Training with the masks keeps exactly the zeros that `convert<Net>` will leave out, which then drops nothing more.
///
/// Compared are weights with what is folded into their layer, as `convert` compares them: single ones by magnitude,
/// blocks by their sum of squares. Source: Han et al. 2015, Learning both Weights and Connections; Narang et al. 2017,
/// Block-Sparse Recurrent Neural Networks.
///
/// @param  weights  of Net::model; layers without a pattern of zeros keep all of theirs, and get no mask
/// @throws error that lists tensors which are missing or of another shape; naming the layer that would keep no weight
template <net_type Net>
pruned prune_to_pattern(const named_tensors& weights) {
    using observed = net<Net::model, all_fp32, native, lowering::observed>;
    expect_weights(Net::model, weights, "prune_to_pattern");
    pruned result{weights, {}};
    for_constants<observed::node_count>([&]<int Id>() {
        if constexpr (is_product(observed::graph.nodes[Id].kind)) {
            using rounding = detail::rounding_of<Net, observed::graph.nodes[Id]>;
            if constexpr (zero_sparsity<typename rounding::sparsity>) {
                const std::string name = text_of(rounding::n.name) + ".weight";
                result.masks[name] = detail::mask_of_pattern<rounding>(
                    effective_weights_of(Net::model, rounding::n, weights), shape_of(weights.find(name)->second));
                detail::expect_weights_left(name, result.masks[name]);
            }
        }
    });
    result.weights = apply_masks(std::move(result.weights), result.masks);
    return result;
}

}  // namespace tensor_compress
