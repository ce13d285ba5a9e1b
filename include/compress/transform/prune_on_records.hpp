// SPDX-License-Identifier: MIT
#pragma once

#include <numeric>
#include <tuple>

#include <compress/simd/one_lane.hpp>
#include <compress/transform/prune.hpp>
#include <compress/transform/reconstruct.hpp>

namespace tensor_compress {

struct prune_on_records_options {
    double ratio = 0.5;      ///< share of each layer's weights that become 0
    double damping = 0.001;  ///< of the moments, as a part of the mean of their diagonal
    double pull = 0.1;       ///< towards the weights as they were, when they are fitted to their targets; the same part
    std::vector<std::string> layers{"*"};  ///< globs over labels
};

namespace detail {

/// In which order the weights of one output become 0, each at the least cost: to set weight k to 0 while the others
/// make up for it costs w[k]^2 / (C^-1)[k, k], C being the moments of the inputs of weights that are left. Source:
/// Hassibi and Stork 1992, Second order derivatives for network pruning: Optimal Brain Surgeon; for one layer as in
/// Frantar and Alistarh 2022, Optimal Brain Compression, Algorithm 1.
class removal_order {
public:
    std::vector<std::size_t> removed;
    std::vector<double> costs;

    /// @param  inverse  C^-1, [terms, terms]; only an order is decided by it, so floats do
    removal_order(const array<float>& inverse, std::span<const double> weights, std::size_t count)
        : size_(weights.size()),
          left_(inverse),
          weights_(weights.begin(), weights.end()),
          terms_(size_),
          line_(size_) {
        std::iota(terms_.begin(), terms_.end(), std::size_t{0});
        while (removed.size() < count) remove_cheapest();
    }

private:
    float* row(std::size_t i) { return left_.data() + i * line_.size(); }

    void remove_cheapest() {
        std::size_t cheapest = 0;
        double least = std::numeric_limits<double>::infinity();
        for (std::size_t i = 0; i < size_; ++i) {
            const double cost = weights_[i] * weights_[i] / std::max(static_cast<double>(row(i)[i]), 1e-30);
            if (cost < least) least = cost, cheapest = i;
        }
        removed.push_back(terms_[cheapest]);
        costs.push_back(least);
        std::copy_n(row(cheapest), size_, line_.begin());
        const float own = line_[cheapest];
        const double by = weights_[cheapest] / static_cast<double>(own);
        for (std::size_t i = 0; i < size_; ++i) {
            weights_[i] -= by * static_cast<double>(line_[i]);
            const float factor = -line_[i] / own;
            float* to = row(i);
            simd::for_each_vector<native>(0, static_cast<int>(size_), [&]<class V>(int j) COMPRESS_LAMBDA_INLINE {
                V::store(to + j, V::madd(V::load(line_.data() + j), V::splat(factor), V::load(to + j)));
            });
        }
        --size_;  // the last one takes the place of the one that went
        terms_[cheapest] = terms_[size_];
        weights_[cheapest] = weights_[size_];
        std::copy_n(row(size_), size_ + 1, row(cheapest));
        for (std::size_t i = 0; i < size_; ++i) row(i)[cheapest] = row(i)[size_];
        row(cheapest)[cheapest] = row(size_)[size_];
    }

