// SPDX-License-Identifier: MIT
#include <compress/transform/ada_round.hpp>

#include <compress/tensor/records.hpp>
#include <compress/transform/calibrate.hpp>

#include "../catch.hpp"
#include "residual_noise.hpp"
#include "smooth_problem.hpp"

namespace adaptive_rounding {

namespace tc = tensor_compress;
using Catch::Matchers::ContainsSubstring;
using tests::residual_model;

inline constexpr tc::recipe all_int4{tc::int4};
inline constexpr tc::recipe all_int3{tc::int3};
inline constexpr tc::recipe all_weight_only{tc::weight_only(tc::int4)};
inline constexpr auto mixed = tc::recipe{tc::int8}
                                  .with("head", tc::weight_only(tc::int4))
                                  .with("back", tc::int4 | tc::n_of_m<2, 4>)
                                  .with("grouped", tc::int4 | tc::group<4>)
                                  .with("stem", tc::fp32);
inline constexpr tc::ada_round_options quick{.rows = 512, .batch = 128, .training = {.iterations = 600}};

using tests::squared_noise;

struct problem : tests::smooth_problem {
    problem() : smooth_problem(residual_model, 7, 0.3f, 48) {}
    tc::records calibrated() const { return tc::records(xt::view(images, xt::range(0, 32))); }
};

/// A layer of one output behind which is a ReLU, and its correlated inputs.
struct small_layer {
    static constexpr std::size_t terms = 9, rows = 200;
    tc::layer_to_change layer{"small", {1, 1, terms, 1, 1, 1}, {}, {}, tc::clamp_kind::relu, {}};
    std::vector<float> inputs, targets;

    explicit small_layer(std::uint64_t seed) {
        tests::numbers random(seed);
        layer.weights = {std::vector<float>(terms), {0.1f}, 1, terms};
        for (float& w : layer.weights.weights) w = random.bell();
        tc::layer_moments moments(layer.geometry);
        tc::row_sampler sampler(layer.geometry, rows, {rows, 1}, 0);
        for (std::size_t n = 0; n < rows; ++n) {
            std::vector<float> x(terms);
            const float common = random.bell();
            float target = 0.1f;
            for (std::size_t k = 0; k < terms; ++k) {
                x[k] = common + 0.7f * random.bell();
                target += layer.weights.weights[k] * x[k];
            }
            inputs.insert(inputs.end(), x.begin(), x.end());
            targets.push_back(target);
            moments.add(x, {&target, 1});
            sampler.add(x, {&target, 1}, {});
        }
        layer.groups = moments.finish();
        layer.rows = sampler.finish();
    }

    /// Mean squared error behind the ReLU: from its equation.
    double error_of(const std::vector<int>& stored, double scale, double bias) const {
        double sum = 0;
        for (std::size_t n = 0; n < rows; ++n) {
            double z = bias;
            for (std::size_t k = 0; k < terms; ++k) z += scale * stored[k] * static_cast<double>(inputs[n * terms + k]);
            sum += std::pow(std::max(z, 0.0) - std::max(static_cast<double>(targets[n]), 0.0), 2);
        }
        return sum / rows;
    }
};

bool same(const tc::rounded_layers& a, const tc::rounded_layers& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
        return x.first == y.first && x.second.weights == y.second.weights && x.second.scales == y.second.scales &&
               x.second.bias == y.second.bias;
    });
}

TEST_CASE("up and down are chosen nearly as well as by trying all choices", "[transform]") {
    double found_sum = 0, nearest_sum = 0, best_sum = 0;
    for (std::uint64_t trial = 0; trial < 12; ++trial) {
        small_layer p(trial);
        const tc::layer_levels levels{{tc::tag::int4::grid, {}}};
        const tc::row_steps steps = tc::steps_of(p.layer.weights.weights, levels.format, 0);
        const double step = static_cast<float>(steps.scale) * 16.0;
        std::vector<int> lower, nearest;
        for (const float w : p.layer.weights.weights) {
            lower.push_back(std::clamp(static_cast<int>(std::floor(static_cast<double>(w) / step)), -8, 6));
            nearest.push_back(16 * tc::detail::nearest_level(static_cast<double>(w), step, levels.format.grid));
        }
        const auto found = tc::ada_round_layer(p.layer, levels,
                                               {.start = tc::rounding_start::nearest,
                                                .rows = small_layer::rows,
                                                .batch = 100,
                                                .before_activation = 0,
                                                .correct_bias = false});
        const std::vector<int> stored(found.weights.begin(), found.weights.end());
        CHECK(found.scales[0] == static_cast<float>(steps.scale));
        CHECK(found.bias[0] == 0.1f);
        for (std::size_t k = 0; k < stored.size(); ++k)
            CHECK((stored[k] == 16 * lower[k] || stored[k] == 16 * lower[k] + 16));
        const double error = p.error_of(stored, step / 16, 0.1), plain = p.error_of(nearest, step / 16, 0.1);
        double best = plain;
        for (int choice = 0; choice < 1 << small_layer::terms; ++choice) {
            std::vector<int> all = lower;
            for (std::size_t k = 0; k < all.size(); ++k) all[k] = 16 * (all[k] + (choice >> k & 1));
            best = std::min(best, p.error_of(all, step / 16, 0.1));
        }
        CHECK(error <= plain * (1 + 1e-6));
        CHECK(error <= 3 * best);
        found_sum += error, nearest_sum += plain, best_sum += best;
    }
    CHECK(found_sum < 0.6 * nearest_sum);
    CHECK(found_sum < 1.5 * best_sum);
}

