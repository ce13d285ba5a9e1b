// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <span>

#include <compress/tensor/named_weights.hpp>

namespace tensor_compress {

/// Float weights of one layer of a lowered model, with everything folded in: [outputs, terms] and [outputs].
struct effective_weights {
    std::vector<float> weights;
    std::vector<float> bias;
    std::size_t outputs = 0;
    std::size_t terms = 0;

    std::span<const float> row(std::size_t output) const { return {weights.data() + output * terms, terms}; }
};

namespace detail {

inline const array<float>& tensor_of(const named_tensors& tensors, const label& name, const char* part) {
    const auto found = tensors.find(text_of(name) + part);
    if (found == tensors.end())
        throw error(text_of(name), "no tensor " + text_of(name) + part, "check the weights with expect_weights first");
    return found->second;
}

/// Per-channel y = scale * x + shift of a batch_norm, or of an add or mul by a constant.
struct channel_affine {
    std::vector<double> scale, shift;
};
template <int Capacity>
channel_affine affine_of_node(const model<Capacity>& written, int id, const named_tensors& tensors,
                              std::size_t channels) {
    const node& n = written[id];
    channel_affine a{std::vector<double>(channels, 1.0), std::vector<double>(channels, 0.0)};
    if (n.kind == op::batch_norm) {
        const auto &gamma = tensor_of(tensors, n.name, ".weight"), &beta = tensor_of(tensors, n.name, ".bias");
        const auto &mean = tensor_of(tensors, n.name, ".running_mean"),
                   &variance = tensor_of(tensors, n.name, ".running_var");
        for (std::size_t c = 0; c < channels; ++c) {
            const double v = static_cast<double>(variance.data()[c]) + static_cast<double>(n.parameter);
            if (!(v > 0))
                throw error(text_of(n.name), "variance + epsilon of channel " + std::to_string(c) + " is not positive",
                            "re-estimate the statistics of this batch_norm");
            a.scale[c] = static_cast<double>(gamma.data()[c]) / std::sqrt(v);
            a.shift[c] = static_cast<double>(beta.data()[c]) - static_cast<double>(mean.data()[c]) * a.scale[c];
        }
        return a;
    }
    const node& constant = written[n.inputs[written[n.inputs[0]].kind == op::constant ? 0 : 1]];
    const auto& value = tensor_of(tensors, constant.name, ".value");
    auto& target = n.kind == op::add ? a.shift : a.scale;
    for (std::size_t c = 0; c < channels; ++c) target[c] = static_cast<double>(value.data()[value.size() == 1 ? 0 : c]);
    return a;
}

/// What several folded nodes do one after the other.
template <int Capacity>
channel_affine folded_affine(const model<Capacity>& written, std::span<const int> folded, const named_tensors& tensors,
                             std::size_t channels) {
    channel_affine all{std::vector<double>(channels, 1.0), std::vector<double>(channels, 0.0)};
    for (const int id : folded) {
        const auto a = affine_of_node(written, id, tensors, channels);
        for (std::size_t c = 0; c < channels; ++c) {
            all.scale[c] *= a.scale[c];
            all.shift[c] = all.shift[c] * a.scale[c] + a.shift[c];
        }
    }
    return all;
}

}  // namespace detail

/// The weight half of fold_into_products: weights of node `n` of a lowered model, whose marks of origin refer to
/// `written`. w' = scale * w, b' = scale * b + shift for each folded node in turn; computed in double.
template <int Capacity>
effective_weights effective_weights_of(const model<Capacity>& written, const node& n, const named_tensors& tensors) {
    effective_weights e;
    const node& source = written[n.origin];
    e.outputs = static_cast<std::size_t>(n.output.channels());
    std::vector<int> folded(n.folded, n.folded + n.folded_count);
    if (source.kind == op::batch_norm) {  // one that became a depthwise 1x1 convolution
        e.weights.assign(e.outputs, 1.0f);
        folded.insert(folded.begin(), n.origin);
    } else {
        const auto& w = detail::tensor_of(tensors, source.name, ".weight");
        e.weights.assign(w.data(), w.data() + w.size());
    }
    e.terms = e.weights.size() / e.outputs;
    e.bias.assign(e.outputs, 0.0f);
    if (source.kind != op::batch_norm && source.bias) {
        const auto& b = detail::tensor_of(tensors, source.name, ".bias");
        e.bias.assign(b.data(), b.data() + b.size());
    }
    const auto all = detail::folded_affine(written, folded, tensors, e.outputs);
    if (folded.empty()) return e;
    for (std::size_t o = 0; o < e.outputs; ++o) {
        for (std::size_t k = 0; k < e.terms; ++k) {
            float& w = e.weights[o * e.terms + k];
            w = static_cast<float>(static_cast<double>(w) * all.scale[o]);
        }
        e.bias[o] = static_cast<float>(static_cast<double>(e.bias[o]) * all.scale[o] + all.shift[o]);
    }
    return e;
}

/// Whether a layer of a lowered model has, or has folded into it, what can hold a bias.
template <int Capacity>
constexpr bool holds_bias(const model<Capacity>& written, const node& n) {
    const int last = n.folded_count > 0 ? n.folded[n.folded_count - 1] : n.origin;
    return written[n.origin].bias || written[last].kind == op::batch_norm;
}

/// The way back: tensors of which effective_weights_of makes `wanted`. Folded nodes keep their scales; a bias that the
/// layer does not have is added by the last batch_norm that is folded into it.
///
/// @throws error naming the layer when a folded scale is 0, or there is nothing that could hold a bias
template <int Capacity>
void store_effective_weights(const model<Capacity>& written, const node& n, const effective_weights& wanted,
                             named_tensors& tensors) {
    const node& source = written[n.origin];
    const std::string name = text_of(source.name);
    const effective_weights before = effective_weights_of(written, n, tensors);
    const auto all =
        detail::folded_affine(written, {n.folded, static_cast<std::size_t>(n.folded_count)}, tensors, wanted.outputs);
    array<float>& weights = tensors.find(name + ".weight")->second;
    const int last = n.folded_count > 0 ? n.folded[n.folded_count - 1] : n.origin;
    for (std::size_t o = 0; o < wanted.outputs; ++o) {
        if (all.scale[o] == 0)
            throw error(name, "what is folded into output channel " + std::to_string(o) + " multiplies it by 0",
                        "remove dead channels first");
        for (std::size_t k = o * wanted.terms; k < (o + 1) * wanted.terms; ++k)
            weights.data()[k] = static_cast<float>(static_cast<double>(wanted.weights[k]) / all.scale[o]);
        const double more = static_cast<double>(wanted.bias[o]) - static_cast<double>(before.bias[o]);
        if (source.bias)
            tensors.find(name + ".bias")->second.data()[o] += static_cast<float>(more / all.scale[o]);
        else if (written[last].kind == op::batch_norm)
            tensors.find(text_of(written[last].name) + ".bias")->second.data()[o] += static_cast<float>(more);
        else if (more != 0)
            throw error(name, "has no bias that could be corrected", "give the layer one, or do not correct biases");
    }
}

}  // namespace tensor_compress
