// SPDX-License-Identifier: MIT
#pragma once

#include <compress/graph/glob.hpp>
#include <compress/transform/low_rank.hpp>

namespace tensor_compress {

/// The rank of a layer; 0: it stays whole.
struct layer_rank {
    std::string label;
    int rank = 0;
    friend bool operator==(const layer_rank&, const layer_rank&) = default;
};

struct rank_budget {
    double ratio = 0.5;                ///< of the multiply-adds of all layers with weights that may be left
    std::vector<std::string> whole{};  ///< globs over labels of layers that are not split
};

/// Ranks for layers under a budget. A budget that cannot be met leaves the nearest choice, every rank 1.
struct rank_choice {
    std::vector<layer_rank> layers;  ///< those that have a rank, in the order of the model
    long long multiply_adds = 0;     ///< of the model with them
    bool met = false;
    std::string explanation;  ///< of a budget that is not met
};

namespace detail {

/// A layer that may be split: squares of its singular values, and what it costs whole and with each rank.
struct ranked_layer {
    std::string label;
    std::vector<double> energy_of;  ///< [rank], the sum of the first so many squares by that of all
    long long whole = 0, of_rank = 0;
    int largest = 0;  ///< that saves anything
    int rank = 0;

    long long cost(int r) const { return r == 0 ? whole : r * of_rank; }
    double energy(int r) const { return r == 0 ? 1 : energy_of[static_cast<std::size_t>(r)]; }
    int next() const { return rank == 0 ? largest : rank - 1; }
};

template <int Capacity>
std::vector<ranked_layer> layers_with_ranks(const model<Capacity>& m, const rank_budget& budget) {
    for (const std::string& glob : budget.whole) {
        bool matched = false;
        for (int id = 0; id < m.count; ++id) matched = matched || glob_match(glob.c_str(), m[id].name.text);
        if (!matched) throw error("choose_ranks", "no layer is called '" + glob + "'", "name layers by their labels");
    }
    if (!(budget.ratio > 0 && budget.ratio <= 1))
        throw error("choose_ranks", "a budget of " + std::to_string(budget.ratio) + " of the multiply-adds",
                    "give a share above 0, up to 1");
    std::vector<ranked_layer> layers;
    for (int id = 0; id < m.count; ++id) {
        const node& n = m[id];
        if ((n.kind != op::linear && n.kind != op::conv2d) || n.slide.groups != 1) continue;
        if (std::any_of(budget.whole.begin(), budget.whole.end(),
                        [&](const std::string& glob) { return glob_match(glob.c_str(), n.name.text); }))
            continue;
        const extent2 extents = matrix_of(m, n);
        ranked_layer l;
        l.label = text_of(n.name);
        l.largest = break_even_rank(extents);
        if (l.largest < 1) continue;
        const long long pixels = n.output.elements() / n.output.channels();
        l.whole = pixels * extents.height * extents.width;
        l.of_rank = pixels * (extents.height + extents.width);
        layers.push_back(std::move(l));
    }
    return layers;
}

inline void set_energies(ranked_layer& l, const matrix& weights) {
    const matrix s = svd(weights).s;
    l.energy_of.assign(1, 0.0);
    for (std::size_t i = 0; i < s.size(); ++i) l.energy_of.push_back(l.energy_of.back() + s(i) * s(i));
    const double all = l.energy_of.back();
    for (double& e : l.energy_of) e = all > 0 ? e / all : 1;
}

/// Takes away, as long as the budget asks for it, where a multiply-add less costs the least part of its layer's energy.
template <int Capacity>
rank_choice spend(const model<Capacity>& m, std::vector<ranked_layer> layers, const rank_budget& budget) {
    rank_choice choice;
    choice.multiply_adds = multiply_adds(m);
    const double most = budget.ratio * static_cast<double>(choice.multiply_adds);
    while (static_cast<double>(choice.multiply_adds) > most) {
        ranked_layer* cheapest = nullptr;
        double least = 0;
        for (ranked_layer& l : layers) {
            if (l.rank == 1) continue;
            const double lost = 1 - l.energy(l.next()) / l.energy(l.rank);
            const double price = lost / static_cast<double>(l.cost(l.rank) - l.cost(l.next()));
            if (cheapest != nullptr && !(price < least)) continue;
            cheapest = &l;
            least = price;
        }
        if (cheapest == nullptr) break;
        choice.multiply_adds -= cheapest->cost(cheapest->rank) - cheapest->cost(cheapest->next());
        cheapest->rank = cheapest->next();
    }
    choice.met = static_cast<double>(choice.multiply_adds) <= most;
    if (!choice.met)
        choice.explanation = "with rank 1 everywhere " + std::to_string(choice.multiply_adds) +
                             " multiply-adds are left, " +
                             std::to_string(choice.multiply_adds - static_cast<long long>(most)) + " too many";
    for (const ranked_layer& l : layers) choice.layers.push_back({l.label, l.rank});
    return choice;
}

}  // namespace detail

/// Which ranks low_rank is to give the layers of a model for a budget of multiply-adds: step by step that layer loses
/// a rank whose loss of energy, relative to what the layer has left, is least for each multiply-add that it saves.
/// Source: Zhang et al. 2015, Accelerating Very Deep Convolutional Networks for Classification and Detection, section
/// 3.2, with layers that stay whole until a rank saves something.
///
/// @throws error where the budget makes no sense or names no layer; listing the weights that do not fit the model
template <int Capacity>
rank_choice choose_ranks(const model<Capacity>& m, const named_tensors& weights, const rank_budget& budget = {}) {
    expect_weights(m, weights, "choose_ranks");
    auto layers = detail::layers_with_ranks(m, budget);
    for (detail::ranked_layer& l : layers)
        detail::set_energies(l, detail::weights_as_matrix(weights.find(l.label + ".weight")->second));
    return detail::spend(m, std::move(layers), budget);
}

/// The same with the energies of what layers give on records: singular values of W C^(1/2), C the second moments of
/// what the layer reads.
///
/// @param  records  one span of values per record, for a model with one input
template <const auto& Model, class Records>
rank_choice choose_ranks(const named_tensors& weights, const Records& records, const rank_budget& budget = {}) {
    expect_weights(Model, weights, "choose_ranks");
    auto layers = detail::layers_with_ranks(Model, budget);
    const auto found = [&](const std::string& label) {
        return std::find_if(layers.begin(), layers.end(), [&](const auto& l) { return l.label == label; });
    };
    change_layers<Model>(
        weights, records,
        [&]<const node&>(layer_to_change& layer) {
            const matrix c = about_zero(layer.groups[0], layer.weights.bias).inputs;
            const matrix w = detail::weights_as_matrix(weights.find(layer.label + ".weight")->second);
            detail::set_energies(*found(layer.label), product(w, root_of(damped(c, 1e-6))));
        },
        [&]<const node & Node>() { return found(text_of(Node.name)) != layers.end(); });
    return detail::spend(Model, std::move(layers), budget);
}

/// The model with these ranks as C++: tc::low_rank(tc::low_rank(model, "a", 3), "b", 8).
inline std::string low_rank_text(const rank_choice& choice, const std::string& model_name,
                                 const std::string& prefix = "tensor_compress::") {
    std::string text = model_name;
    for (const layer_rank& l : choice.layers)
        if (l.rank > 0) text = prefix + "low_rank(" + text + ", \"" + l.label + "\", " + std::to_string(l.rank) + ")";
    return text;
}

/// The weights of that model: each layer of the choice split as low_rank does it.
///
/// @throws error as low_rank, and where a label comes twice
template <int Capacity>
named_tensors low_rank(const model<Capacity>& m, const std::vector<layer_rank>& ranks, const named_tensors& weights) {
    expect_weights(m, weights, "low_rank");
    named_tensors result = weights;
    for (auto l = ranks.begin(); l != ranks.end(); ++l) {
        if (std::any_of(ranks.begin(), l, [&](const layer_rank& other) { return other.label == l->label; }))
            throw error(l->label, "is split twice", "give each layer one rank");
        if (l->rank == 0) continue;
        const named_tensors split = low_rank(m, l->label, l->rank, weights);
        const std::string first = text_of(low_rank_label(label(l->label.c_str()))) + ".weight";
        for (const std::string& name : {first, l->label + ".weight"}) result[name] = split.at(name);
    }
    return result;
}

}  // namespace tensor_compress
