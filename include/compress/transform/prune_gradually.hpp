// SPDX-License-Identifier: MIT
#pragma once

#include <variant>

#include <compress/train/fit.hpp>
#include <compress/transform/prune.hpp>

namespace tensor_compress {

/// last + (first - last) * (1 - t)^power of the weights are 0, t going from 0 to 1. Source: Zhu and Gupta 2017, To
/// Prune, or Not to Prune, equation 1, whose power is 3; 1 prunes as many weights each time.
struct polynomial_decay {
    double power = 3;
    double first = 0;  ///< share of zeros before the first pruning
};
/// All at once; what comes after it is training.
struct one_shot {};

using sparsity_schedule = std::variant<polynomial_decay, one_shot>;

/// Share of the weights that are 0 at time t in (0, 1], `last` at its end.
inline double scheduled_sparsity(const sparsity_schedule& schedule, double last, double t) {
    struct {
        double last, t;
        double operator()(polynomial_decay s) const { return last + (s.first - last) * std::pow(1 - t, s.power); }
        double operator()(one_shot) const { return last; }
    } share{last, t};
    return std::visit(share, schedule);
}

struct prune_gradually_options {
    double ratio = 0.8;  ///< share of the weights that are 0 in the end
    int steps = 4;       ///< prunings, each with a training after it
    sparsity_schedule schedule = polynomial_decay{};
    importance by = importance::magnitude;
    prune_scope scope = prune_scope::layer;
    std::vector<std::string> layers{"*"};  ///< globs over labels
    std::uint64_t seed = 1;                ///< of importance::random
    fit_options training{};  ///< after each pruning: what is chosen is chosen for the first. Masks that it has are the
                             ///< first ones, a checkpoint gets the number of its pruning: weights.safetensors becomes
                             ///< weights_1.safetensors, ...
};

/// A pruning and the training after it.
struct pruning_step {
    double sparsity = 0;  ///< share of zeros among the weights that have a mask
    std::vector<epoch_result> epochs;
};

struct gradually_pruned : pruned {
    std::vector<pruning_step> history;
    bool interrupted = false;  ///< by fit_options::stop
};

namespace detail {

inline void expect_schedule(const prune_gradually_options& options) {
    expect_ratio(options.ratio);
    if (options.steps < 1)
        throw error("prune_gradually", std::to_string(options.steps) + " prunings", "prune at least once");
    const auto* decay = std::get_if<polynomial_decay>(&options.schedule);
    if (decay != nullptr && !(decay->power > 0 && decay->first >= 0 && decay->first <= options.ratio))
        throw error("prune_gradually",
                    "a decay of power " + std::to_string(decay->power) + " from " + std::to_string(decay->first) +
                        " to " + std::to_string(options.ratio),
                    "the power is above 0, 3 is usual, and the first share from 0 to the last");
}

/// Masks become 0 where others are, or where the weight is.
inline void join_masks(named_tensors& masks, const named_tensors& others, const named_tensors& weights) {
    for (auto& [name, mask] : masks) {
        const auto other = others.find(name);
        const float* w = weights.find(name)->second.data();
        for (std::size_t i = 0; i < mask.size(); ++i)
            if (w[i] == 0 || (other != others.end() && other->second.data()[i] == 0)) mask.data()[i] = 0;
        expect_weights_left(name, mask);
    }
    masks.insert(others.begin(), others.end());  // of layers that are not pruned
}

inline std::filesystem::path numbered(const std::filesystem::path& file, int number) {
    if (file.empty()) return file;
    return file.parent_path() / (file.stem().string() + '_' + std::to_string(number) + file.extension().string());
}

}  // namespace detail

/// Prunes a model in steps and trains it after each, so that what is left takes over what goes: prune, train, prune
/// more. Masks only grow, and weights that are 0 at the beginning stay so.
///
/// With a checkpoint it goes on, when it is called again, where it was stopped.
///
/// @param  weights  trained ones, of Model
/// @throws error as `prune`, of the first pruning that would leave a layer no weight, and `fit`; where a number of
///         steps or a schedule makes no sense
template <const auto& Model, executor Executor = serial>
gradually_pruned prune_gradually(const named_tensors& weights, const data_set& data,
                                 const prune_gradually_options& options, const Executor& threads = {}) {
    detail::expect_schedule(options);
    gradually_pruned result{{weights, {}}, {}, false};
    fit_options training = options.training;
    if (!training.epochs) {
        const std::size_t trained = data.size() - detail::judging_count(training, data.size());
        training.epochs = ceil_div(detail::plan_by_rules(training, trained).epochs, options.steps);
    }
    if (options.training.masks != nullptr) {
        result.masks = *options.training.masks;
        result.weights = apply_masks(std::move(result.weights), result.masks);
    }
    for (int step = 1; step <= options.steps && !result.interrupted; ++step) {
        const double share =
            scheduled_sparsity(options.schedule, options.ratio, static_cast<double>(step) / options.steps);
        pruned now = prune<Model>(
            result.weights,
            {.ratio = share, .by = options.by, .scope = options.scope, .layers = options.layers, .seed = options.seed});
        detail::join_masks(now.masks, result.masks, now.weights);
        training.masks = &now.masks;
        training.checkpoint = detail::numbered(options.training.checkpoint, step);
        fitted trained = fit<Model>(now.weights, data, training, threads);
        result.weights = std::move(trained.weights);
        result.masks = std::move(now.masks);
        result.history.push_back({sparsity_of(result.masks), std::move(trained.history)});
        result.interrupted = trained.interrupted;
        if (!trained.interrupted) training = as_planned(training, trained.plan);
    }
    return result;
}

}  // namespace tensor_compress
