// SPDX-License-Identifier: MIT
#pragma once

#include <map>
#include <string>
#include <vector>

#include <compress/net/net.hpp>
#include <compress/transform/convert.hpp>

namespace tensor_compress {

/// A type that is a variant of a model.
template <class Net>
concept net_type = requires {
    Net::model;
    Net::recipe;
    Net::node_count;
};

/// How the weights of a layer are rounded.
struct layer_rounding {
    weight_format format{};
    std::vector<char> kept{};  ///< [outputs, terms], 0 where a pattern has zeros; empty: all
};
using layer_roundings = std::map<std::string, layer_rounding, std::less<>>;  ///< by label; others stay as they are

namespace detail {

/// How `Net` stores the weights of a layer that is node `Observed` of the float net.
template <class Net, const node& Observed>
struct rounding_of {
    static constexpr int id = [] {
        int found = 0;
        while (!is_product(Net::graph[found].kind) || Net::graph[found].origin != Observed.origin) ++found;
        return found;
    }();
    static constexpr const node& n = Net::graph.nodes[id];
    using format = format_of<typename Net::recipe_type, n.format>;
    using precision = typename format::precision;
    using sparsity = typename format::sparsity;
    static constexpr conv_geometry geometry = geometry_of(Net::graph[n.inputs[0]].output, n).flattened();
    /// Tables are chosen when they are packed.
    static constexpr bool rounds =
        (integer_precision<precision> || weight_only_precision<precision>)&&!table_sparsity<sparsity>;
};

}  // namespace detail

/// How `Net` rounds its layers. Patterns of zeros keep the largest of these weights.
template <net_type Net>
layer_roundings roundings_of(const named_tensors& weights) {
    using observed = net<Net::model, all_fp32, native, lowering::observed>;
    expect_weights(Net::model, weights, "roundings_of");
    layer_roundings all;
    for_constants<observed::node_count>([&]<int Id>() {
        if constexpr (is_product(observed::graph.nodes[Id].kind)) {
            using rounding = detail::rounding_of<Net, observed::graph.nodes[Id]>;
            using precision = typename rounding::precision;
            using sparsity = typename rounding::sparsity;
            if constexpr (rounding::rounds) {
                layer_rounding& layer = all[text_of(rounding::n.name)];
                layer.format = weight_format_of<precision, rounding::geometry>();
                if constexpr (zero_sparsity<sparsity>) {
                    effective_weights e = effective_weights_of(Net::model, rounding::n, weights);
                    keep_largest(e.weights, cells_of<precision, sparsity, rounding::geometry>());
                    for (const float w : e.weights) layer.kept.push_back(w != 0);
                }
            }
        }
    });
    return all;
}

}  // namespace tensor_compress
