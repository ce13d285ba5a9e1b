// SPDX-License-Identifier: MIT
#pragma once

#include <compress/tensor/runner.hpp>
#include <compress/transform/convert.hpp>
#include <compress/transform/layer_moments.hpp>
#include <compress/transform/layer_rows.hpp>

namespace tensor_compress {

/// One layer on its way to a smaller form: its float weights and what is known of it.
struct layer_to_change {
    std::string label;
    conv_geometry geometry;
    effective_weights weights;            ///< [outputs, terms], with everything folded in; to be changed
    std::vector<group_moments> groups;    ///< on the calibration records, in the net as it was changed so far
    clamp_kind clamp = clamp_kind::none;  ///< the activation behind it, or behind the add that its result goes into
    std::vector<group_rows> rows = {};    ///< drawn from the same pixels, for who asks for them

    std::size_t group_outputs() const { return static_cast<std::size_t>(geometry.group_outputs()); }
};

/// The weights of a group of outputs that come nearest to its targets on its inputs, drawn to the ones that are there:
/// W = (R + a W0) (C + a I)^-1 minimises mean |t - W x|^2 + a |W - W0|^2 over centred x and t.
///
/// @param  pull  a as a part of the mean of the diagonal of C
inline matrix fitted_weights(const layer_to_change& layer, std::size_t group, double pull) {
    const group_moments& m = layer.groups[group];
    const std::size_t outputs = layer.group_outputs(), terms = layer.weights.terms;
    matrix weights = make_array<double>({outputs, terms});
    std::copy_n(layer.weights.weights.data() + group * outputs * terms, outputs * terms, weights.data());
    const matrix right = xt::transpose(m.targets + damping_of(m.inputs, pull) * weights);
    return xt::transpose(solve(damped(m.inputs, pull), right));
}

/// Gives a layer the biases with which the mean of each sum is that of its target.
inline void correct_biases(layer_to_change& layer) {
    const std::size_t outputs = layer.group_outputs();
    for (std::size_t o = 0; o < layer.weights.outputs; ++o) {
        const group_moments& m = layer.groups[o / outputs];
        double mean = 0;
        for (std::size_t k = 0; k < layer.weights.terms; ++k)
            mean += static_cast<double>(layer.weights.row(o)[k]) * m.input_mean[k];
        layer.weights.bias[o] = static_cast<float>(m.target_mean[o % outputs] - mean);
    }
}

/// Moments about 0 instead of about the means, of targets without their biases: what the weights of a layer are fitted
/// to that has no bias to make up for a mean.
///
/// @param  biases  of the group's outputs
inline group_moments about_zero(group_moments m, std::span<const float> biases) {
    for (std::size_t k = 0; k < m.input_mean.size(); ++k) {
        for (std::size_t i = 0; i < m.input_mean.size(); ++i) m.inputs(i, k) += m.input_mean[i] * m.input_mean[k];
        for (std::size_t o = 0; o < m.target_mean.size(); ++o)
            m.targets(o, k) += (m.target_mean[o] - static_cast<double>(biases[o])) * m.input_mean[k];
    }
    return m;
}

namespace detail {

/// Keeps the values of two nodes of a run; an id of -1 is none.
template <class Net>
struct value_observer {
    std::array<int, 2> wanted;
    std::array<std::vector<float>, 2>& found;

