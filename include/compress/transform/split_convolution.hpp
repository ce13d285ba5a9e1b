// SPDX-License-Identifier: MIT
#pragma once

#include <compress/graph/rewrite/spatial_low_rank.hpp>
#include <compress/graph/rewrite/tucker.hpp>
#include <compress/transform/low_rank.hpp>

namespace tensor_compress {

namespace detail {

/// The node of a convolution with a kernel, or an error that says what else it is.
template <int Capacity>
const node& convolution_of(const model<Capacity>& m, const std::string& name, const char* function) {
    const int id = m.find(label(name.c_str()));
    if (id < 0) throw error(function, "no layer is called '" + name + "'", "name a layer by its label");
    if (!has_tucker_ranks(m[id]))
        throw error(name, std::string("is no convolution of one group with a kernel, but a ") + name_of(m[id].kind),
                    "name one, or use low_rank");
    return m[id];
}

/// to(i, j) = from[place(i, j)]
template <class Place>
matrix rearranged(const float* from, std::size_t rows, std::size_t columns, const Place& place) {
    matrix m = make_array<double>({rows, columns});
    for (std::size_t i = 0; i < rows; ++i)
        for (std::size_t j = 0; j < columns; ++j) m(i, j) = static_cast<double>(from[place(i, j)]);
    return m;
}

/// The first `count` columns.
inline matrix first_columns(const matrix& m, std::size_t count) {
    matrix first = make_array<double>({m.shape(0), count});
    for (std::size_t i = 0; i < m.shape(0); ++i)
        for (std::size_t j = 0; j < count; ++j) first(i, j) = m(i, j);
    return first;
}

/// A convolution's weights [outputs, inputs, taps], as a matrix along each of its two sides.
struct kernel_tensor {
    std::size_t outputs, inputs, taps;
    std::vector<double> values;

    double& at(std::size_t o, std::size_t c, std::size_t k) { return values[(o * inputs + c) * taps + k]; }
    double at(std::size_t o, std::size_t c, std::size_t k) const { return values[(o * inputs + c) * taps + k]; }