    std::size_t size_;
    array<float> left_;
    std::vector<double> weights_;
    std::vector<std::size_t> terms_;
    std::vector<float> line_;
};

/// The weights of a group of outputs after `ratio` of them became 0, those that cost least of all the group's.
struct pruned_group {
    matrix weights;          ///< [outputs, terms]
    std::vector<char> kept;  ///< [outputs * terms]
};
inline pruned_group prune_group(const matrix& moments, const matrix& wanted, double ratio, double damping) {
    const std::size_t outputs = wanted.shape(0), terms = wanted.shape(1);
    const matrix c = damped(moments, damping);
    const array<float> inverted = inverse(c);
    const matrix images = product(wanted, c);
    const auto gone = static_cast<std::size_t>(std::llround(ratio * static_cast<double>(outputs * terms)));
    // An output may lose more than its share, but not all.
    const auto most = std::min(terms - 1, static_cast<std::size_t>(static_cast<double>(terms) * (1 + ratio) / 2));
    struct removal {
        double cost;
        std::size_t output, term, step;
    };
    std::vector<removal> removals;
    for (std::size_t o = 0; o < outputs; ++o) {
        double energy = 1e-30, paid = 0;
        for (std::size_t k = 0; k < terms; ++k) energy += wanted(o, k) * images(o, k);
        const removal_order order(inverted, {wanted.data() + o * terms, terms}, most);
        for (std::size_t i = 0; i < order.removed.size(); ++i) {
            paid = std::max(paid, order.costs[i] / energy);  // what goes first is not dearer than what goes after it
            removals.push_back({paid, o, order.removed[i], i});
        }
    }
    // Not std::stable_sort: with an older libstdc++ clang warns of what is deprecated inside it.
    std::sort(removals.begin(), removals.end(), [](const removal& a, const removal& b) {
        return std::tie(a.cost, a.output, a.step) < std::tie(b.cost, b.output, b.step);
    });
    pruned_group result{make_array<double>({outputs, terms}), std::vector<char>(outputs * terms, 1)};
    for (std::size_t i = 0; i < std::min(gone, removals.size()); ++i)
        result.kept[removals[i].output * terms + removals[i].term] = 0;
    for (std::size_t o = 0; o < outputs; ++o) {
        std::vector<std::size_t> at;
        for (std::size_t k = 0; k < terms; ++k)
            if (result.kept[o * terms + k]) at.push_back(k);
        matrix own = make_array<double>({at.size(), at.size()}), image = make_array<double>({at.size()});
        for (std::size_t i = 0; i < at.size(); ++i) {
            image(i) = images(o, at[i]);
            for (std::size_t j = 0; j < at.size(); ++j) own(i, j) = c(at[i], at[j]);
        }
        const matrix fitted = solve(own, image);
        for (std::size_t i = 0; i < at.size(); ++i) result.weights(o, at[i]) = fitted(i);
    }
    return result;
}

}  // namespace detail

/// Zeroes weights of a model where records show that it costs least, and fits those that are left so that each layer
/// gives what it gave, of what the layers before it give now; biases too, where a layer has them. Nothing is trained.
///
/// @param  records  one span of values per record, for a model with one input; a hundred to a thousand
/// @throws error as `prune`, and where there are no records
template <const auto& Model, class Records>
pruned prune_on_records(const named_tensors& weights, const Records& records,
                        const prune_on_records_options& options = {}) {
    detail::expect_ratio(options.ratio);
    const auto names = detail::weights_matching(Model, options.layers);
    pruned result{weights, {}};
    change_layers<Model>(
        weights, records,
        [&]<const node & Node>(layer_to_change& layer) {
            const std::string name = layer.label + ".weight";
            const std::size_t outputs = layer.group_outputs(), terms = layer.weights.terms;
            array<float>& mask = result.masks[name] = make_array<float>(shape_of(weights.find(name)->second));
            const bool corrects = holds_bias(Model, Node);
            for (std::size_t group = 0; group < layer.groups.size(); ++group) {
                if (!corrects)
                    layer.groups[group] = about_zero(std::move(layer.groups[group]),
                                                     std::span(layer.weights.bias).subspan(group * outputs, outputs));
                const auto pruned_now =
                    detail::prune_group(layer.groups[group].inputs, fitted_weights(layer, group, options.pull),
                                        options.ratio, options.damping);
                for (std::size_t i = 0; i < outputs * terms; ++i) {
                    const std::size_t at = group * outputs * terms + i;
                    mask.data()[at] = pruned_now.kept[i] ? 1.0f : 0.0f;
                    layer.weights.weights[at] = static_cast<float>(pruned_now.weights.data()[i]);
                }
            }
            if (corrects) correct_biases(layer);
            store_effective_weights(Model, Node, layer.weights, result.weights);
        },
        [&]<const node & Node>() {
            return std::find(names.begin(), names.end(), text_of(Node.name) + ".weight") != names.end();
        });
    return result;
}

}  // namespace tensor_compress
