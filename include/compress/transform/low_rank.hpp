// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>

#include <compress/graph/rewrite/low_rank.hpp>
#include <compress/tensor/linear_algebra.hpp>
#include <compress/transform/reconstruct.hpp>

namespace tensor_compress {

namespace detail {

/// The node of a layer that has a rank, or an error that says why it has none.
template <int Capacity>
const node& node_with_rank(const model<Capacity>& m, const std::string& name) {
    const int id = m.find(label(name.c_str()));
    if (id < 0) throw error("low_rank", "no layer is called '" + name + "'", "name a layer by its label");
    if ((m[id].kind != op::linear && m[id].kind != op::conv2d) || m[id].slide.groups != 1)
        throw error(name, std::string("is a ") + name_of(m[id].kind) + ", which has no rank",
                    "name a linear layer or a convolution of one group");
    return m[id];
}

template <int Capacity>
void expect_saving_rank(const model<Capacity>& m, const std::string& name, int rank) {
    const extent2 extents = matrix_of(m, node_with_rank(m, name));
    if (rank < 1 || rank > break_even_rank(extents))
        throw error(name,
                    "a rank of " + std::to_string(rank) + " saves nothing of its " + std::to_string(extents.height) +
                        " x " + std::to_string(extents.width) + " weights",
                    "give it a rank from 1 to " + std::to_string(break_even_rank(extents)) + ", or leave it as it is");
}

inline matrix weights_as_matrix(const array<float>& w) {
    matrix m = make_array<double>({w.shape(0), w.size() / w.shape(0)});
    std::copy_n(w.data(), w.size(), m.data());
    return m;
}

/// The smallest number of singular values whose squares are `energy` of all.
inline int rank_of_energy(const matrix& m, double energy) {
    const matrix s = svd(m).s;
    double all = 0, kept = 0;
    for (std::size_t i = 0; i < s.size(); ++i) all += s(i) * s(i);
    std::size_t rank = 0;
    while (rank < s.size() && kept < energy * all) kept += s(rank) * s(rank), ++rank;
    return static_cast<int>(rank);
}

/// Weights of a split layer: [outputs, rank] and [rank, terms] of the layers of the rewritten model.
template <int Capacity>
named_tensors with_factors(const model<Capacity>& m, const std::string& name, named_tensors weights,
                           const matrix& outer, const matrix& inner) {
    const node& n = node_with_rank(m, name);
    const auto store = [&](const std::string& to, std::vector<std::size_t> to_extents, const matrix& from) {
        array<float>& t = weights[to + ".weight"] = make_array<float>(to_extents);
        std::copy_n(from.data(), from.size(), t.data());
    };
    const std::size_t outputs = outer.shape(0), rank = outer.shape(1);
    auto extents = shape_of(weights.find(name + ".weight")->second);
    extents[0] = rank;
    store(text_of(low_rank_label(n.name)), extents, inner);
    if (n.kind == op::linear)
        store(name, {outputs, rank}, outer);
    else
        store(name, {outputs, rank, 1, 1}, outer);
    return weights;
}

}  // namespace detail

/// The rank that is `ratio` of the full one, min(outputs, terms).
template <int Capacity>
int rank_of_ratio(const model<Capacity>& m, const std::string& name, double ratio) {
    const extent2 extents = matrix_of(m, detail::node_with_rank(m, name));
    return static_cast<int>(std::lround(ratio * std::min(extents.height, extents.width)));
}

/// The smallest rank that keeps `energy` of the sum of the squared singular values.
template <int Capacity>
int rank_of_energy(const model<Capacity>& m, const std::string& name, const named_tensors& weights, double energy) {
    detail::node_with_rank(m, name);
    expect_weights(m, weights, "low_rank");
    return detail::rank_of_energy(detail::weights_as_matrix(weights.find(name + ".weight")->second), energy);
}

/// Weights of low_rank(m, name, rank): the product of rank `rank` that is nearest to the layer's weights.
///
/// @throws error naming the layer where there is none of that label, it has no rank, or the rank saves nothing (with
/// the largest that does); listing the weights that do not fit the model
template <int Capacity>
named_tensors low_rank(const model<Capacity>& m, const std::string& name, int rank, const named_tensors& weights) {
    detail::expect_saving_rank(m, name, rank);
    expect_weights(m, weights, "low_rank");
    const auto parts = svd(detail::weights_as_matrix(weights.find(name + ".weight")->second));
    const auto kept = static_cast<std::size_t>(rank);
    matrix outer = make_array<double>({parts.u.shape(0), kept}), inner = make_array<double>({kept, parts.v.shape(1)});
    for (std::size_t r = 0; r < kept; ++r) {
        const double root = std::sqrt(parts.s(r));  // half of each on both sides, so that they quantise alike
        for (std::size_t o = 0; o < outer.shape(0); ++o) outer(o, r) = parts.u(o, r) * root;
        for (std::size_t k = 0; k < inner.shape(1); ++k) inner(r, k) = parts.v(r, k) * root;
    }
    return detail::with_factors(m, name, weights, outer, inner);
}

/// The same, nearest in what the layer gives on records instead of in its weights: with C the second moments of its
/// inputs and U the first left singular vectors of W C^(1/2), the product is U (U^T W). Source: Zhang et al. 2015,
/// Accelerating Very Deep Convolutional Networks for Classification and Detection, section 3.1.
///
/// @param  records  one span of values per record, for a model with one input
template <const auto& Model, class Records>
named_tensors low_rank(const std::string& name, int rank, const named_tensors& weights, const Records& records) {
    detail::expect_saving_rank(Model, name, rank);
    named_tensors result;
    change_layers<Model>(
        weights, records,
        [&]<const node&>(layer_to_change& layer) {
            const matrix c = about_zero(layer.groups[0], layer.weights.bias).inputs;
            const matrix w = detail::weights_as_matrix(weights.find(name + ".weight")->second);
            const matrix u = svd(product(w, root_of(damped(c, 1e-6)))).u;
            matrix outer = make_array<double>({w.shape(0), static_cast<std::size_t>(rank)});
            for (std::size_t o = 0; o < outer.shape(0); ++o)
                for (std::size_t r = 0; r < outer.shape(1); ++r) outer(o, r) = u(o, r);
            result = detail::with_factors(Model, name, weights, outer, product(xt::transpose(outer), w));
        },
        [&]<const node & Node>() { return text_of(Node.name) == name; });
    return result;
}

}  // namespace tensor_compress