    /// [outputs, inputs * taps]
    matrix by_outputs() const {
        matrix m = make_array<double>({outputs, inputs * taps});
        std::copy(values.begin(), values.end(), m.data());
        return m;
    }
    /// [inputs, outputs * taps]
    matrix by_inputs() const {
        matrix m = make_array<double>({inputs, outputs * taps});
        for (std::size_t o = 0; o < outputs; ++o)
            for (std::size_t c = 0; c < inputs; ++c)
                for (std::size_t k = 0; k < taps; ++k) m(c, o * taps + k) = at(o, c, k);
        return m;
    }
    /// With outputs that are the products with the columns of `basis`, [outputs, kept].
    kernel_tensor onto_outputs(const matrix& basis) const {
        const matrix product = tensor_compress::product(xt::transpose(basis), by_outputs());
        return {basis.shape(1), inputs, taps, std::vector<double>(product.begin(), product.end())};
    }
    /// The same of inputs.
    kernel_tensor onto_inputs(const matrix& basis) const {
        const matrix product = tensor_compress::product(xt::transpose(basis), by_inputs());
        kernel_tensor t{outputs, basis.shape(1), taps, std::vector<double>(product.size())};
        for (std::size_t o = 0; o < outputs; ++o)
            for (std::size_t p = 0; p < t.inputs; ++p)
                for (std::size_t k = 0; k < taps; ++k) t.at(o, p, k) = product(p, o * taps + k);
        return t;
    }
};

inline kernel_tensor kernel_of(const array<float>& w) {
    kernel_tensor t{w.shape(0), w.shape(1), w.shape(2) * w.shape(3), {}};
    t.values.assign(w.data(), w.data() + w.size());
    return t;
}

inline void store_tensor(named_tensors& weights, const std::string& name, const std::vector<std::size_t>& extents,
                         const double* from) {
    array<float>& t = weights[name + ".weight"] = make_array<float>(extents);
    std::copy_n(from, t.size(), t.data());
}

}  // namespace detail

/// Weights of spatial_low_rank(m, name, rank): of all products of a column and a row of kernels of that rank the one
/// nearest to the layer's weights, by the singular values of [inputs * rows, outputs * columns].
///
/// @throws error naming the layer where there is none of that label, it is no convolution with rows and columns, or
/// the rank saves nothing (with the largest that does); listing the weights that do not fit the model
template <int Capacity>
named_tensors spatial_low_rank(const model<Capacity>& m, const std::string& name, int rank, named_tensors weights) {
    const node& n = detail::convolution_of(m, name, "spatial_low_rank");
    if (!detail::has_rows_and_columns(n))
        throw error(name, "has a kernel of a single row or column, which cannot be split", "use low_rank, or tucker");
    const int largest = largest_spatial_rank(m, n);
    if (rank < 1 || rank > largest)
        throw error(name, "a spatial rank of " + std::to_string(rank) + " saves nothing",
                    "give it a rank from 1 to " + std::to_string(largest) + ", or leave it as it is");
    expect_weights(m, weights, "spatial_low_rank");
    const array<float>& w = weights.find(name + ".weight")->second;
    const std::size_t outputs = w.shape(0), inputs = w.shape(1), rows = w.shape(2), columns = w.shape(3);
    const auto parts =
        svd(detail::rearranged(w.data(), inputs * rows, outputs * columns, [&](std::size_t i, std::size_t j) {
            return ((j / columns * inputs + i / rows) * rows + i % rows) * columns + j % columns;
        }));
    const auto kept = static_cast<std::size_t>(rank);
    std::vector<double> first(kept * inputs * rows), second(outputs * kept * columns);
    for (std::size_t r = 0; r < kept; ++r) {
        const double root = std::sqrt(parts.s(r));  // half of each on both sides, so that they quantise alike
        for (std::size_t i = 0; i < inputs * rows; ++i) first[r * inputs * rows + i] = parts.u(i, r) * root;
        for (std::size_t o = 0; o < outputs; ++o)
            for (std::size_t j = 0; j < columns; ++j)
                second[(o * kept + r) * columns + j] = parts.v(r, o * columns + j) * root;
    }
    detail::store_tensor(weights, text_of(spatial_low_rank_label(n.name)), {kept, inputs, rows, 1}, first.data());
    detail::store_tensor(weights, name, {outputs, kept, 1, columns}, second.data());
    return weights;
}

/// The ranks that are `ratio` of the channels.
template <int Capacity>
tucker_ranks tucker_ranks_of_ratio(const model<Capacity>& m, const std::string& name, double ratio) {
    const tucker_ranks all = channels_of(m, detail::convolution_of(m, name, "tucker"));
    const auto part = [&](int count) { return std::max(1, static_cast<int>(std::lround(ratio * count))); };
    return {part(all.inputs), part(all.outputs)};
}

/// The smallest ranks that keep `energy` of the squared singular values along each side.
template <int Capacity>
tucker_ranks tucker_ranks_of_energy(const model<Capacity>& m, const std::string& name, const named_tensors& weights,
                                    double energy) {
    detail::convolution_of(m, name, "tucker");
    expect_weights(m, weights, "tucker");
    const detail::kernel_tensor w = detail::kernel_of(weights.find(name + ".weight")->second);
    return {std::max(1, detail::rank_of_energy(w.by_inputs(), energy)),
            std::max(1, detail::rank_of_energy(w.by_outputs(), energy))};
}

/// Weights of tucker(m, name, ranks): bases of both sides from their singular vectors, each improved in turn while the
/// other stays (higher-order orthogonal iteration), and the core that is left between them. Source: De Lathauwer, De
/// Moor, Vandewalle 2000, On the Best Rank-1 and Rank-(R1, ..., RN) Approximation of Higher-Order Tensors, Algorithm
/// 4.2, on two of the sides.
///
/// @throws error naming the layer as spatial_low_rank does, and where ranks are not from 1 to its channels
template <int Capacity>
named_tensors tucker(const model<Capacity>& m, const std::string& name, tucker_ranks ranks, named_tensors weights) {
    const node& n = detail::convolution_of(m, name, "tucker");
    const tucker_ranks most = channels_of(m, n);
    const auto text = [](tucker_ranks r) {
        return "{" + std::to_string(r.inputs) + ", " + std::to_string(r.outputs) + "}";
    };
    if (ranks.inputs < 1 || ranks.outputs < 1 || ranks.inputs > most.inputs || ranks.outputs > most.outputs)
        throw error(name, "Tucker ranks of " + text(ranks), "give it ranks from {1, 1} to " + text(most));
    if (!saves(m, n, ranks))
        throw error(name, "Tucker ranks of " + text(ranks) + " save nothing of its weights and multiply-adds",
                    "give it smaller ones, or leave it as it is");
    expect_weights(m, weights, "tucker");
    const array<float>& w = weights.find(name + ".weight")->second;
    const detail::kernel_tensor whole = detail::kernel_of(w);
    const auto inputs = static_cast<std::size_t>(ranks.inputs), outputs = static_cast<std::size_t>(ranks.outputs);
    const std::size_t rows = w.shape(2), columns = w.shape(3);
    matrix outer = detail::first_columns(svd(whole.by_outputs()).u, outputs);
    matrix inner;
    for (int round = 0; round < 8; ++round) {
        // A side with more columns than the other leaves has no further directions: the whole of it is kept then.
        const matrix left = svd(whole.onto_outputs(outer).by_inputs()).u;
        inner = detail::first_columns(left, std::min(inputs, left.shape(1)));
        const matrix right = svd(whole.onto_inputs(inner).by_outputs()).u;
        outer = detail::first_columns(right, std::min(outputs, right.shape(1)));
    }
    const detail::kernel_tensor core = whole.onto_outputs(outer).onto_inputs(inner);
    const auto padded = [](const matrix& basis, std::size_t count, bool transposed) {
        std::vector<double> all(basis.shape(0) * count);
        for (std::size_t i = 0; i < basis.shape(0); ++i)
            for (std::size_t j = 0; j < basis.shape(1); ++j)
                all[transposed ? j * basis.shape(0) + i : i * count + j] = basis(i, j);
        return all;
    };
    std::vector<double> middle(outputs * inputs * core.taps);
    for (std::size_t q = 0; q < core.outputs; ++q)
        for (std::size_t p = 0; p < core.inputs; ++p)
            for (std::size_t k = 0; k < core.taps; ++k) middle[(q * inputs + p) * core.taps + k] = core.at(q, p, k);
    detail::store_tensor(weights, text_of(tucker_input_label(n.name)), {inputs, whole.inputs, 1, 1},
                         padded(inner, inputs, true).data());
    detail::store_tensor(weights, text_of(tucker_core_label(n.name)), {outputs, inputs, rows, columns}, middle.data());
    detail::store_tensor(weights, name, {whole.outputs, outputs, 1, 1}, padded(outer, outputs, false).data());
    return weights;
}

}  // namespace tensor_compress
