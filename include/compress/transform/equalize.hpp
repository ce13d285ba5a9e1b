// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include <compress/graph/recipe.hpp>
#include <compress/graph/rewrite/lower.hpp>
#include <compress/transform/effective_weights.hpp>

namespace tensor_compress {

namespace detail {

/// Operators whose channel c is made of channel c of their input alone, and scales with it.
constexpr bool scales_with_input(op kind) {
    return kind == op::relu || kind == op::leaky_relu || kind == op::max_pool || kind == op::avg_pool ||
           kind == op::global_average_pool || kind == op::flatten;
}

/// Whether a node of the folded graph is a product whose channels can be scaled: of one group, or depthwise. A
/// batch_norm that became a convolution is none.
template <int Capacity>
constexpr bool has_scalable_channels(const model<Capacity>& written, const node& n) {
    return is_product(n.kind) && is_product(written[n.origin].kind) && (n.kind != op::conv2d || n.slide.groups == 1);
}

/// The only reader of a node that is no output of the model, or -1.
template <int Capacity>
constexpr int only_reader(const model<Capacity>& m, int id) {
    if (m.consumers(id) != 1 || m.is_output(id)) return -1;
    for (int other = id + 1; other < m.count; ++other)
        for (int i = 0; i < m[other].input_count; ++i)
            if (m[other].inputs[i] == id) return other;
    return -1;
}

/// The product that a product passes its channels to through nothing but operators that scale with their input: its id
/// in the folded graph, or -1.
template <int Capacity, int Written>
constexpr int next_in_chain(const model<Capacity>& m, const model<Written>& written, int id) {
    const node& n = m[id];
    const bool ends_in_norm = n.folded_count == 0 || written[n.folded[n.folded_count - 1]].kind == op::batch_norm;
    if (!has_scalable_channels(written, n) || !ends_in_norm) return -1;
    int next = only_reader(m, id);
    while (next >= 0 && scales_with_input(m[next].kind)) next = only_reader(m, next);
    return next >= 0 && has_scalable_channels(written, m[next]) ? next : -1;
}

/// The largest |weight| between an output and an input channel of a layer.
struct channel_link {
    std::size_t output, input;
    double size;
};

/// A layer of a chain: its weights as links, and the factors that those of each channel are to get.
struct chain_layer {
    std::vector<channel_link> links;
    std::vector<double> output_factors, input_factors;

