// SPDX-License-Identifier: MIT
#include <compress/transform/keep_channels.hpp>

#include <compress/graph/builder.hpp>
#include <compress/tensor/runner.hpp>
#include <compress/transform/convert.hpp>

#include "../catch.hpp"
#include "../numbers.hpp"

namespace fewer_channels {

namespace tc = tensor_compress;
using Catch::Matchers::ContainsSubstring;

/// A residual block with a norm, channels of their own, a gate, a constant, a concat, and an image that is flattened.
inline constexpr auto full = tc::make_model([](auto& g) {
    auto x = g.relu(g.batch_norm("norm", g.conv2d("stem", g.input("image", {6, 6, 2}), 6, {3, 3}, {.bias = false})));
    auto y = g.hard_swish(g.conv2d("expand", x, 10, {1, 1}));
    y = g.sigmoid(g.depthwise_conv2d("deep", y, {3, 3}));
    auto gate = g.sigmoid(g.linear("gate", g.global_average_pool("mean", y), 10));
    y = g.mul("gated", y, gate);
    x = g.relu(g.add("sum", x, g.conv2d("project", y, 6, {1, 1})));
    x = g.add("shifted", x, g.constant("shift", {6}));
    auto z = g.concat("both", {x, g.conv2d("beside", x, 5, {1, 1})});
    z = g.avg_pool("pool", z, 2);
    z = g.relu(g.conv2d("last", z, 8, {3, 3}));
    g.linear("head", g.dropout("drop", g.flatten(z), 0.5f), 4);
});
inline constexpr auto half = tc::keep_channels(full, {.ratio = 0.5});
inline constexpr auto one_group = tc::keep_channels(full, "expand", 7);

tc::named_tensors random_weights(std::uint64_t seed = 7) {
    tc::named_tensors tensors;
    tests::numbers random(seed);
    for (const auto& [name, extents] : tc::needed_tensors(full)) {
        auto& t = tensors[name] = tc::make_array<float>(extents);
        for (float& v : t) v = name == "norm.running_var" ? 1 + random.real() / 2 : random.real();
    }
    return tensors;
}

template <const auto& Model>
std::vector<float> outputs_of(const tc::named_tensors& tensors) {
    using net = tc::net<Model>;
    const auto weights = tc::convert<net>(tensors);
    tc::runner<net> run(weights);
    std::vector<float> all;
    tests::numbers random(3);
    for (int i = 0; i < 4; ++i) {
        std::vector<float> image(72);
        for (float& v : image) v = random.real();
        const auto result = run(image);
        all.insert(all.end(), result.begin(), result.end());
    }
    return all;
}

template <const auto& Smaller>
void expect_simulated(const tc::channel_scores& scores) {
    const auto weights = random_weights();
    const auto fewer = tc::keep_channels<full, Smaller>(weights, scores);
    const auto masked = tc::mask_channels<full, Smaller>(weights, scores);
    const auto expected = outputs_of<full>(masked.weights), found = outputs_of<Smaller>(fewer);
    for (std::size_t i = 0; i < expected.size(); ++i) CHECK(found[i] == Approx(expected[i]).margin(1e-5));
    CHECK(found != outputs_of<full>(weights));
}

TEST_CASE("a model with fewer channels gives what zeros in the larger one give", "[transform]") {
    const auto weights = random_weights();
    for (const auto by : {tc::channel_importance::l1, tc::channel_importance::l2,
                          tc::channel_importance::geometric_median, tc::channel_importance::random}) {
        CAPTURE(static_cast<int>(by));
        expect_simulated<half>(tc::score_channels(full, weights, by));
        expect_simulated<one_group>(tc::score_channels(full, weights, by));
    }
    STATIC_REQUIRE(tc::net<half>::weights_bytes < tc::net<full>::weights_bytes);
    STATIC_REQUIRE(tc::net<half>::multiply_adds * 2 < tc::net<full>::multiply_adds);
}

TEST_CASE("the channels with the highest scores stay, in their order", "[transform]") {
    const auto weights = random_weights();
    tc::channel_scores scores{{"expand", {5, 1, 5, 9, 0, 5, 7, 2, 3, 4}}};
    const auto fewer = tc::keep_channels<full, one_group>(weights, scores);
    const int kept[] = {0, 2, 3, 5, 6, 8, 9};
    for (std::size_t c = 0; c < 7; ++c) {
        const auto from = static_cast<std::size_t>(kept[c]);
        CHECK(fewer.at("expand.bias")(c) == weights.at("expand.bias")(from));
        CHECK(fewer.at("deep.weight")(c, 0, 1, 2) == weights.at("deep.weight")(from, 0, 1, 2));
        CHECK(fewer.at("expand.weight")(c, 4, 0, 0) == weights.at("expand.weight")(from, 4, 0, 0));
        CHECK(fewer.at("project.weight")(3, c, 0, 0) == weights.at("project.weight")(3, from, 0, 0));
        CHECK(fewer.at("gate.weight")(1, c) == weights.at("gate.weight")(static_cast<std::size_t>(kept[1]), from));
    }
    CHECK(fewer.at("head.weight") == weights.at("head.weight"));
}

TEST_CASE("channels are scored as their sources say", "[transform]") {
    auto weights = random_weights();
    const auto score = [&](tc::channel_importance by) { return tc::score_channels(full, weights, by); };
    const auto& last = weights.at("last.weight");  // [8, 11, 3, 3]
    const auto row = [&](std::size_t o, std::size_t k) { return static_cast<double>(last.data()[o * 99 + k]); };
    double means[3]{};
    std::vector<double> expected[3];
    for (std::size_t o = 0; o < 8; ++o) {
        double l1 = 0, l2 = 0, far = 0;
        for (std::size_t k = 0; k < 99; ++k) l1 += std::abs(row(o, k)), l2 += row(o, k) * row(o, k);
        for (std::size_t other = 0; other < 8; ++other) {
            double squares = 0;
            for (std::size_t k = 0; k < 99; ++k) squares += std::pow(row(o, k) - row(other, k), 2);
            far += std::sqrt(squares);
        }
        const double found[] = {l1, std::sqrt(l2), far};
        for (int i = 0; i < 3; ++i) expected[i].push_back(found[i]), means[i] += found[i] / 8;
    }
    const tc::channel_importance kinds[] = {tc::channel_importance::l1, tc::channel_importance::l2,
                                            tc::channel_importance::geometric_median};
    for (int i = 0; i < 3; ++i)
        for (std::size_t o = 0; o < 8; ++o) CHECK(score(kinds[i]).at("last")[o] == Approx(expected[i][o] / means[i]));

    // A group of the stem, the projection and what is tied to them is called by the stem, and counts both.
    CHECK(score(tc::channel_importance::l1).size() == 4);
    CHECK(score(tc::channel_importance::l1).count("project") == 0);
    auto louder = weights;
    for (std::size_t k = 0; k < 10; ++k) louder.at("project.weight").data()[2 * 10 + k] *= 100;
    const auto scores = tc::score_channels(full, louder, tc::channel_importance::l1).at("stem");
    CHECK(std::max_element(scores.begin(), scores.end()) - scores.begin() == 2);
}

TEST_CASE("gammas score layers that have them", "[transform]") {
    static constexpr auto normed = tc::make_model([](auto& g) {
        auto x = g.relu(g.batch_norm("norm", g.conv2d("stem", g.input("image", {6, 6, 2}), 4, {3, 3})));
        g.linear("head", g.flatten(x), 4);
    });
    tc::named_tensors weights;
    for (const auto& [name, extents] : tc::needed_tensors(normed)) weights[name] = tc::make_array<float>(extents);
    const float gammas[] = {0.5f, -3.0f, 1.0f, 0.1f};
    std::copy(std::begin(gammas), std::end(gammas), weights.at("norm.weight").data());
    const auto scores = tc::score_channels(normed, weights, tc::channel_importance::gamma).at("stem");
    for (std::size_t c = 0; c < 4; ++c) CHECK(scores[c] == Approx(std::abs(gammas[c]) / (4.6 / 4)).epsilon(1e-5));
    CHECK_THROWS_WITH(tc::score_channels(full, random_weights(), tc::channel_importance::gamma),
                      ContainsSubstring("has no batch_norm"));
}

inline constexpr auto two_layers =
    tc::make_model([](auto& g) { g.linear("out", g.relu(g.linear("in", g.input("vector", {3}), 4)), 2); });

/// Loss of single records with the weights of two_layers, from its definition.
double loss_of(const tc::named_tensors& w, std::span<const float> x, int label) {
    double hidden[4], out[2];
    for (std::size_t o = 0; o < 4; ++o) {
        hidden[o] = static_cast<double>(w.at("in.bias")(o));
        for (std::size_t k = 0; k < 3; ++k)
            hidden[o] += static_cast<double>(w.at("in.weight")(o, k)) * static_cast<double>(x[k]);
        hidden[o] = std::max(hidden[o], 0.0);
    }
    for (std::size_t o = 0; o < 2; ++o) {
        out[o] = static_cast<double>(w.at("out.bias")(o));
        for (std::size_t k = 0; k < 4; ++k) out[o] += static_cast<double>(w.at("out.weight")(o, k)) * hidden[k];
    }
    return std::log(std::exp(out[0]) + std::exp(out[1])) - out[label];
}

// What a channel's parameters, made smaller together, change in the loss is their sum of gradient * weight.
TEST_CASE("scores by the loss are squares of what it would change", "[transform]") {
    tests::numbers random(11);
    tc::named_tensors weights;
    for (const auto& [name, extents] : tc::needed_tensors(two_layers)) {
        auto& t = weights[name] = tc::make_array<float>(extents);
        for (float& v : t) v = random.real();
    }
    tc::data_set data{tc::make_array<float>({10, 3}), {}, 2};
    for (float& v : data.inputs) v = random.real();
    for (int i = 0; i < 10; ++i) data.labels.push_back(random.between(0, 1));
    const auto scores = tc::score_channels_by_loss<two_layers>(weights, data, 4).at("in");
    REQUIRE(scores.size() == 4);
    for (std::size_t c = 0; c < 4; ++c) {
        double expected = 0;
        for (std::size_t first = 0; first < 10; first += 4) {
            const std::size_t end = std::min<std::size_t>(first + 4, 10);
            double change = 0;
            for (const double side : {1.0, -1.0}) {
                auto moved = weights;
                const auto factor = static_cast<float>(1 + side * 1e-3);
                moved.at("in.bias")(c) *= factor;
                for (std::size_t k = 0; k < 3; ++k) moved.at("in.weight")(c, k) *= factor;
                for (std::size_t i = first; i < end; ++i)
                    change +=
                        side * loss_of(moved, data.input(i), data.labels[i]) / 2e-3 / static_cast<double>(end - first);
            }
            expected += change * change;
        }
        CHECK(scores[c] == Approx(expected).epsilon(0.01).margin(1e-7));
    }
}

TEST_CASE("channels are shared out under a budget of multiply-adds", "[transform]") {
    auto scores = tc::score_channels(full, random_weights(), tc::channel_importance::random);
    const double all = static_cast<double>(tc::multiply_adds(full));
    for (const double share : {0.8, 0.5, 0.3}) {
        const auto counts = tc::share_channels(full, scores, {.multiply_adds = share});
        const double left = static_cast<double>(tc::multiply_adds(tc::with_channel_counts(full, counts)));
        CHECK(left <= share * all);
        CHECK(left > (share - 0.12) * all);
        CHECK(counts.size() == 4);
    }
    // Channels without any worth go first.
    for (auto& [label, values] : scores) std::fill(values.begin(), values.end(), label == "expand" ? 0.0 : 1.0);
    for (const auto& c : tc::share_channels(full, scores, {.multiply_adds = 0.7}))
        CHECK((c.label == "expand" ? c.kept < c.before : c.kept == c.before));
    for (const auto& c : tc::share_channels(full, scores, {.multiply_adds = 0.4, .multiple = 2}))
        CHECK((c.kept == c.before || c.kept % 2 == 0));
    CHECK_THROWS_WITH(tc::share_channels(full, scores, {.multiply_adds = 0.01, .least = 0.5}),
                      ContainsSubstring("of the multiply-adds are left"));
    CHECK_THROWS_WITH(tc::share_channels(full, scores, {.multiply_adds = 0}), ContainsSubstring("above 0"));
}

TEST_CASE("the choice is written as an expression for the compiler", "[transform]") {
    CHECK(tc::keep_channels_text("full", {{"stem", 6, 6}, {"expand", 10, 7}, {"last", 8, 3}}) ==
          "tc::keep_channels(tc::keep_channels(full, \"expand\", 7), \"last\", 3)");
    constexpr auto compiled = tc::keep_channels(tc::keep_channels(full, "expand", 7), "last", 3);
    const auto made = tc::with_channel_counts(full, {{"stem", 6, 6}, {"expand", 10, 7}, {"last", 8, 3}});
    for (int id = 0; id < full.count; ++id) CHECK(made[id].output == compiled[id].output);
    CHECK_THROWS_WITH(tc::with_channel_counts(full, {{"head", 4, 2}}), ContainsSubstring("head: cannot keep 2"));
    CHECK_THROWS_WITH(tc::with_channel_counts(full, {{"last", 8, 9}}), ContainsSubstring("last: cannot keep 9"));
}

TEST_CASE("scores and models that do not belong together are refused", "[transform]") {
    const auto weights = random_weights();
    auto scores = tc::score_channels(full, weights);
    scores.at("expand").pop_back();
    CHECK_THROWS_WITH((tc::keep_channels<full, half>(weights, scores)),
                      ContainsSubstring("expand") && ContainsSubstring("10 channels"));
    scores.erase("expand");
    CHECK_THROWS_WITH((tc::mask_channels<full, half>(weights, scores)), ContainsSubstring("expand"));
    CHECK_THROWS_WITH((tc::keep_channels<full, two_layers>(weights, tc::score_channels(full, weights))),
                      ContainsSubstring("smaller model"));
    CHECK_THROWS_WITH((tc::keep_channels<half, full>(weights, scores)), ContainsSubstring("keep_channels"));
}

}  // namespace fewer_channels