TEST_CASE("an output that training made no better keeps the levels of the start", "[transform]") {
    int kept = 0;
    for (std::uint64_t trial = 0; trial < 12; ++trial) {
        small_layer p(trial), q(trial);
        const tc::layer_levels levels{{tc::tag::int3::grid, {}}};
        const tc::gptq_options gptq{.correct_bias = false};
        const auto start = tc::round_layer(q.layer, levels, gptq);
        const auto found = tc::ada_round_layer(p.layer, levels,
                                               {.rows = small_layer::rows,
                                                .before_activation = 0,
                                                .correct_bias = false,
                                                .training = {.iterations = 1},
                                                .gptq = gptq});
        const auto error_of = [&](const tc::rounded_layer& l) {
            return p.error_of({l.weights.begin(), l.weights.end()}, static_cast<double>(l.scales[0]), 0.1);
        };
        CHECK(error_of(found) <= error_of(start) * (1 + 1e-5));
        kept += found.weights == start.weights;
    }
    CHECK(kept > 0);
}

TEST_CASE("the error behind an activation has its gradients, and follows its equation", "[transform]") {
    for (const bool centred : {false, true}) {
        small_layer p(5);
        std::vector<float> w = p.layer.weights.weights, gradients(w.size());
        for (std::size_t k = 0; k < w.size(); k += 2) w[k] *= -0.5f;  // sums on the other side of 0 than their targets
        double bias = 0.1;
        if (centred) {
            bias = p.layer.groups[0].target_mean[0];
            for (std::size_t k = 0; k < w.size(); ++k)
                bias -= static_cast<double>(w[k]) * p.layer.groups[0].input_mean[k];
        }
        tc::activation_error behind(p.layer, 0, centred);
        std::vector<int> ones(w.size());
        double expected = 0;
        for (std::size_t n = 0; n < small_layer::rows; ++n) {
            double z = bias;
            for (std::size_t k = 0; k < w.size(); ++k)
                z += static_cast<double>(w[k]) * static_cast<double>(p.inputs[n * w.size() + k]);
            expected += std::pow(std::max(z, 0.0) - std::max(static_cast<double>(p.targets[n]), 0.0), 2);
        }
        CHECK(behind(w)[0] == Approx(expected / small_layer::rows).epsilon(1e-4));
        small_layer q(5);
        tc::activation_error error(q.layer, 0.3, centred);
        error(w, 0, error.rows(), gradients);
        for (std::size_t k = 0; k < w.size(); ++k) {
            auto up = w, down = w;
            up[k] += 1e-2f, down[k] -= 1e-2f;
            CHECK((error(up)[0] - error(down)[0]) / 2e-2 == Approx(static_cast<double>(gradients[k])).margin(0.02));
        }
        CHECK(error(w)[0] > 0.01);
        error.aim_at(w);
        CHECK(error(w)[0] < 1e-9);
    }
}

TEST_CASE("adaptive rounding leaves less noise than rounding to nearest, from either start", "[transform]") {
    const problem p;
    using int4_net = tc::net<residual_model, all_int4>;
    using int3_net = tc::net<residual_model, all_int3>;
    CHECK(squared_noise<int4_net>(p, tc::ada_round<int4_net>(p.weights, p.calibrated(), quick)) <
          0.5 * squared_noise<int4_net>(p, {}));
    CHECK(squared_noise<int3_net>(p, tc::ada_round<int3_net>(p.weights, p.calibrated(), quick)) <
          0.5 * squared_noise<int3_net>(p, {}));
    auto nearest = quick;
    nearest.start = tc::rounding_start::nearest;
    CHECK(squared_noise<int4_net>(p, tc::ada_round<int4_net>(p.weights, p.calibrated(), nearest)) <
          0.7 * squared_noise<int4_net>(p, {}));
}

