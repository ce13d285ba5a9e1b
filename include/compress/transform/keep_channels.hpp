// SPDX-License-Identifier: MIT
#pragma once

#include <numeric>

#include <compress/graph/rewrite/keep_channels.hpp>
#include <compress/transform/channel_scores.hpp>
#include <compress/transform/cut_channels.hpp>
#include <compress/transform/prune.hpp>

namespace tensor_compress {

/// How many channels a group keeps, called by its first layer.
struct channel_count {
    std::string label;
    int before = 0, kept = 0;
};

namespace detail {

/// Indices of the `count` largest scores, ascending; of equals the earlier.
inline std::vector<int> largest_scores(const std::vector<double>& scores, int count) {
    std::vector<int> order(scores.size());
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](int a, int b) {
        const double first = scores[static_cast<std::size_t>(a)], second = scores[static_cast<std::size_t>(b)];
        return first != second ? first > second : a < b;
    });
    order.resize(static_cast<std::size_t>(count));
    std::sort(order.begin(), order.end());
    return order;
}

/// Channels that stay of each value, when `smaller` is `m` with fewer channels.
template <int Capacity, int Smaller>
kept_channels choose_channels(const model<Capacity>& m, const model<Smaller>& smaller, const channel_scores& scores) {
    const channel_groups<Capacity> groups(m);
    std::vector<std::vector<int>> of_group(static_cast<std::size_t>(m.count));
    for (int id = 0; id < m.count; ++id) {
        of_group[static_cast<std::size_t>(id)].resize(static_cast<std::size_t>(m[id].output.channels()));
        std::iota(of_group[static_cast<std::size_t>(id)].begin(), of_group[static_cast<std::size_t>(id)].end(), 0);
    }
    for (const auto& [group, layers] : layers_of_groups(m, groups)) {
        const std::string label = text_of(m[layers.front()].name);
        const int other = smaller.find(m[layers.front()].name), before = m[group].output.channels();
        const auto found = scores.find(label);
        if (other < 0 || smaller[other].output.channels() > before)
            throw error(label, "is no layer with at most " + std::to_string(before) + " channels in the smaller model",
                        "make that model by keep_channels of the larger one");
        if (smaller[other].output.channels() == before) continue;
        if (found == scores.end() || static_cast<int>(found->second.size()) != before)
            throw error(label, "has no score for each of its " + std::to_string(before) + " channels",
                        "score the channels of the same model");
        of_group[static_cast<std::size_t>(group)] = largest_scores(found->second, smaller[other].output.channels());
    }
    kept_channels kept(static_cast<std::size_t>(m.count));
    for (int id = 0; id < m.count; ++id) {
        int first = 0;
        for (int run = 0; run < groups.runs(id); ++run) {
            for (const int c : of_group[static_cast<std::size_t>(groups.group(id, run))])
                kept[static_cast<std::size_t>(id)].push_back(first + c);
            first += m[groups.group(id, run)].output.channels();
        }
    }
    return kept;
}

/// Tensors that are 1 where a weight belongs to channels that stay, else 0.
template <int Capacity>
named_tensors channel_masks(const model<Capacity>& m, const kept_channels& kept) {
    named_tensors masks;
    for (const auto& [name, extents] : needed_tensors(m)) {
        if (name.ends_with(".running_var")) continue;  // of which 0 is none
        masks[name] = make_array<float>(extents);
        for (float& v : masks[name]) v = 1;
    }
    const channel_groups<Capacity> groups(m);
    for_each_channel_axis(m, [&](const std::string& name, std::size_t axis, int value) {
        const auto found = masks.find(name);
        if (found == masks.end()) return;
        array<float>& mask = found->second;
        std::vector<char> stays(static_cast<std::size_t>(m[value].output.channels() / groups.repeats(value)));
        for (const int c : kept[static_cast<std::size_t>(value)]) stays[static_cast<std::size_t>(c)] = 1;
        std::size_t inner = 1;
        for (std::size_t a = axis + 1; a < mask.dimension(); ++a) inner *= mask.shape(a);
        for (std::size_t i = 0; i < mask.size(); ++i)
            if (!stays[i / inner % mask.shape(axis) % stays.size()]) mask.data()[i] = 0;
    });
    return masks;
}

}  // namespace detail

/// Weights of `Smaller`, which is keep_channels of `Model`: those of the channels that score highest. The weight half
/// of the rewrite.
///
/// @param  scores  of score_channels or score_channels_by_loss, or one's own
/// @throws error naming the layer where the models are no such pair, or its channels have no scores
template <const auto& Model, const auto& Smaller>
named_tensors keep_channels(const named_tensors& weights, const channel_scores& scores) {
    expect_weights(Model, weights, "keep_channels");
    named_tensors fewer = cut_channels(Model, weights, detail::choose_channels(Model, Smaller, scores));
    expect_weights(Smaller, fewer, "keep_channels");
    return fewer;
}

