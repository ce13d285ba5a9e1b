// SPDX-License-Identifier: MIT
#include <compress/transform/prune_to_pattern.hpp>

#include <compress/graph/builder.hpp>
#include <compress/tensor/records.hpp>
#include <compress/transform/fit_net.hpp>
#include <compress/transform/layer_sparsity.hpp>

#include "recipe_runs.hpp"

namespace pruning_to_patterns {

namespace tc = tensor_compress;
using Catch::Matchers::ContainsSubstring;

/// With a norm that is folded into the first layer: which of its weights are large depends on it.
inline constexpr auto written = tc::make_model([](auto& g) {
    auto x = g.relu(g.batch_norm("norm", g.conv2d("stem", g.input("image", {8, 8, 4}), 16, 3, {.bias = false})));
    x = g.relu(g.depthwise_conv2d("deep", x, {3, 3}));
    x = g.relu(g.add("sum", g.conv2d("wide", x, 16, 3), x));
    x = g.relu(g.linear("hidden", g.flatten("flat", g.conv2d("narrow", x, 32, 1, {.stride = 4})), 20));
    g.linear("head", x, 6);
});
inline constexpr tc::recipe plain_int8{tc::int8};
inline constexpr auto pairs_int8 =
    tc::recipe{tc::int8 | tc::n_of_m<2, 4>}.with("deep", tc::int8).with("head", tc::int8 | tc::unstructured<50>);
inline constexpr auto blocks_int8 = tc::recipe{tc::int8}
                                        .with("narrow", tc::int8 | tc::block<16, 4, 50>)
                                        .with("hidden", tc::int8 | tc::block<1, 16, 60>);
inline constexpr auto patterns_fp32 = tc::recipe{tc::fp32 | tc::unstructured<70>}
                                          .with("deep", tc::fp32)
                                          .with("wide", tc::fp32 | tc::n_of_m<1, 4>)
                                          .with("hidden", tc::fp32 | tc::block<4, 4, 60>);
inline constexpr auto pairs_int4 =
    tc::recipe{tc::int4 | tc::n_of_m<2, 4>}.with("deep", tc::int8).with("head", tc::fp32);

tc::named_tensors weights() {
    auto all = tests::pseudo_weights<written>();
    for (float& v : all.at("norm.running_var")) v = 0.5f + v * v * 8;
    return all;
}

std::ptrdiff_t zeros_of(const tc::array<float>& t) { return std::count(t.begin(), t.end(), 0.0f); }

template <const auto& Recipe>
tc::pruned pruned_for() {
    return tc::prune_to_pattern<tc::net<written, Recipe>>(weights());
}

/// Weights are what they were where the mask is 1, and 0 elsewhere.
void expect_masked(const tc::pruned& found, const std::vector<std::string>& labels) {
    REQUIRE(found.masks.size() == labels.size());
    const auto before = weights();
    for (const std::string& label : labels) {
        INFO(label);
        const auto& mask = found.masks.at(label + ".weight");
        REQUIRE(tc::shape_of(mask) == tc::shape_of(before.at(label + ".weight")));
        CHECK(std::all_of(mask.begin(), mask.end(), [](float v) { return v == 0 || v == 1; }));
    }
    CHECK((found.weights == tc::apply_masks(before, found.masks)));
}

/// Outputs of the packed net of all weights; of that of the weights which are left; and of the dense net of these. The
/// ranges of values are those of the weights that are left.
template <const auto& Recipe, const auto& Dense>
void expect_nothing_more_to_drop(double margin) {
    using net = tc::net<written, Recipe>;
    using dense_net = tc::net<written, Dense>;
    const auto left = pruned_for<Recipe>().weights;
    const auto inputs = tests::pseudo_inputs<written>();
    const auto seen = tc::calibrate<written>(left, inputs);
    const auto all = tc::convert<net>(weights(), seen), found = tc::convert<net>(left, seen);
    const auto dense = tc::convert<dense_net>(left, seen);
    tc::runner<net> run_all(all), run(found);
    tc::runner<dense_net> run_dense(dense);
    for (const auto& input : inputs) {
        const auto a = run_all(input), b = run(input), c = run_dense(input);
        for (std::size_t i = 0; i < b.size(); ++i) {
            CHECK(b[i] == Approx(c[i]).margin(margin));
            CHECK(a[i] == b[i]);
        }
    }
    // Of weights that were pruned to the pattern once, nothing is left to prune.
    const auto again = tc::prune_to_pattern<net>(left);
    CHECK((again.weights == left));
    CHECK((again.masks == pruned_for<Recipe>().masks));
}

TEST_CASE("masks are the zeros of the patterns of a recipe, and no others", "[prune]") {
    const auto pairs = pruned_for<pairs_int8>();
    expect_masked(pairs, {"stem", "wide", "narrow", "hidden", "head"});
    const auto& hidden = pairs.masks.at("hidden.weight");
    CHECK(zeros_of(hidden) * 2 == static_cast<std::ptrdiff_t>(hidden.size()));
    const auto blocks = pruned_for<blocks_int8>();
    expect_masked(blocks, {"narrow", "hidden"});
    // Blocks of 16 inputs of one output: all of them, or none.
    const auto& rows = blocks.masks.at("hidden.weight");
    for (std::size_t i = 0; i < rows.size(); i += 16)
        CHECK(std::count(rows.data() + i, rows.data() + i + 16, rows.data()[i]) == 16);
    expect_masked(pruned_for<patterns_fp32>(), {"stem", "wide", "narrow", "hidden", "head"});
    CHECK(pruned_for<plain_int8>().masks.empty());
    CHECK((pruned_for<plain_int8>().weights == weights()));
}

TEST_CASE("conversion drops nothing more from weights that were pruned to its patterns", "[prune]") {
    SECTION("pairs, to the byte") { expect_nothing_more_to_drop<pairs_int8, plain_int8>(0); }
    SECTION("blocks, to the byte") { expect_nothing_more_to_drop<blocks_int8, plain_int8>(0); }
    SECTION("floats") { expect_nothing_more_to_drop<patterns_fp32, tc::all_fp32>(1e-5); }
}

TEST_CASE("which weights are large is seen with what is folded into their layer", "[prune]") {
    // The block of the first output channels has the smaller weights, but the norm multiplies them by 8.
    auto scaled = weights();
    auto &stem = scaled.at("stem.weight"), &gamma = scaled.at("norm.weight");
    for (std::size_t i = 0; i < stem.size(); ++i)
        stem.data()[i] = (i < stem.size() / 2 ? 0.2f : 1.0f) + 1e-3f * stem.data()[i];
    for (std::size_t c = 0; c < 16; ++c) {
        gamma.data()[c] = c < 8 ? 8.0f : 1.0f;
        scaled.at("norm.running_var").data()[c] = 1;
    }
    const auto found = tc::prune_to_pattern<tc::net<written, patterns_fp32>>(scaled).masks.at("stem.weight");
    const auto half = static_cast<std::ptrdiff_t>(found.size() / 2);
    CHECK(std::count(found.begin(), found.begin() + half, 0.0f) < half * 5 / 10);
    CHECK(std::count(found.begin() + half, found.end(), 0.0f) == half);
}

TEST_CASE("weights that are 0 before stay so within a pattern", "[prune]") {
    auto some = weights();
    auto& hidden = some.at("hidden.weight");
    std::fill_n(hidden.data(), hidden.size() / 4 * 3, 0.0f);
    const auto found = tc::prune_to_pattern<tc::net<written, pairs_int8>>(some);
    CHECK(zeros_of(found.masks.at("hidden.weight")) ==
          static_cast<std::ptrdiff_t>(hidden.size() / 4 * 3 + hidden.size() / 8));
    std::fill_n(hidden.data(), hidden.size(), 0.0f);
    CHECK_THROWS_WITH((tc::prune_to_pattern<tc::net<written, pairs_int8>>(some)),
                      ContainsSubstring("hidden: would keep none of its 2560 weights"));
    some.erase("hidden.weight");
    CHECK_THROWS_WITH((tc::prune_to_pattern<tc::net<written, pairs_int8>>(some)),
                      ContainsSubstring("prune_to_pattern: the tensors do not fit the model: no hidden.weight"));
}

tc::data_set images(std::size_t count) {
    tests::numbers random(11);
    tc::data_set set{tc::make_array<float>({count, 8, 8, 4}), {}, 6};
    for (std::size_t i = 0; i < count; ++i) {
        set.labels.push_back(random.between(0, 5));
        for (std::size_t k = 0; k < 256; ++k)
            set.inputs.data()[i * 256 + k] =
                random.real() + (static_cast<int>(k % 6) == set.labels.back() ? 0.5f : 0.0f);
    }
    return set;
}

/// Zero where a mask says so, in floats and in the integers that are stored; elsewhere weights moved.
template <class Net>
void expect_zeros_through_training(const tc::pruned& start) {
    tc::fit_options options{.epochs = 2, .batch = 20, .optimizer = tc::adam{.rate = 5e-3}};
    options.masks = &start.masks;
    options.rounding.records = 50;
    const auto trained = tc::fit<Net>(start.weights, images(120), options);
    for (const auto& [name, mask] : start.masks) {
        INFO(name);
        const auto &now = trained.weights.at(name), &was = start.weights.at(name);
        const auto integers = trained.rounded.find(name.substr(0, name.rfind('.')));
        std::size_t moved = 0, wrong = 0;
        for (std::size_t i = 0; i < mask.size(); ++i) {
            moved += mask.data()[i] != 0 && now.data()[i] != was.data()[i] ? 1 : 0;
            wrong += mask.data()[i] == 0 && now.data()[i] != 0 ? 1 : 0;
            if (integers != trained.rounded.end())
                wrong += mask.data()[i] == 0 && integers->second.weights[i] != 0 ? 1 : 0;
        }
        CHECK(wrong == 0);
        CHECK(moved > mask.size() / 8);
        CHECK(zeros_of(now) == zeros_of(mask));
    }
    CHECK((tc::apply_masks(trained.weights, start.masks) == trained.weights));
    // What is stored is what was trained: the pattern has room for every weight that is left.
    const auto kept = tc::roundings_of<Net>(trained.weights);
    for (const auto& [name, mask] : start.masks) {
        const auto found = kept.find(name.substr(0, name.rfind('.')));
        if (found == kept.end() || found->second.kept.empty()) continue;
        for (std::size_t i = 0; i < mask.size(); ++i) CHECK((found->second.kept[i] != 0) == (mask.data()[i] != 0));
    }
}

TEST_CASE("training a net of patterns keeps the zeros that it starts with", "[prune]") {
    SECTION("int8") { expect_zeros_through_training<tc::net<written, pairs_int8>>(pruned_for<pairs_int8>()); }
    SECTION("int8 in blocks") {
        expect_zeros_through_training<tc::net<written, blocks_int8>>(pruned_for<blocks_int8>());
    }
    SECTION("int4 beside float layers") {
        auto start = pruned_for<pairs_int4>();
        CHECK(start.masks.count("head.weight") == 0);
        expect_zeros_through_training<tc::net<written, pairs_int4>>(start);
    }
}

TEST_CASE("training a dense net keeps the zeros of masks", "[prune]") {
    const auto start = tc::prune<written>(weights(), {.ratio = 0.7});
    expect_zeros_through_training<tc::net<written, plain_int8>>(start);
}

/// Squared distance of the outputs from those of the weights before.
double noise_of(const tc::named_tensors& left, const tc::data_set& judges) {
    const auto before = tc::convert<tc::net<written>>(weights()), after = tc::convert<tc::net<written>>(left);
    tc::runner<tc::net<written>> expect(before), run(after);
    double sum = 0;
    for (std::size_t i = 0; i < judges.size(); ++i) {
        const auto found = run(judges.input(i)), expected = expect(judges.input(i));
        for (std::size_t k = 0; k < found.size(); ++k)
            sum += std::pow(static_cast<double>(found[k]) - static_cast<double>(expected[k]), 2);
    }
    return sum;
}

template <const auto& Recipe>
void expect_better_on_records(const std::vector<std::string>& labels) {
    using net = tc::net<written, Recipe>;
    const auto all = images(300);
    const tc::data_set some = all.slice(0, 250), judges = all.slice(250, 300);
    const auto found = tc::prune_to_pattern<net>(weights(), tc::records(some));
    REQUIRE(found.masks.size() == labels.size());
    const auto largest = pruned_for<Recipe>();
    for (const std::string& label : labels) {
        INFO(label);
        const auto &mask = found.masks.at(label + ".weight"), &left = found.weights.at(label + ".weight");
        CHECK(zeros_of(mask) == zeros_of(largest.masks.at(label + ".weight")));
        for (std::size_t i = 0; i < mask.size(); ++i) CHECK((mask.data()[i] == 0) == (left.data()[i] == 0));
    }
    CHECK((tc::prune_to_pattern<net>(found.weights).weights == found.weights));  // within the pattern
    CHECK(noise_of(found.weights, judges) < 0.6 * noise_of(largest.weights, judges));
    CHECK((found.weights.at("deep.weight") == weights().at("deep.weight")));
}

TEST_CASE("records show which zeros of a pattern cost least", "[prune]") {
    SECTION("pairs") { expect_better_on_records<pairs_int8>({"stem", "wide", "narrow", "hidden", "head"}); }
    SECTION("blocks") { expect_better_on_records<blocks_int8>({"narrow", "hidden"}); }
    SECTION("of a panel") { expect_better_on_records<patterns_fp32>({"stem", "wide", "narrow", "hidden", "head"}); }
    SECTION("pairs of few bits") { expect_better_on_records<pairs_int4>({"stem", "wide", "narrow", "hidden"}); }
    const tc::data_set few = images(4);
    const auto none = tc::prune_to_pattern<tc::net<written, plain_int8>>(weights(), tc::records(few));
    CHECK(none.masks.empty());
    CHECK((none.weights == weights()));
    auto some = weights();
    some.erase("hidden.weight");
    CHECK_THROWS_WITH((tc::prune_to_pattern<tc::net<written, pairs_int8>>(some, tc::records(few))),
                      ContainsSubstring("prune_to_pattern: the tensors do not fit the model: no hidden.weight"));
}

}  // namespace pruning_to_patterns
