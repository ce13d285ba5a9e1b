// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <span>
#include <variant>

#include <compress/core/executor.hpp>
#include <compress/simd/one_lane.hpp>
#include <compress/tensor/aligned.hpp>
#include <compress/train/parameters.hpp>

namespace tensor_compress {

/// v = momentum * v + g, p -= rate * v; with Nesterov p -= rate * (g + momentum * v). `weight_decay` * p is added to g.
/// Source: Sutskever et al. 2013, On the importance of initialization and momentum in deep learning, as in PyTorch.
struct sgd {
    double rate = 0.01;
    double momentum = 0.9;
    bool nesterov = false;
    double weight_decay = 0;
};

/// m and v are running means of g and g^2; p -= rate * m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon).
/// `weight_decay` * p is added to g. Source: Kingma and Ba 2015, Adam, Algorithm 1.
///
/// Relative, steps are shares of the size that the tensor's numbers have when training begins (training_units), and
/// epsilon is divided by it: a net whose inputs or layers are scaled is trained as it was, in its own units. Source:
/// Shazeer and Stern 2018, Adafactor, section 8.
struct adam {
    double rate = 1e-3;
    double beta1 = 0.9, beta2 = 0.999;
    double epsilon = 1e-8;
    double weight_decay = 0;
    bool relative = false;
};

/// adam, but weight decay shrinks the weights themselves: p -= rate * weight_decay * p. Source: Loshchilov and Hutter
/// 2019, Decoupled Weight Decay Regularization, Algorithm 2.
struct adamw {
    double rate = 1e-3;
    double beta1 = 0.9, beta2 = 0.999;
    double epsilon = 1e-8;
    double weight_decay = 0.01;
    bool relative = false;
};

using optimizer = std::variant<sgd, adam, adamw>;

/// The memory of an optimiser: what goes into a checkpoint beside the weights.
struct optimizer_state {
    aligned_floats first, second;  ///< sgd: v and nothing; adam, adamw: m and v
    long long steps = 0;
};

/// As before the first step: gradients of another function say nothing of those to come.
inline void forget(optimizer_state& state) {
    state.first.assign(state.first.size(), 0.0f);
    state.second.assign(state.second.size(), 0.0f);
    state.steps = 0;
}

/// One step over the parameters from `begin` to before `end`.
///
/// @param  factor  of the schedule, times the optimiser's rate
/// @param  group   whose numbers these are
/// @pre    state.steps counts this step already; its arrays are as long as the parameters
template <class Isa>
void update(const sgd& o, optimizer_state& state, double factor, const parameter_group& group, int begin, int end,
            float* parameters, const float* gradients) {
    const float keep = state.steps == 1 ? 0.0f : static_cast<float>(o.momentum);
    const float momentum = static_cast<float>(o.momentum), rate = static_cast<float>(-o.rate * factor);
    const float decay = group.decays ? static_cast<float>(o.weight_decay) : 0.0f;
    simd::for_each_vector<Isa>(begin, end, [&]<class V>(int i) COMPRESS_LAMBDA_INLINE {
        const auto p = V::load(parameters + i);
        auto g = V::madd(p, V::splat(decay), V::load(gradients + i));
        const auto v = V::madd(V::load(state.first.data() + i), V::splat(keep), g);
        V::store(state.first.data() + i, v);
        if (!o.nesterov)
            g = v;
        else
            g = V::madd(v, V::splat(momentum), g);
        V::store(parameters + i, V::madd(g, V::splat(rate), p));
    });
}

template <class Isa, class Adam>
requires requires(const Adam& a) { a.beta2; }
void update(const Adam& o, optimizer_state& state, double factor, const parameter_group& group, int begin, int end,
            float* parameters, const float* gradients) {
    constexpr bool decoupled = std::is_same_v<Adam, adamw>;
    const auto t = static_cast<double>(state.steps);
    const double unit = o.relative ? group.unit : 1;
    const double root = std::sqrt(1 - std::pow(o.beta2, t));
    // m / c1 / (sqrt(v) / root + epsilon) = m * root / c1 / (sqrt(v) + epsilon * root)
    const auto rate = static_cast<float>(-o.rate * factor * unit * root / (1 - std::pow(o.beta1, t)));
    const auto epsilon = static_cast<float>(o.epsilon / unit * root);
    const auto added = static_cast<float>(group.decays && !decoupled ? o.weight_decay : 0.0);
    const auto shrink = static_cast<float>(group.decays && decoupled ? 1 - o.rate * factor * o.weight_decay : 1.0);
    const auto beta1 = static_cast<float>(o.beta1), beta2 = static_cast<float>(o.beta2);
    simd::for_each_vector<Isa>(begin, end, [&]<class V>(int i) COMPRESS_LAMBDA_INLINE {
        const auto p = V::load(parameters + i);
        const auto g = V::madd(p, V::splat(added), V::load(gradients + i));
        const auto m = V::madd(V::load(state.first.data() + i), V::splat(beta1), g * V::splat(1 - beta1));
        const auto v = V::madd(V::load(state.second.data() + i), V::splat(beta2), g * g * V::splat(1 - beta2));
        V::store(state.first.data() + i, m);
        V::store(state.second.data() + i, v);
        const auto direction = V::divide(m, V::add(V::root(v), V::splat(epsilon)));
        V::store(parameters + i, V::madd(direction, V::splat(rate), p * V::splat(shrink)));
    });
}

/// One step over groups of parameters, in pieces for the threads.
///
/// @param  groups  of parameter_groups<Model>(); those that are left out stay as they are
/// @pre    as above
template <class Isa = native, executor Executor>
void update(const optimizer& o, optimizer_state& state, double factor, std::span<const parameter_group> groups,
            std::span<float> parameters, std::span<const float> gradients, const Executor& threads) {
    std::visit(
        [&](const auto& rule) {
            for (const parameter_group& g : groups) {
                detail::for_each_piece(g.place, g.place + g.floats, threads, [&](int begin, int end) {
                    update<Isa>(rule, state, factor, g, begin, end, parameters.data(), gradients.data());
                });
            }
        },
        o);
}

}  // namespace tensor_compress
