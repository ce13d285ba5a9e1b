// SPDX-License-Identifier: MIT
#include <compress/train/optimizer.hpp>

#include "../catch.hpp"
#include "../numbers.hpp"

namespace tc = tensor_compress;

namespace {

constexpr int steps = 6;

/// Parameters after some steps, and how far they may be from exact.
struct course {
    tc::aligned_floats parameters;
    tc::optimizer_state state;
};

tc::aligned_floats random_floats(std::uint64_t seed, int count) {
    tests::numbers random(seed);
    tc::aligned_floats made(static_cast<std::size_t>(count));
    for (float& v : made) v = random.real();
    return made;
}
tc::aligned_floats gradients_of(int step, int count) {
    return random_floats(100 + static_cast<std::uint64_t>(step), count);
}
/// What a schedule says.
double factor_of(int step) { return 1 / (1 + 0.2 * step); }

template <class Isa, class Rule>
course run(const Rule& rule, int begin, int end, int count, bool decays) {
    course c{random_floats(1, count), {}};
    c.state.first.resize(static_cast<std::size_t>(count));
    c.state.second.resize(static_cast<std::size_t>(count));
    for (int step = 1; step <= steps; ++step) {
        c.state.steps = step;
        const auto gradients = gradients_of(step, count);
        tc::update<Isa>(rule, c.state, factor_of(step), tc::parameter_group{"all", 0, count, decays}, begin, end,
                        c.parameters.data(), gradients.data());
    }
    return c;
}

/// torch.optim.SGD as its documentation writes it; decay 0 where parameters do not decay.
double expected(const tc::sgd& rule, int i, int count, double decay) {
    double p = static_cast<double>(random_floats(1, count)[static_cast<std::size_t>(i)]), buffer = 0;
    for (int step = 1; step <= steps; ++step) {
        double g = static_cast<double>(gradients_of(step, count)[static_cast<std::size_t>(i)]) + decay * p;
        buffer = step > 1 ? rule.momentum * buffer + g : g;
        g = rule.nesterov ? g + rule.momentum * buffer : buffer;
        p -= rule.rate * factor_of(step) * g;
    }
    return p;
}

/// torch.optim.Adam and AdamW as their documentation writes them.
template <class Rule>
double expected(const Rule& rule, int i, int count, double decay) {
    constexpr bool decoupled = std::is_same_v<Rule, tc::adamw>;
    double p = static_cast<double>(random_floats(1, count)[static_cast<std::size_t>(i)]), m = 0, v = 0;
    for (int step = 1; step <= steps; ++step) {
        const double rate = rule.rate * factor_of(step);
        double g = static_cast<double>(gradients_of(step, count)[static_cast<std::size_t>(i)]);
        if (decoupled)
            p -= rate * decay * p;
        else
            g += decay * p;
        m = rule.beta1 * m + (1 - rule.beta1) * g;
        v = rule.beta2 * v + (1 - rule.beta2) * g * g;
        const double mean = m / (1 - std::pow(rule.beta1, step)), square = v / (1 - std::pow(rule.beta2, step));
        p -= rate * mean / (std::sqrt(square) + rule.epsilon);
    }
    return p;
}

template <class Rule>
void expect_formula(const Rule& rule) {
    for (const int count : {1, 5, 16, 37})
        for (const bool decays : {true, false}) {
            const auto fast = run<tc::native>(rule, 0, count, count, decays);
            const auto plain = run<tc::isa::scalar>(rule, 0, count, count, decays);
            for (int i = 0; i < count; ++i) {
                INFO(i << " of " << count << (decays ? ", decays" : ""));
                const double p = expected(rule, i, count, decays ? rule.weight_decay : 0);
                const auto at = static_cast<std::size_t>(i);
                CHECK(fast.parameters[at] == Approx(p).margin(2e-5));
                CHECK(plain.parameters[at] == Approx(p).margin(2e-5));
                CHECK(fast.state.first[at] == Approx(plain.state.first[at]).margin(1e-6));
                CHECK(fast.state.second[at] == Approx(plain.state.second[at]).margin(1e-6));
            }
        }
}

}  // namespace