/// The same channels as zeros in weights of `Model`: its simulation of `Smaller`, which gives the same numbers, with
/// masks for training it.
template <const auto& Model, const auto& Smaller>
pruned mask_channels(const named_tensors& weights, const channel_scores& scores) {
    expect_weights(Model, weights, "mask_channels");
    pruned result{weights, detail::channel_masks(Model, detail::choose_channels(Model, Smaller, scores))};
    result.weights = apply_masks(std::move(result.weights), result.masks);
    return result;
}

struct channel_budget {
    double multiply_adds = 0.5;  ///< share of the model's that may be left
    double least = 0.125;        ///< share of its channels that every group keeps
    int multiple = 1;            ///< of channels: 8 or 16 fill the vectors of kernels
};

/// How many channels each group keeps so that the model has at most its share of multiply-adds: one step of channels
/// after the other goes, each time the one whose scores are least for the multiply-adds that it saves.
///
/// @param  scores  of one unit for all layers, as score_channels_by_loss gives them
/// @throws error where the budget cannot be met, with the share that is left at least
template <int Capacity>
std::vector<channel_count> share_channels(const model<Capacity>& m, channel_scores scores,
                                          const channel_budget& budget = {}) {
    if (!(budget.multiply_adds > 0 && budget.multiply_adds <= 1) || budget.multiple < 1)
        throw error("share_channels", "a share of " + std::to_string(budget.multiply_adds) + " of the multiply-adds",
                    "it is above 0 and at most 1");
    const channel_groups<Capacity> groups(m);
    const auto layers = detail::layers_of_groups(m, groups);
    detail::group_sizes<Capacity> sizes(m);
    const double all = static_cast<double>(multiply_adds(m));
    const auto left = [&](const auto& s) {
        return static_cast<double>(multiply_adds(detail::with_channels(m, groups, s.of))) / all;
    };
    for (auto& [label, values] : scores) std::sort(values.begin(), values.end());
    double now = left(sizes);
    while (now > budget.multiply_adds) {
        int best = -1;
        double least = 0, best_left = 0;
        for (const auto& [group, members] : layers) {
            const std::vector<double>& values = scores.find(text_of(m[members.front()].name))->second;
            const int before = static_cast<int>(values.size()), size = sizes.of[group];
            const int next = (size - 1) / budget.multiple * budget.multiple;
            if (next < 1 || next < budget.least * before) continue;
            double lost = 0;
            for (int c = before - size; c < before - next; ++c) lost += values[static_cast<std::size_t>(c)];
            auto smaller = sizes;
            smaller.of[group] = next;
            const double then = left(smaller), price = lost / (now - then);
            if (now - then > 0 && (best < 0 || price < least)) best = group, least = price, best_left = then;
        }
        if (best < 0)
            throw error("share_channels",
                        std::to_string(now) +
                            " of the multiply-adds are left when every group is as small as it may be",
                        "allow more, or let groups become smaller");
        sizes.of[best] = (sizes.of[best] - 1) / budget.multiple * budget.multiple;
        now = best_left;
    }
    std::vector<channel_count> counts;
    for (const auto& [group, members] : layers)
        counts.push_back({text_of(m[members.front()].name), m[group].output.channels(), sizes.of[group]});
    return counts;
}

/// The model with these channels, for the compiler: an expression of keep_channels over `name`.
inline std::string keep_channels_text(const std::string& name, const std::vector<channel_count>& counts) {
    std::string text = name;
    for (const channel_count& c : counts)
        if (c.kept != c.before)
            text = "tc::keep_channels(" + text + ", \"" + c.label + "\", " + std::to_string(c.kept) + ")";
    return text;
}

/// The same as a value, to look at it before it is compiled.
///
/// @throws error naming the layer that cannot have so many
template <int Capacity>
model<Capacity> with_channel_counts(const model<Capacity>& m, const std::vector<channel_count>& counts) {
    const channel_groups<Capacity> groups(m);
    detail::group_sizes<Capacity> sizes(m);
    for (const channel_count& c : counts) {
        const int id = m.find(label(c.label.c_str()));
        if (id < 0 || !is_product(m[id].kind) || !groups.is_free(groups.group(id)) || c.kept < 1 ||
            c.kept > m[id].output.channels())
            throw error(
                c.label, "cannot keep " + std::to_string(c.kept) + " channels",
                "keep at least one and at most all of a layer whose channels no output or other operator needs");
        sizes.of[groups.group(id)] = c.kept;
    }
    return detail::with_channels(m, groups, sizes.of);
}

}  // namespace tensor_compress
