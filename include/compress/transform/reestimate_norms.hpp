// SPDX-License-Identifier: MIT
#pragma once

#include <compress/tensor/runner.hpp>
#include <compress/train/gradients/batch_norm.hpp>
#include <compress/transform/convert.hpp>

namespace tensor_compress {

namespace detail {

/// Gathers the moments of each channel of one node's values.
template <class Net, int Wanted>
struct moments_observer {
    channel_moments& moments;

    template <int Id, class T>
    void see(const T* values) const {
        if constexpr (Id == Wanted) {
            constexpr int channels = Net::graph[Id].output.channels(), pixels = Net::size_of(Id) / channels;
            alignas(64) float mean[channels], squares[channels];
            moments_of<native, channels>(pixels, values, mean, squares);
            moments.merge(pixels, mean, squares);
        }
    }
};

/// Moments of what node `Id` of `Net` gives on records.
template <class Net, int Id, class Records>
channel_moments moments_on_records(const packed<Net>& weights, const Records& records) {
    channel_moments moments(Net::graph[Id].output.channels());
    runner<Net> run(weights);
    for (const std::span<const float> record : records) {
        run.set_input(0, record);
        run.execute(moments_observer<Net, Id>{moments});
    }
    return moments;
}

/// The variance is divided by one less than the number of values, as in training (training_norm).
inline void store_moments(const channel_moments& moments, const std::string& norm, named_tensors& weights) {
    float* mean = weights.find(norm + ".running_mean")->second.data();
    float* variance = weights.find(norm + ".running_var")->second.data();
    for (std::size_t c = 0; c < moments.mean.size(); ++c) {
        mean[c] = static_cast<float>(moments.mean[c]);
        variance[c] = static_cast<float>(moments.squares[c] / std::max(moments.count - 1, 1.0));
    }
}

/// Statistics that any weights can be converted with: those there are may be of no use.
inline void forget_moments(const std::string& norm, named_tensors& weights) {
    weights.find(norm + ".running_mean")->second.fill(0.0f);
    weights.find(norm + ".running_var")->second.fill(1.0f);
}

/// Node `n` with no more than the first `count` of the nodes that are folded into it.
constexpr node folded_so_far(node n, int count) {
    n.folded_count = count;
    return n;
}

/// Re-estimates the norms that are folded into node `Id`, or that it is. For each the layer gets the weights without
/// it: what the layer then gives is what the norm reads.
template <const auto& Model, class Net, int Id, class Records>
void reestimate_norms_of(packed<Net>& current, const Records& records, named_tensors& weights) {
    constexpr const node& n = Net::graph.nodes[Id];
    using L = typename Net::template layer<Id>;
    const auto pack = [&](int folded) {
        const effective_weights e = effective_weights_of(Model, folded_so_far(n, folded), weights);
        L::pack(current.layer(Id), e.weights.data(), e.bias.data());
    };
    if constexpr (Model[n.origin].kind == op::batch_norm)
        store_moments(moments_on_records<Net, n.inputs[0]>(current, records), text_of(Model[n.origin].name), weights);
    for (int i = 0; i < n.folded_count; ++i) {
        if (Model[n.folded[i]].kind != op::batch_norm) continue;
        pack(i);
        store_moments(moments_on_records<Net, Id>(current, records), text_of(Model[n.folded[i]].name), weights);
    }
    pack(n.folded_count);
}

}  // namespace detail

/// Weights whose batch_norms have the mean and variance of what they read on records, in the order of the graph: a norm
/// sees what those before it give with their new statistics. For weights that were pruned or rounded since, whose
/// layers no longer give what the old statistics are of; gamma and beta stay. Nothing is trained. Source: Hubara et al.
/// 2021, Accurate Post Training Quantization With Small Calibration Sets, batch-norm tuning.
///
/// @param  records  one span of values per record, for a model with one input; a hundred to a thousand, with classes as
/// frequent as they were in training
/// @throws error that lists tensors which are missing, superfluous or of another shape, and where there are no records
template <const auto& Model, class Records>
named_tensors reestimate_norms(named_tensors weights, const Records& records) {
    using observed = net<Model, all_fp32, native, lowering::observed>;
    if (records.begin() == records.end())
        throw error("reestimate_norms", "no records", "give at least one; 128 to 1024 are usual");
    expect_weights(Model, weights, "reestimate_norms");
    for (int id = 0; id < Model.count; ++id)
        if (Model[id].kind == op::batch_norm) detail::forget_moments(text_of(Model[id].name), weights);
    auto current = convert<observed>(weights);
    for_constants<observed::node_count>([&]<int Id>() {
        if constexpr (is_product(observed::graph.nodes[Id].kind))
            detail::reestimate_norms_of<Model, observed, Id>(current, records, weights);
    });
    return weights;
}

}  // namespace tensor_compress
