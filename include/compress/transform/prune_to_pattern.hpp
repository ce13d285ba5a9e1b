// SPDX-License-Identifier: MIT
#pragma once

#include <map>
#include <set>

#include <compress/transform/layer_roundings.hpp>
#include <compress/transform/prune_on_records.hpp>

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

/// What stays of a group of outputs where records show that it costs least to let the others go, cell by cell of a
/// pattern; blocks of several weights stay by their sum of squares.
///
/// @param  c        moments of the inputs, damped
/// @param  wanted   the weights, [outputs, terms]
/// @param  pattern  of these weights
inline std::vector<char> keep_on_records(const matrix& c, const matrix& wanted, const sparsity_cells& pattern) {
    const std::size_t terms = wanted.shape(1), count = wanted.size();
    std::set<std::pair<int, int>> blocks;
    std::map<int, int> may_go;
    for (std::size_t i = 0; i < count; ++i) {
        blocks.emplace(pattern.cell[i], pattern.block[i]);
        ++may_go.try_emplace(pattern.cell[i], -pattern.kept).first->second;
    }
    if (blocks.size() < count) {
        std::vector<float> largest(wanted.begin(), wanted.end());
        keep_largest(largest, pattern);
        std::vector<char> kept;
        for (const float w : largest) kept.push_back(w != 0);
        return kept;
    }
    double gone = 0;
    for (auto& [cell, left] : may_go) gone += left = std::max(left, 0);
    // Outputs that share a cell do not lose the same share of theirs.
    const double part = (1 + gone / static_cast<double>(count)) / 2;
    const auto most = std::min(terms - 1, static_cast<std::size_t>(static_cast<double>(terms) * part));
    const auto removals = removals_of(c, wanted, [&](std::size_t o, const array<float>& inverted) {
        return removal_order(inverted, {wanted.data() + o * terms, terms}, most,
                             std::span(pattern.cell).subspan(o * terms, terms), may_go);
    });
    std::vector<char> kept(count, 1);
    for (const removal& r : removals) {
        const std::size_t at = r.output * terms + r.term;
        int& left = may_go[pattern.cell[at]];
        if (left > 0) kept[at] = 0, --left;
    }
    return kept;
}
/// The part of a pattern that is about the weights of a group of outputs.
inline sparsity_cells part_of(sparsity_cells pattern, std::size_t first, std::size_t count) {
    for (std::vector<int>* ids : {&pattern.cell, &pattern.block}) {
        ids->erase(ids->begin() + static_cast<std::ptrdiff_t>(first + count), ids->end());
        ids->erase(ids->begin(), ids->begin() + static_cast<std::ptrdiff_t>(first));
    }
    return pattern;
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

struct pattern_on_records_options {
    double damping = 0.001, pull = 0.1;  ///< as of prune_on_records
};

/// The same where records show that it costs least: with those zeros each layer gives as nearly as it can what it gave,
/// once the weights that are left are fitted to it, of what the layers before it give now; biases too, where a layer
/// has them. Nothing is trained. Blocks of several weights stay by their sum of squares, and are fitted.
///
/// Source: as of prune_on_records; a pattern cell by cell as in Frantar and Alistarh 2023, SparseGPT, section 3.3.
///
/// @param  records  one span of values per record, for a model with one input; a hundred to a thousand
template <net_type Net, class Records>
pruned prune_to_pattern(const named_tensors& weights, const Records& records,
                        const pattern_on_records_options& options = {}) {
    expect_weights(Net::model, weights, "prune_to_pattern");
    pruned result{weights, {}};
    change_layers<Net::model>(
        weights, records,
        [&]<const node & Node>(layer_to_change& layer) {
            using rounding = detail::rounding_of<Net, Node>;
            if constexpr (zero_sparsity<typename rounding::sparsity>) {
                const auto pattern =
                    cells_of<typename rounding::precision, typename rounding::sparsity, rounding::geometry>();
                const auto keep = [&](const matrix& c, const matrix& wanted, std::size_t group) {
                    return detail::keep_on_records(c, wanted,
                                                   detail::part_of(pattern, group * wanted.size(), wanted.size()));
                };
                const auto kept = detail::prune_layer<Net::model, Node>(layer, options.damping, options.pull, keep);
                const std::string name = layer.label + ".weight";
                result.masks[name] = detail::mask_of(kept, weights.find(name)->second);
                detail::expect_weights_left(name, result.masks[name]);
                store_effective_weights(Net::model, Node, layer.weights, result.weights);
            }
        },
        []<const node & Node>() { return zero_sparsity<typename detail::rounding_of<Net, Node>::sparsity>; });
    return result;
}

}  // namespace tensor_compress