    template <int Id, class T>
    void see(const T* values) const {
        for (std::size_t i = 0; i < wanted.size(); ++i)
            if (wanted[i] == Id) found[i].assign(values, values + Net::size_of(Id));
    }
};

/// The add that alone reads a node, where its other operand is computed before the node: -1, or its id.
template <int Capacity>
constexpr int add_behind(const model<Capacity>& m, int id) {
    if (m.consumers(id) != 1) return -1;
    for (int other = id + 1; other < m.count; ++other)
        for (int i = 0; i < m[other].input_count; ++i)
            if (m[other].inputs[i] == id)
                return m[other].kind == op::add && m[other].inputs[1 - i] < id &&
                               m[m[other].inputs[1 - i]].output == m[id].output
                           ? other
                           : -1;
    return -1;
}

/// The clamp that alone reads a node.
template <int Capacity>
constexpr clamp_kind clamp_behind(const model<Capacity>& m, int id) {
    if (m.consumers(id) != 1) return clamp_kind::none;
    for (int other = id + 1; other < m.count; ++other)
        if (m[other].inputs[0] == id && m[other].kind == op::relu)
            return clamp_kind::relu;
        else if (m[other].inputs[0] == id && m[other].kind == op::relu6)
            return clamp_kind::relu6;
    return clamp_kind::none;
}

template <class Records>
std::size_t count_of(const Records& records) {
    std::size_t count = 0;
    for ([[maybe_unused]] const std::span<const float> record : records) ++count;
    return count;
}

}  // namespace detail

/// Changes the layers of a model one after the other, each so that it makes up for what the changes before it did. A
/// layer is to give what it gave in the unchanged net; one whose result goes into an add, what makes the sum that of
/// the unchanged net. Source: the sequential scheme of Frantar et al. 2022, GPTQ, section 3.3, with the targets of the
/// unchanged net as in Hubara et al. 2021, Accurate Post Training Quantization With Small Calibration Sets.
///
/// @param  records  one span of values per record, for a model with one input
/// @param  change   change.template operator()<Node>(layer_to_change&), Node being that of a product in the lowered
///                  graph
/// @param  wanted   wanted.template operator()<Node>(): whether the layer may change, and its moments have to be
///                  gathered
/// @param  sampling  of rows, for a change that needs more than moments
template <const auto& Model, class Records, class Change, class Wanted>
void change_layers(const named_tensors& weights, const Records& records, const Change& change, const Wanted& wanted,
                   const row_sampling& sampling = {}) {
    using observed = net<Model, all_fp32, native, lowering::observed>;
    constexpr const auto& graph = observed::graph;
    if (records.begin() == records.end())
        throw error("calibration", "no records", "give at least one; 128 to 1024 are usual");
    const auto original = convert<observed>(weights);
    auto current = convert<observed>(weights);
    for_constants<observed::node_count>([&]<int Id>() {
        constexpr const node& n = graph.nodes[Id];
        if constexpr (is_product(n.kind)) {
            if (!wanted.template operator()<graph.nodes[Id]>()) return;
            constexpr conv_geometry g = geometry_of(graph.nodes[n.inputs[0]].output, n);
            constexpr int sum = detail::add_behind(graph, Id);
            constexpr int other = sum < 0 ? -1 : graph[sum].inputs[graph[sum].inputs[0] == Id ? 1 : 0];
            layer_moments moments(g);
            constexpr auto pixels = static_cast<std::size_t>(g.out_height) * static_cast<std::size_t>(g.out_width);
            row_sampler rows(g, pixels * detail::count_of(records), sampling, static_cast<std::uint64_t>(Id));
            runner<observed> before(original), after(current);
            std::array<std::vector<float>, 2> was, is;
            const detail::value_observer<observed> see_before{{sum < 0 ? Id : sum, -1}, was};
            const detail::value_observer<observed> see_after{{n.inputs[0], other}, is};
            for (const std::span<const float> record : records) {
                before.set_input(0, record);
                before.execute(see_before);
                after.set_input(0, record);
                after.execute(see_after);
                if constexpr (other >= 0)
                    for (std::size_t i = 0; i < was[0].size(); ++i) was[0][i] -= is[1][i];
                moments.add(is[0], was[0]);
                rows.add(is[0], was[0], is[1]);
            }
            layer_to_change layer{text_of(n.name),
                                  g,
                                  effective_weights_of(Model, n, weights),
                                  moments.finish(),
                                  detail::clamp_behind(graph, sum < 0 ? Id : sum),
                                  rows.finish()};
            change.template operator()<graph.nodes[Id]>(layer);
            using L = typename observed::template layer<Id>;
            L::pack(current.layer(Id), layer.weights.weights.data(), layer.weights.bias.data());
        }
    });
}

/// The same, every layer.
template <const auto& Model, class Records, class Change>
void change_layers(const named_tensors& weights, const Records& records, const Change& change) {
    change_layers<Model>(weights, records, change, []<const node&>() { return true; });
}

}  // namespace tensor_compress
