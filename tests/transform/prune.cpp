// SPDX-License-Identifier: MIT
#include <compress/transform/prune.hpp>

#include <tuple>

#include <compress/graph/builder.hpp>
#include <compress/train/fit.hpp>

#include "../catch.hpp"
#include "../numbers.hpp"

namespace pruning {

namespace tc = tensor_compress;
using Catch::Matchers::ContainsSubstring;

inline constexpr auto layered = tc::make_model([](auto& g) {
    auto x = g.conv2d("stem", g.input("image", {6, 6, 3}), 8, {3, 3}, {.bias = false});
    x = g.relu(g.batch_norm("norm", x));
    x = g.relu(g.depthwise_conv2d("deep", x, {3, 3}));
    g.linear("head", g.flatten(x), 5);
});
inline constexpr auto five = tc::make_model([](auto& g) { g.linear("only", g.input("vector", {5}), 1); });
inline constexpr auto small =
    tc::make_model([](auto& g) { g.linear("head", g.relu(g.linear("hidden", g.input("vector", {6}), 16)), 3); });

/// Few different values, so that many importances are equal.
template <const auto& Model>
tc::named_tensors coarse_weights() {
    tests::numbers random(3);
    tc::named_tensors weights;
    for (const auto& [name, extents] : tc::needed_tensors(Model)) {
        auto& t = weights[name] = tc::make_array<float>(extents);
        for (float& v : t) v = static_cast<float>(random.between(1, 20)) / 8 * (random.real() < 0 ? -1.0f : 1.0f);
    }
    return weights;
}

/// Where a plain sort puts the zeros of some tensors, one after the other; of equals the earlier go.
std::vector<std::vector<bool>> smallest(const tc::named_tensors& weights, const std::vector<std::string>& names,
                                        double ratio) {
    struct place {
        float size;
        std::size_t tensor, at;
    };
    std::vector<place> places;
    std::vector<std::vector<bool>> gone;
    for (const std::string& name : names) {
        const auto& w = weights.at(name);
        for (std::size_t i = 0; i < w.size(); ++i) places.push_back({std::abs(w.data()[i]), gone.size(), i});
        gone.emplace_back(w.size(), false);
    }
    std::sort(places.begin(), places.end(), [](const place& a, const place& b) {
        return std::tie(a.size, a.tensor, a.at) < std::tie(b.size, b.tensor, b.at);
    });
    const auto count = static_cast<std::size_t>(std::llround(ratio * static_cast<double>(places.size())));
    for (std::size_t i = 0; i < count; ++i) gone[places[i].tensor][places[i].at] = true;
    return gone;
}

std::ptrdiff_t zeros_of(const tc::array<float>& t) { return std::count(t.begin(), t.end(), 0.0f); }

/// Masks of these names and no others, 0 where `gone` says; weights 0 there, and elsewhere what they were.
void expect_zeros(const tc::pruned& found, const tc::named_tensors& before, const std::vector<std::string>& names,
                  const std::vector<std::vector<bool>>& gone) {
    REQUIRE(found.masks.size() == names.size());
    for (std::size_t n = 0; n < names.size(); ++n) {
        INFO(names[n]);
        const auto &mask = found.masks.at(names[n]), &now = found.weights.at(names[n]), &was = before.at(names[n]);
        REQUIRE(tc::shape_of(mask) == tc::shape_of(was));
        bool right = true;
        for (std::size_t i = 0; i < was.size(); ++i)
            right = right && mask.data()[i] == (gone[n][i] ? 0.0f : 1.0f) &&
                    now.data()[i] == (gone[n][i] ? 0.0f : was.data()[i]);
        CHECK(right);
    }
    REQUIRE(found.weights.size() == before.size());
    for (const auto& [name, tensor] : before)
        if (std::find(names.begin(), names.end(), name) == names.end()) CHECK((found.weights.at(name) == tensor));
}

template <const auto& Model>
std::string refusal(const tc::named_tensors& weights, const tc::prune_options& options) {
    try {
        (void)tc::prune<Model>(weights, options);
    } catch (const tc::error& refused) {
        return refused.what();
    }
    return "accepted";
}

const std::vector<std::string> all_layers{"stem.weight", "deep.weight", "head.weight"};

TEST_CASE("each layer loses its smallest weights, of equals the earlier", "[prune]") {
    const auto weights = coarse_weights<layered>();
    for (const double ratio : {0.0, 0.25, 0.5, 0.777, 0.9}) {
        INFO(ratio);
        std::vector<std::vector<bool>> gone;
        for (const std::string& name : all_layers) gone.push_back(smallest(weights, {name}, ratio)[0]);
        expect_zeros(tc::prune<layered>(weights, {.ratio = ratio}), weights, all_layers, gone);
    }
    CHECK((tc::prune<layered>(weights, {.ratio = 0}).weights == weights));
}

TEST_CASE("the smallest weights of all layers go", "[prune]") {
    auto weights = coarse_weights<layered>();
    for (float& v : weights.at("stem.weight")) v *= 2;
    for (const double ratio : {0.1, 0.5, 0.75}) {
        INFO(ratio);
        const auto found = tc::prune<layered>(weights, {.ratio = ratio, .scope = tc::prune_scope::global});
        expect_zeros(found, weights, all_layers, smallest(weights, all_layers, ratio));
        CHECK(tc::sparsity_of(found.masks) == Approx(ratio).margin(1e-3));
        CHECK(zeros_of(found.masks.at("stem.weight")) * 2 < zeros_of(found.masks.at("head.weight")));
    }
}

TEST_CASE("the number of zeros is the nearest to the ratio", "[prune]") {
    const auto weights = coarse_weights<five>();
    const auto zeros = [&](double ratio) {
        return zeros_of(tc::prune<five>(weights, {.ratio = ratio}).weights.at("only.weight"));
    };
    CHECK(zeros(0) == 0);
    CHECK(zeros(0.09) == 0);
    CHECK(zeros(0.11) == 1);
    CHECK(zeros(0.29) == 1);
    CHECK(zeros(0.31) == 2);
    CHECK(zeros(0.5) == 3);
    CHECK(zeros(0.89) == 4);
}

TEST_CASE("weights below a threshold go, however many", "[prune]") {
    const auto weights = coarse_weights<layered>();
    const auto found = tc::prune<layered>(weights, {.threshold = 0.3});
    REQUIRE(found.masks.size() == all_layers.size());
    std::ptrdiff_t zeros = 0;
    for (const std::string& name : all_layers) {
        const auto &was = weights.at(name), &now = found.weights.at(name);
        for (std::size_t i = 0; i < was.size(); ++i) {
            const bool stays = !(std::abs(was.data()[i]) < 0.3f);
            CHECK(now.data()[i] == (stays ? was.data()[i] : 0.0f));
            CHECK(found.masks.at(name).data()[i] == (stays ? 1.0f : 0.0f));
            zeros += stays ? 0 : 1;
        }
    }
    CHECK(zeros > 10);
    CHECK_THAT(refusal<layered>(weights, {.threshold = -1}), ContainsSubstring("a threshold of -1.0"));
    CHECK_THAT(refusal<layered>(weights, {.threshold = 1e9}), ContainsSubstring("would keep none of its"));
}

TEST_CASE("weights go at random, by a seed", "[prune]") {
    const auto weights = coarse_weights<layered>();
    tc::prune_options options{.ratio = 0.4, .by = tc::importance::random};
    const auto first = tc::prune<layered>(weights, options), again = tc::prune<layered>(weights, options);
    CHECK((first.masks == again.masks));
    CHECK((first.weights == again.weights));
    for (const std::string& name : all_layers) {
        const auto& mask = first.masks.at(name);
        CHECK(zeros_of(mask) == std::llround(0.4 * static_cast<double>(mask.size())));
    }
    CHECK_FALSE((first.masks == tc::prune<layered>(weights, {.ratio = 0.4}).masks));
    options.seed = 2;
    const auto other = tc::prune<layered>(weights, options);
    for (const std::string& name : all_layers) CHECK_FALSE((first.masks.at(name) == other.masks.at(name)));
    // Large weights go as often as small ones.
    double gone = 0, all = 0;
    const auto &w = weights.at("head.weight"), &mask = first.masks.at("head.weight");
    for (std::size_t i = 0; i < w.size(); ++i) {
        all += std::abs(static_cast<double>(w.data()[i]));
        if (mask.data()[i] == 0) gone += std::abs(static_cast<double>(w.data()[i]));
    }
    CHECK(gone / all == Approx(0.4).margin(0.05));
}

TEST_CASE("globs choose the layers that lose weights", "[prune]") {
    const auto weights = coarse_weights<layered>();
    const std::vector<std::string> chosen{"head.weight", "deep.weight"};
    std::vector<std::vector<bool>> gone;
    for (const std::string& name : chosen) gone.push_back(smallest(weights, {name}, 0.5)[0]);
    expect_zeros(tc::prune<layered>(weights, {.layers = {"he*", "d??p", "*ead"}}), weights, chosen, gone);
    expect_zeros(tc::prune<layered>(weights, {.scope = tc::prune_scope::global, .layers = {"head", "deep"}}), weights,
                 chosen, smallest(weights, chosen, 0.5));
}

TEST_CASE("masks are applied by name, and counted", "[prune]") {
    tc::named_tensors weights{{"a.weight", {{1, -2}, {3, 4}}}, {"b.weight", {{5, 6}}}};
    const tc::named_tensors masks{{"a.weight", {{1, 0}, {0, 0}}}};
    const auto masked = tc::apply_masks(weights, masks);
    CHECK((masked.at("a.weight") == tc::array<float>{{1, 0}, {0, 0}}));
    CHECK((masked.at("b.weight") == weights.at("b.weight")));
    CHECK(tc::sparsity_of(masks) == 0.75);
    CHECK(tc::sparsity_of({{"a.weight", {{1, 0}, {0, 0}}}, {"b.weight", {{1, 1, 1, 1}}}}) == 0.375);
    CHECK(tc::sparsity_of({}) == 0);
    CHECK_THROWS_WITH(tc::apply_masks(weights, {{"c.weight", tc::make_array<float>({3})}}),
                      ContainsSubstring("a mask c.weight [3], of no weight; give masks the names and shapes"));
    CHECK_THROWS_WITH(tc::apply_masks(weights, {{"b.weight", tc::make_array<float>({2, 1})}}),
                      ContainsSubstring("a mask b.weight [2, 1] for ["));
}

TEST_CASE("what cannot be pruned is refused with its reason", "[prune]") {
    auto weights = coarse_weights<layered>();
    CHECK_THAT(refusal<layered>(weights, {.ratio = 1}),
               ContainsSubstring("a ratio of 1.000000; it is the share of weights that become 0, from 0 to below 1"));
    CHECK_THAT(refusal<layered>(weights, {.ratio = -0.1}), ContainsSubstring("a ratio of -0.100000"));
    CHECK_THAT(refusal<layered>(weights, {.ratio = std::nan("")}), ContainsSubstring("a ratio of "));
    CHECK_THAT(refusal<layered>(weights, {.layers = {"head", "tail*"}}),
               ContainsSubstring("no layer with weights is called 'tail*'; name layers by their labels"));
    CHECK_THAT(refusal<layered>(weights, {.layers = {"norm"}}), ContainsSubstring("is called 'norm'"));
    for (float& v : weights.at("deep.weight")) v *= 1e-3f;
    CHECK_THAT(refusal<layered>(weights, {.scope = tc::prune_scope::global}),
               ContainsSubstring("deep: would keep none of its 72 weights"));
    CHECK(refusal<layered>(weights, {.ratio = 0.03, .scope = tc::prune_scope::global}) == "accepted");
    CHECK_THAT(refusal<five>(coarse_weights<five>(), {.ratio = 0.95}),
               ContainsSubstring("only: would keep none of its 5 weights"));
    weights.erase("head.weight");
    CHECK_THAT(refusal<layered>(weights, {}), ContainsSubstring("no head.weight [5, 288]"));
}

TEST_CASE("training with the masks of a pruning keeps its zeros", "[prune]") {
    tests::numbers random(1);
    tc::data_set data{tc::make_array<float>({200, 6}), {}, 3};
    for (std::size_t i = 0; i < data.size(); ++i) {
        data.labels.push_back(random.between(0, 2));
        for (std::size_t k = 0; k < 6; ++k)
            data.inputs(i, k) = 0.5f * random.real() + (static_cast<int>(k) == data.labels.back() ? 1.0f : 0.0f);
    }
    const auto start = tc::prune<small>(tc::initial_weights<small>(1), {.ratio = 0.7});
    tc::fit_options options{.epochs = 6, .batch = 20, .optimizer = tc::adamw{.rate = 0.02}};
    options.masks = &start.masks;
    const auto trained = tc::fit<small>(start.weights, data, options);
    CHECK(trained.history.back().accuracy > 90);
    for (const auto& [name, mask] : start.masks) {
        INFO(name);
        const auto &now = trained.weights.at(name), &was = start.weights.at(name);
        for (std::size_t i = 0; i < mask.size(); ++i) {
            if (mask.data()[i] == 0) CHECK(now.data()[i] == 0);
        }
        CHECK(zeros_of(now) == zeros_of(mask));
        CHECK_FALSE((now == was));
    }
    // The zeros come from the masks, not from the weights that training starts with.
    const auto dense = tc::fit<small>(tc::initial_weights<small>(1), data, options);
    for (const auto& [name, mask] : start.masks) CHECK((dense.weights.at(name) == trained.weights.at(name)));
}

}  // namespace pruning
