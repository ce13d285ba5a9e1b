// SPDX-License-Identifier: MIT
#include <compress/transform/prune_on_records.hpp>

#include <compress/graph/builder.hpp>
#include <compress/tensor/records.hpp>

#include "../catch.hpp"
#include "smooth_problem.hpp"

namespace pruning_on_records {

namespace tc = tensor_compress;
using Catch::Matchers::ContainsSubstring;

using tests::residual_model;

struct problem : tests::smooth_problem {
    std::size_t calibrated;

    explicit problem(std::size_t records = 128)
        : smooth_problem(residual_model, 7, 0.3f, records + 16),
          calibrated(records) {}
    auto calibration_records() const { return tc::records(xt::view(images, xt::range(std::size_t{0}, calibrated))); }
};

/// Squared distance from the net of the original weights, on records that were not calibrated on.
template <const auto& Model = residual_model>
double noise_of(const problem& p, const tc::named_tensors& weights, const tc::named_tensors& before) {
    const auto packed = tc::convert<tc::net<Model>>(weights), original = tc::convert<tc::net<Model>>(before);
    tc::runner<tc::net<Model>> run(packed), expect(original);
    double sum = 0;
    const tc::records all(p.images);
    for (std::size_t i = p.calibrated; i < all.size(); ++i) {
        const auto found = run(all[i]), expected = expect(all[i]);
        for (std::size_t k = 0; k < found.size(); ++k)
            sum += std::pow(static_cast<double>(found[k]) - static_cast<double>(expected[k]), 2);
    }
    return sum;
}
double noise_of(const problem& p, const tc::named_tensors& weights) { return noise_of(p, weights, p.weights); }

std::ptrdiff_t zeros_of(const tc::array<float>& t) { return std::count(t.begin(), t.end(), 0.0f); }

tc::pruned pruned_on_records(const problem& p, const tc::prune_on_records_options& options) {
    return tc::prune_on_records<residual_model>(p.weights, p.calibration_records(), options);
}

TEST_CASE("pruning on records leaves less noise than pruning by magnitude", "[prune]") {
    const problem p;
    for (const double ratio : {0.5, 0.7}) {
        INFO(ratio);
        CHECK(noise_of(p, pruned_on_records(p, {.ratio = ratio}).weights) <
              0.5 * noise_of(p, tc::prune<residual_model>(p.weights, {.ratio = ratio}).weights));
    }
    CHECK(noise_of(p, pruned_on_records(p, {.ratio = 0}).weights) <
          1e-3 * noise_of(p, tc::prune<residual_model>(p.weights).weights));
}

TEST_CASE("each layer loses its share of weights", "[prune]") {
    const problem p;
    const auto found = pruned_on_records(p, {.ratio = 0.6});
    REQUIRE(found.masks.size() == 5);
    CHECK(zeros_of(found.masks.at("stem.weight")) == std::llround(0.6 * 216));
    CHECK(zeros_of(found.masks.at("deep.weight")) == 8 * std::llround(0.6 * 9));
    CHECK(zeros_of(found.masks.at("back.weight")) == std::llround(0.6 * 64));
    CHECK(zeros_of(found.masks.at("grouped.weight")) == 2 * std::llround(0.6 * 216));
    CHECK(zeros_of(found.masks.at("head.weight")) == std::llround(0.6 * 960));
    for (const auto& [name, mask] : found.masks) {
        INFO(name);
        const auto& w = found.weights.at(name);
        REQUIRE(tc::shape_of(mask) == tc::shape_of(w));
        bool agree = true;
        for (std::size_t i = 0; i < mask.size(); ++i)
            agree =
                agree && (mask.data()[i] == 0 || mask.data()[i] == 1) && (mask.data()[i] == 0) == (w.data()[i] == 0);
        CHECK(agree);
    }
    // No output loses all its inputs.
    const auto& head = found.masks.at("head.weight");
    for (std::size_t o = 0; o < 5; ++o) {
        const auto kept = std::count(head.data() + o * 192, head.data() + (o + 1) * 192, 1.0f);
        CHECK(kept >= 38);
    }
}

TEST_CASE("zeros are shared out over all layers where they cost least", "[prune]") {
    const problem p(1024);  // the head has 192 inputs: what it loses is known from more records than that
    for (const double ratio : {0.4, 0.6}) {
        INFO(ratio);
        const auto by_layer = pruned_on_records(p, {.ratio = ratio});
        const auto shared = pruned_on_records(
            p, {.ratio = ratio, .scope = tc::prune_scope::global, .outputs = tc::output_kind::values});
        CHECK(tc::sparsity_of(shared.masks) == Approx(ratio).margin(0.001));
        CHECK(zeros_of(shared.masks.at("stem.weight")) != zeros_of(by_layer.masks.at("stem.weight")));
        CHECK(noise_of(p, shared.weights) < noise_of(p, by_layer.weights));
    }
    // By classes, what is left out stays; of channels of their own each has a share of its own.
    const auto some = pruned_on_records(p, {.scope = tc::prune_scope::global, .layers = {"stem", "head"}});
    REQUIRE(some.masks.size() == 2);
    CHECK(tc::sparsity_of(some.masks) == Approx(0.5).margin(0.001));
    for (const double ratio : {0.0, 0.05, 0.3, 0.5}) {
        INFO(ratio);
        const auto deep = pruned_on_records(p, {.ratio = ratio, .scope = tc::prune_scope::global, .layers = {"deep"}});
        CHECK(zeros_of(deep.masks.at("deep.weight")) == std::llround(ratio * 72));
    }
}

TEST_CASE("layers that no glob names stay bit for bit", "[prune]") {
    const problem p;
    const auto found = pruned_on_records(p, {.layers = {"back", "h*"}});
    REQUIRE(found.masks.size() == 2);
    REQUIRE(found.weights.size() == p.weights.size());
    for (const auto& [name, tensor] : p.weights) {
        INFO(name);
        const bool named = name.starts_with("back.") || name.starts_with("head.");
        CHECK((found.weights.at(name) == tensor) == !named);
    }
}

inline constexpr auto without_biases = tc::make_model([](auto& g) {
    auto x = g.relu(g.conv2d("stem", g.input("image", {8, 8, 3}), 8, {3, 3}, {.bias = false}));
    x = g.conv2d("wide", x, 8, {3, 3}, {.stride = 2, .groups = 2, .bias = false});
    x = g.relu(g.add("shifted", x, g.constant("shift", {8})));
    x = g.relu(g.linear("hidden", g.flatten(x), 20, false));
    g.linear("head", x, 5, false);
});

TEST_CASE("layers without biases are pruned on records too", "[prune]") {
    problem p;
    for (float& v : p.images) v = 4 + 0.3f * v;  // a mean that only the weights can make up for
    tests::numbers random(9);
    tc::named_tensors weights;
    for (const auto& [name, extents] : tc::needed_tensors(without_biases)) {
        auto& t = weights[name] = tc::make_array<float>(extents);
        for (float& v : t) v = random.bell() * 0.3f;
    }
    const auto found = tc::prune_on_records<without_biases>(weights, p.calibration_records());
    CHECK((found.weights.at("shift.value") == weights.at("shift.value")));
    CHECK(noise_of<without_biases>(p, found.weights, weights) <
          0.005 * noise_of<without_biases>(p, tc::prune<without_biases>(weights).weights, weights));
}

TEST_CASE("pruning on records refuses what makes no sense", "[prune]") {
    const problem p;
    CHECK_THROWS_WITH(pruned_on_records(p, {.ratio = 1}), ContainsSubstring("a ratio of 1.000000"));
    CHECK_THROWS_WITH(pruned_on_records(p, {.ratio = -0.1}), ContainsSubstring("a ratio of -0.100000"));
    CHECK_THROWS_WITH(pruned_on_records(p, {.layers = {"hat"}}),
                      ContainsSubstring("no layer with weights is called 'hat'"));
    CHECK_THROWS_WITH(tc::prune_on_records<residual_model>(p.weights, tc::records(tc::make_array<float>({0, 8, 8, 3}))),
                      ContainsSubstring("no records"));
    auto weights = p.weights;
    weights.erase("head.bias");
    CHECK_THROWS_WITH(tc::prune_on_records<residual_model>(weights, p.calibration_records()),
                      ContainsSubstring("no head.bias [5]"));
}

inline constexpr auto folds = tc::make_model([](auto& g) {
    auto x = g.conv2d("biased", g.input("image", {4, 4, 3}), 6, {3, 3});
    x = g.relu(g.batch_norm("after_biased", g.conv2d("biased_and_norm", x, 6, {3, 3})));
    x = g.relu(g.batch_norm("after_bare", g.conv2d("bare_and_norm", x, 6, {3, 3}, {.bias = false})));
    x = g.relu(g.conv2d("bare", x, 4, {1, 1}, {.bias = false}));
    g.linear("head", g.flatten(x), 2);
});

tc::named_tensors weights_of_folds() {
    tests::numbers random(2);
    tc::named_tensors weights;
    for (const auto& [name, extents] : tc::needed_tensors(folds)) {
        auto& t = weights[name] = tc::make_array<float>(extents);
        for (float& v : t) v = name.ends_with("running_var") ? 0.5f + std::abs(random.real()) : random.real();
    }
    return weights;
}

using folded = tc::net<folds, tc::all_fp32, tc::native, tc::lowering::observed>;

const tc::node& folded_node(const char* label) { return folded::graph[folded::graph.find(label)]; }

TEST_CASE("what is stored is what a layer then has", "[prune]") {
    const auto before = weights_of_folds();
    tests::numbers random(8);
    for (const char* label : {"biased", "biased_and_norm", "bare_and_norm", "head"}) {
        INFO(label);
        const tc::node& n = folded_node(label);
        auto wanted = tc::effective_weights_of(folds, n, before);
        for (float& w : wanted.weights) w = random.real() < 0 ? 0.0f : w + random.real();
        for (float& b : wanted.bias) b += random.real();
        auto weights = before;
        tc::store_effective_weights(folds, n, wanted, weights);
        const auto found = tc::effective_weights_of(folds, n, weights);
        REQUIRE(found.weights.size() == wanted.weights.size());
        REQUIRE(found.bias.size() == wanted.bias.size());
        for (std::size_t i = 0; i < wanted.weights.size(); ++i) {
            CHECK(found.weights[i] == Approx(wanted.weights[i]).epsilon(1e-5).margin(1e-6));
            CHECK((found.weights[i] == 0) == (wanted.weights[i] == 0));
        }
        for (std::size_t i = 0; i < wanted.bias.size(); ++i)
            CHECK(found.bias[i] == Approx(wanted.bias[i]).epsilon(1e-5).margin(1e-5));
        // Scales and statistics that are folded in stay, and other layers do.
        for (const auto& [name, tensor] : before) {
            const bool own = name == std::string(label) + ".weight" || name == std::string(label) + ".bias" ||
                             (std::string(label) == "bare_and_norm" && name == "after_bare.bias");
            if (!own) CHECK((weights.at(name) == tensor));
        }
    }
}

TEST_CASE("a layer without anything that holds a bias keeps its weights only", "[prune]") {
    auto weights = weights_of_folds();
    auto wanted = tc::effective_weights_of(folds, folded_node("bare"), weights);
    wanted.weights[3] = 0;
    tc::store_effective_weights(folds, folded_node("bare"), wanted, weights);
    CHECK(weights.at("bare.weight").data()[3] == 0);
    wanted.bias[1] = 0.5f;
    CHECK_THROWS_WITH(tc::store_effective_weights(folds, folded_node("bare"), wanted, weights),
                      ContainsSubstring("bare: has no bias that could be corrected"));
}

TEST_CASE("a channel that is multiplied by 0 is named", "[prune]") {
    auto weights = weights_of_folds();
    weights.at("after_bare.weight")(4) = 0;
    const auto wanted = tc::effective_weights_of(folds, folded_node("bare_and_norm"), weights);
    CHECK_THROWS_WITH(tc::store_effective_weights(folds, folded_node("bare_and_norm"), wanted, weights),
                      ContainsSubstring("bare_and_norm: what is folded into output channel 4 multiplies it by 0"));
}

}  // namespace pruning_on_records