TEST_CASE("adaptive rounding keeps to formats: weight-only, groups and patterns of zeros", "[transform]") {
    const problem p;
    using net = tc::net<residual_model, mixed>;
    for (const auto start : {tc::rounding_start::nearest, tc::rounding_start::gptq}) {
        auto options = quick;
        options.start = start;
        const auto chosen = tc::ada_round<net>(p.weights, p.calibrated(), options);
        CHECK(chosen.find("stem") == chosen.end());  // float
        REQUIRE(chosen.size() == 4);
        const auto levels = tc::roundings_of<net>(p.weights);
        const auto& pattern = chosen.find("back")->second.weights;
        REQUIRE(levels.at("back").kept.size() == pattern.size());
        for (std::size_t i = 0; i < pattern.size(); ++i)
            if (!levels.at("back").kept[i]) CHECK(pattern[i] == 0);
        // Weights of a group are multiples of one number up to 16, by -8 to 7.
        const auto& grouped = chosen.find("grouped")->second.weights;
        const auto& groups = levels.at("grouped").format.groups;
        for (std::size_t first = 0; first < grouped.size(); first += groups.size())
            for (int group = 0; group <= *std::max_element(groups.begin(), groups.end()); ++group) {
                const auto fits = [&](int multiple) {
                    for (std::size_t k = 0; k < groups.size(); ++k) {
                        const int v = grouped[first + k];
                        if (groups[k] == group && (v % multiple != 0 || v / multiple < -8 || v / multiple > 7))
                            return false;
                    }
                    return true;
                };
                bool any = false;
                for (int multiple = 1; multiple <= 16; ++multiple) any = any || fits(multiple);
                CHECK(any);
            }
        CHECK(squared_noise<net>(p, chosen) < 0.9 * squared_noise<net>(p, {}));
    }
}

TEST_CASE("the net has the integers that adaptive rounding gives", "[transform]") {
    const problem p;
    using net = tc::net<residual_model, all_weight_only>;
    const auto chosen = tc::ada_round<net>(p.weights, p.calibrated(), quick);
    for (const auto& [label, layer] : chosen)
        for (const int stored : layer.weights) CHECK((stored % 16 == 0 && stored >= -128 && stored <= 112));
    const auto packed = tc::convert<net>(p.weights, {}, chosen);
    const auto floats = tc::convert<tc::net<residual_model>>(tc::dequantize<residual_model>(p.weights, chosen));
    tc::runner<net> run(packed);
    tc::runner<tc::net<residual_model>> expect(floats);
    for (const auto record : p.calibrated()) {
        const auto found = run(record), expected = expect(record);
        for (std::size_t k = 0; k < found.size(); ++k) CHECK(found[k] == Approx(expected[k]).margin(1e-3));
    }
}

TEST_CASE("adaptive rounding is the same each time, and not that of GPTQ", "[transform]") {
    const problem p;
    using net = tc::net<residual_model, all_int3>;
    const auto first = tc::ada_round<net>(p.weights, p.calibrated(), quick);
    CHECK(same(first, tc::ada_round<net>(p.weights, p.calibrated(), quick)));
    auto other = quick;
    other.seed = 2;
    CHECK_FALSE(same(first, tc::ada_round<net>(p.weights, p.calibrated(), other)));
    CHECK_FALSE(same(first, tc::gptq<net>(p.weights, p.calibrated())));
}

inline constexpr auto one_layer = tc::make_model([](auto& g) { g.linear("only", g.input("features", {64}), 5); });
inline constexpr tc::recipe signs{tc::binary};
inline constexpr tc::recipe tables{tc::int8 | tc::codebook<2>};

TEST_CASE("what has no neighbouring levels is rounded by GPTQ", "[transform]") {
    tests::numbers random(3);
    tc::named_tensors weights;
    for (const auto& [name, extents] : tc::needed_tensors(one_layer)) {
        weights[name] = tc::make_array<float>(extents);
        for (float& v : weights[name]) v = random.bell();
    }
    auto features = tc::make_array<float>({80, 64});
    for (float& v : features) v = random.bell();
    const tc::records records(features);
    using binary_net = tc::net<one_layer, signs>;
    using table_net = tc::net<one_layer, tables>;
    CHECK(same(tc::ada_round<binary_net>(weights, records), tc::gptq<binary_net>(weights, records)));
    CHECK(same(tc::ada_round<table_net>(weights, records), tc::gptq<table_net>(weights, records)));
}

TEST_CASE("adaptive rounding refuses no records, no rows and no iterations", "[transform]") {
    const problem p;
    using net = tc::net<residual_model, all_int4>;
    CHECK_THROWS_WITH(tc::ada_round<net>(p.weights, tc::records(tc::make_array<float>({0, 8, 8, 3}))),
                      ContainsSubstring("no records"));
    CHECK_THROWS_WITH(tc::ada_round<net>(p.weights, p.calibrated(), {.rows = 0}),
                      ContainsSubstring("ada_round: 0 rows of a layer"));
    CHECK_THROWS_WITH(tc::ada_round<net>(p.weights, p.calibrated(), {.training = {.iterations = 0}}),
                      ContainsSubstring("0 iterations"));
}

}  // namespace adaptive_rounding