TEST_CASE("an optimiser that forgets begins anew", "[train]") {
    tc::aligned_floats weights(16, 1.0f), fresh(16, 1.0f), gradients(16, 0.5f);
    tc::optimizer_state state{tc::aligned_floats(16), tc::aligned_floats(16), 0}, other = state;
    const tc::parameter_group all{"w", 0, 16, false};
    const auto step = [&](tc::optimizer_state& s, tc::aligned_floats& p) {
        ++s.steps;
        tc::update(tc::adam{}, s, 1, std::span(&all, 1), p, gradients, tc::serial{});
    };
    for (int i = 0; i < 3; ++i) step(state, weights);
    std::fill(gradients.begin(), gradients.end(), -2.0f);
    tc::forget(state);
    std::fill(weights.begin(), weights.end(), 1.0f);
    step(state, weights);
    step(other, fresh);
    CHECK(weights == fresh);
}

TEST_CASE("sgd follows its formula", "[optimizer]") {
    expect_formula(tc::sgd{.rate = 0.1, .momentum = 0});
    expect_formula(tc::sgd{.rate = 0.1, .momentum = 0.9});
    expect_formula(tc::sgd{.rate = 0.1, .momentum = 0.8, .nesterov = true});
    expect_formula(tc::sgd{.rate = 0.1, .momentum = 0.9, .weight_decay = 0.2});
    expect_formula(tc::sgd{.rate = 0.1, .momentum = 0.9, .nesterov = true, .weight_decay = 0.2});
}

TEST_CASE("adam and adamw follow their formulas", "[optimizer]") {
    expect_formula(tc::adam{.rate = 0.1});
    expect_formula(tc::adam{.rate = 0.1, .beta1 = 0.8, .beta2 = 0.95, .epsilon = 0.1, .weight_decay = 0.2});
    expect_formula(tc::adamw{.rate = 0.1});
    expect_formula(tc::adamw{.rate = 0.1, .beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-4, .weight_decay = 0.5});
}

TEST_CASE("weight decay of adam goes through its means, that of adamw does not", "[optimizer]") {
    const auto through = run<tc::native>(tc::adam{.rate = 0.1, .weight_decay = 0.5}, 0, 8, 8, true);
    const auto beside = run<tc::native>(tc::adamw{.rate = 0.1, .weight_decay = 0.5}, 0, 8, 8, true);
    const auto none = run<tc::native>(tc::adam{.rate = 0.1}, 0, 8, 8, true);
    CHECK(beside.state.first == none.state.first);
    CHECK(through.state.first != none.state.first);
    CHECK(beside.parameters != none.parameters);
}

TEST_CASE("a step touches its own parameters and their memory alone", "[optimizer]") {
    const auto check = [](const auto& rule) {
        const auto part = run<tc::native>(rule, 16, 37, 50, true), whole = run<tc::native>(rule, 0, 50, 50, true);
        const auto before = random_floats(1, 50);
        for (std::size_t i = 0; i < 50; ++i) {
            const bool inside = i >= 16 && i < 37;
            CHECK(part.parameters[i] == Approx(inside ? whole.parameters[i] : before[i]).epsilon(1e-6));
            if (!inside) CHECK(part.parameters[i] == before[i]);
            if (!inside) CHECK(part.state.first[i] == 0.0f);
            if (!inside) CHECK(part.state.second[i] == 0.0f);
        }
    };
    check(tc::sgd{.weight_decay = 0.1});
    check(tc::adam{});
    check(tc::adamw{});
}

TEST_CASE("what has no value and no gradient stays 0", "[optimizer]") {
    const auto check = [](const auto& rule) {
        tc::aligned_floats parameters(20), gradients(20);
        tc::optimizer_state state{tc::aligned_floats(20), tc::aligned_floats(20), 0};
        for (state.steps = 1; state.steps <= 3; ++state.steps)
            tc::update<tc::native>(rule, state, 1, tc::parameter_group{"all", 0, 20, true}, 0, 20, parameters.data(),
                                   gradients.data());
        CHECK(parameters == tc::aligned_floats(20));
    };
    check(tc::sgd{.nesterov = true, .weight_decay = 0.1});
    check(tc::adam{.weight_decay = 0.1});
    check(tc::adamw{});
}