    /// Largest |weight| of each output channel, and of each input channel.
    std::vector<double> output_ranges() const { return ranges(output_factors.size(), &channel_link::output); }
    std::vector<double> input_ranges() const { return ranges(input_factors.size(), &channel_link::input); }

private:
    std::vector<double> ranges(std::size_t count, std::size_t channel_link::*channel) const {
        std::vector<double> largest(count);
        for (const channel_link& link : links) {
            double& range = largest[link.*channel];
            range = std::max(range, link.size * output_factors[link.output] * input_factors[link.input]);
        }
        return largest;
    }
};

/// The input channel, of so many, that weight `term` of an output multiplies. Behind a flatten the columns of a linear
/// layer belong to the channels in turn.
inline std::size_t input_channel_of(op kind, std::size_t output, std::size_t term, const effective_weights& e,
                                    std::size_t inputs) {
    if (kind == op::depthwise_conv2d) return output * inputs / e.outputs;
    return kind == op::linear ? term % inputs : term * inputs / e.terms;
}

inline chain_layer chain_layer_of(op kind, const effective_weights& e, std::size_t inputs) {
    chain_layer layer{{}, std::vector<double>(e.outputs, 1.0), std::vector<double>(inputs, 1.0)};
    for (std::size_t o = 0; o < e.outputs; ++o) {
        std::vector<double> largest(inputs);
        for (std::size_t k = 0; k < e.terms; ++k) {
            double& size = largest[input_channel_of(kind, o, k, e, inputs)];
            size = std::max(size, std::abs(static_cast<double>(e.row(o)[k])));
        }
        for (std::size_t i = 0; i < inputs; ++i)
            if (largest[i] > 0) layer.links.push_back({o, i, largest[i]});
    }
    return layer;
}

/// Gives both sides of every channel between two layers the same range; returns the largest |log s|.
inline double equalize_pair(chain_layer& first, chain_layer& second) {
    const auto before = first.output_ranges(), after = second.input_ranges();
    double change = 0;
    for (std::size_t c = 0; c < before.size(); ++c) {
        if (before[c] == 0 || after[c] == 0) continue;
        const double s = std::sqrt(before[c] / after[c]);
        first.output_factors[c] /= s;
        second.input_factors[c] *= s;
        change = std::max(change, std::abs(std::log(s)));
    }
    return change;
}

inline void scale_rows(array<float>& t, const std::vector<double>& factors) {
    const std::size_t row = t.size() / factors.size();
    for (std::size_t i = 0; i < t.size(); ++i)
        t.data()[i] = static_cast<float>(static_cast<double>(t.data()[i]) * factors[i / row]);
}

/// Puts the factors of a layer into its tensors; those of its outputs into the last batch_norm folded into it, where
/// there is one.
template <int Capacity>
void apply_factors(const model<Capacity>& written, const node& n, const chain_layer& layer, named_tensors& tensors) {
    const node &source = written[n.origin], &last = n.folded_count > 0 ? written[n.folded[n.folded_count - 1]] : source;
    array<float>& w = tensors.find(text_of(source.name) + ".weight")->second;
    const effective_weights extents{{}, {}, layer.output_factors.size(), w.size() / layer.output_factors.size()};
    for (std::size_t i = 0; i < w.size(); ++i) {
        const std::size_t input =
            input_channel_of(n.kind, i / extents.terms, i % extents.terms, extents, layer.input_factors.size());
        w.data()[i] = static_cast<float>(static_cast<double>(w.data()[i]) * layer.input_factors[input]);
    }
    scale_rows(tensors.find(text_of(last.name) + ".weight")->second, layer.output_factors);
    const auto bias = tensors.find(text_of(last.name) + ".bias");
    if (bias != tensors.end()) scale_rows(bias->second, layer.output_factors);
}

}  // namespace detail

/// Cross-layer equalisation: weights with which a model computes the same function, and every channel between two
/// layers has the same largest |weight| on both sides. One step for a whole layer, or a layer's INT4 levels, then lose
/// little on channels that were small. No records are needed.
///
/// Output channel c of a layer is divided by s = sqrt(range 1 / range 2), input channel c of the next multiplied by it,
/// for all pairs in turn until nothing changes. Pairs are convolutions of one group, depthwise ones and linear layers
/// with nothing between them but batch_norms behind the first, relu, leaky_relu, pools and flatten, each read once and
/// no output of the model. Channels without weights on one of the sides stay.
/// Source: Nagel et al. 2019, Data-Free Quantization Through Weight Equalization and Bias Correction, section 4.1.
///
/// @throws error that lists tensors which are missing, superfluous or of another shape
template <const auto& Model>
named_tensors equalize(named_tensors weights) {
    expect_weights(Model, weights, "equalize");
    const auto graph = lower(Model, all_fp32, lowering::observed);
    std::vector<std::pair<int, int>> pairs;
    std::map<int, detail::chain_layer> layers;
    const auto add_layer = [&](int id, int channels_from) {
        const auto inputs = static_cast<std::size_t>(graph[channels_from].output.channels());
        layers.emplace(id,
                       detail::chain_layer_of(graph[id].kind, effective_weights_of(Model, graph[id], weights), inputs));
    };
    for (int id = 0; id < graph.count; ++id) {
        const int next = detail::next_in_chain(graph, Model, id);
        if (next < 0) continue;
        pairs.emplace_back(id, next);
        add_layer(id, graph[id].inputs[0]);  // unless it is there already, as the end of a pair
        add_layer(next, id);
    }
    double change = 1;
    for (int round = 0; round < 1000 && change > 1e-5; ++round) {
        change = 0;
        for (const auto& [first, second] : pairs)
            change = std::max(change, detail::equalize_pair(layers.at(first), layers.at(second)));
    }
    for (const auto& [id, layer] : layers) detail::apply_factors(Model, graph[id], layer, weights);
    return weights;
}

}  // namespace tensor_compress
