// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <map>

#include <compress/graph/channel_groups.hpp>
#include <compress/tensor/named_weights.hpp>
#include <compress/tensor/random_stream.hpp>
#include <compress/train/loss.hpp>
#include <compress/train/trainer.hpp>

namespace tensor_compress {

/// What makes a channel important, judged by the weights w of the filter that computes it.
enum class channel_importance : unsigned char {
    l1,                ///< sum |w|. Li et al. 2017, Pruning Filters for Efficient ConvNets
    l2,                ///< sqrt(sum w^2)
    gamma,             ///< |gamma| of the batch_norm behind the layer. Liu et al. 2017, Network Slimming
    geometric_median,  ///< distance to the other filters of the layer. He et al. 2019, FPGM, equation 5
    random,            ///< nothing: a baseline
};

/// Importance of every channel of each group that can lose some, by the label of the group's first layer.
using channel_scores = std::map<std::string, std::vector<double>, std::less<>>;

namespace detail {

/// Groups that can lose channels, each with the layers that compute them; by group.
template <int Capacity>
std::map<int, std::vector<int>> layers_of_groups(const model<Capacity>& m, const channel_groups<Capacity>& groups) {
    std::map<int, std::vector<int>> layers;
    for (int id = 0; id < m.count; ++id)
        if (is_product(m[id].kind) && groups.begins(id) && groups.is_free(groups.group(id)))
            layers[groups.group(id)].push_back(id);
    return layers;
}

inline std::span<const float> filter_of(const array<float>& weights, int channel) {
    const std::size_t row = weights.size() / weights.shape(0);
    return {weights.data() + static_cast<std::size_t>(channel) * row, row};
}

inline double distance(std::span<const float> a, std::span<const float> b) {
    double squares = 0;
    for (std::size_t k = 0; k < a.size(); ++k)
        squares += (static_cast<double>(a[k]) - static_cast<double>(b[k])) *
                   (static_cast<double>(a[k]) - static_cast<double>(b[k]));
    return std::sqrt(squares);
}

inline double score_filter(const array<float>& weights, int channel, channel_importance by) {
    const std::span<const float> filter = filter_of(weights, channel);
    double sum = 0;
    if (by == channel_importance::geometric_median) {
        for (int other = 0; other < static_cast<int>(weights.shape(0)); ++other)
            sum += distance(filter, filter_of(weights, other));
        return sum;
    }
    for (const float w : filter)
        sum += by == channel_importance::l1 ? std::abs(static_cast<double>(w))
                                            : static_cast<double>(w) * static_cast<double>(w);
    return by == channel_importance::l1 ? sum : std::sqrt(sum);
}

/// The batch_norm that alone reads a layer, or -1.
template <int Capacity>
int norm_behind(const model<Capacity>& m, int id) {
    for (int other = id + 1; other < m.count; ++other)
        if (m[other].kind == op::batch_norm && m[other].inputs[0] == id && m.consumers(id) == 1) return other;
    return -1;
}

/// Scores of one layer's channels, on average 1 so that layers of a group weigh the same.
inline void add_evenly(std::vector<double>& sums, std::vector<double> scores) {
    double mean = 0;
    for (const double s : scores) mean += s / static_cast<double>(scores.size());
    sums.resize(scores.size());
    for (std::size_t c = 0; c < scores.size(); ++c) sums[c] += mean > 0 ? scores[c] / mean : 0.0;
}

}  // namespace detail

/// Scores channels by the weights alone. Of a group with several layers, as a residual add makes them, a channel's
/// score is the sum of what it has in each, relative to the layer's mean.
///
/// @throws error where `gamma` is asked for and a layer has no batch_norm
template <int Capacity>
channel_scores score_channels(const model<Capacity>& m, const named_tensors& weights,
                              channel_importance by = channel_importance::l1, std::uint64_t seed = 1) {
    expect_weights(m, weights, "score_channels");
    channel_scores all;
    const channel_groups<Capacity> groups(m);
    for (const auto& [group, layers] : detail::layers_of_groups(m, groups)) {
        std::vector<double>& sums = all[text_of(m[layers.front()].name)];
        for (const int id : layers) {
            const int norm = detail::norm_behind(m, id);
            const std::string name = text_of(m[id].name);
            if (by == channel_importance::gamma && norm < 0)
                throw error(name, "has no batch_norm whose gamma could score its channels",
                            "score by l1, l2, the geometric median or the loss");
            random_stream random(seed, static_cast<std::uint64_t>(id));
            std::vector<double> scores;
            for (int c = 0; c < m[id].output.channels(); ++c) {
                if (by == channel_importance::random)
                    scores.push_back(random.uniform(0, 1));
                else if (by == channel_importance::gamma)
                    scores.push_back(std::abs(
                        static_cast<double>(weights.find(text_of(m[norm].name) + ".weight")->second.data()[c])));
                else
                    scores.push_back(detail::score_filter(weights.find(name + ".weight")->second, c, by));
            }
            detail::add_evenly(sums, scores);
        }
    }
    return all;
}

/// Scores channels by what the loss would change without them, to first order: mean over batches of
/// (sum over the weights w of a channel's filter, its bias and its batch_norm of dL/dw * w)^2, summed over the layers
/// of a group. Scores of different layers are of one unit. Source: Molchanov et al. 2019, Importance Estimation for
/// Neural Network Pruning, equation 8, with the gates of its section 3.3 where there is a batch_norm.
///
/// @param  data   with labels; a few hundred records
/// @param  batch  of records whose gradients are averaged before they are squared
template <const auto& Model, executor Executor = serial>
channel_scores score_channels_by_loss(const named_tensors& weights, const data_set& data, int batch = 8,
                                      const Executor& threads = {}) {
    const auto classes = static_cast<std::size_t>(Model[Model.outputs[0]].output.elements());
    const cross_entropy loss(data, classes);
    trainer<Model> pass(weights);
    typename trainer<Model>::pass_options options;
    options.frozen_norms = true;
    options.dropout = false;
    channel_scores all;
    constexpr channel_groups groups(Model);
    named_tensors gradients = weights;
    for (std::size_t first = 0; first < data.size(); first += static_cast<std::size_t>(batch)) {
        const std::size_t count = std::min(static_cast<std::size_t>(batch), data.size() - first);
        pass.run(
            static_cast<int>(count),
            [&](int index, int, std::span<float> values) {
                const auto from = data.input(first + static_cast<std::size_t>(index));
                std::copy(from.begin(), from.end(), values.begin());
            },
            [&](auto& record) {
                record.index += first;
                return loss(record);
            },
            options, threads);
        from_parameters<Model>(pass.gradients(), gradients);
        for (const auto& [group, layers] : detail::layers_of_groups(Model, groups)) {
            std::vector<double>& sums = all[text_of(Model[layers.front()].name)];
            sums.resize(static_cast<std::size_t>(Model[group].output.channels()));
            for (const int id : layers) {
                const int norm = detail::norm_behind(Model, id);
                const std::string name = text_of(Model[norm < 0 ? id : norm].name);
                for (std::size_t c = 0; c < sums.size(); ++c) {
                    double change = 0;
                    for (const char* part : {".weight", ".bias"}) {
                        const auto w = weights.find(name + part);
                        if (w == weights.end()) continue;
                        const auto g = detail::filter_of(gradients.find(name + part)->second, static_cast<int>(c));
                        const auto v = detail::filter_of(w->second, static_cast<int>(c));
                        for (std::size_t k = 0; k < g.size(); ++k)
                            change += static_cast<double>(g[k]) * static_cast<double>(v[k]);
                    }
                    sums[c] += change * change;
                }
            }
        }
    }
    return all;
}

}  // namespace tensor_compress
