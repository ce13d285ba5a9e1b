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

/// What a layer's weights are rounded to.
struct layer_levels {
    weight_format format = {};
    std::vector<char> kept = {};         ///< [outputs * terms], 0 where a weight has to be 0; empty: nowhere
    std::vector<row_table> tables = {};  ///< [outputs], instead of the format's grid; empty: none
};
using layer_roundings = std::map<std::string, layer_levels, std::less<>>;  ///< by label; others stay as they are

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
    using layer = typename Net::template layer<id>;
    static constexpr bool rounds = integer_precision<precision> || weight_only_precision<precision>;
};

/// The levels of a format, as `Layer` stores it, for these weights. Where it is a pattern of zeros, the largest weights
/// stay that it allows; where it is a table, that is the one which suits the weights best before they are rounded.
template <class Format, class Layer, conv_geometry G>
layer_levels levels_of(const effective_weights& weights) {
    using precision = typename Format::precision;
    using sparsity = typename Format::sparsity;
    layer_levels levels{weight_format_of<precision, G>()};
    if constexpr (table_sparsity<sparsity>)
        levels.tables = choose_tables<typename Layer::order, G>(weights, 1 << sparsity::bits);
    if constexpr (zero_sparsity<sparsity>) {
        std::vector<float> pruned = weights.weights;
        keep_largest(pruned, cells_of<precision, sparsity, G>());
        for (const float w : pruned) levels.kept.push_back(w != 0);
    }
    return levels;
}

}  // namespace detail

/// How `Net` rounds its layers, given their weights.
template <net_type Net>
layer_roundings roundings_of(const named_tensors& weights) {
    using observed = net<Net::model, all_fp32, native, lowering::observed>;
    expect_weights(Net::model, weights, "roundings_of");
    layer_roundings all;
    for_constants<observed::node_count>([&]<int Id>() {
        if constexpr (is_product(observed::graph.nodes[Id].kind)) {
            using rounding = detail::rounding_of<Net, observed::graph.nodes[Id]>;
            if constexpr (rounding::rounds)
                all.emplace(text_of(rounding::n.name),
                            detail::levels_of<typename rounding::format, typename rounding::layer, rounding::geometry>(
                                effective_weights_of(Net::model, rounding::n, weights)));
        }
    });
    return all;
}

}  // namespace tensor_compress
