// SPDX-License-Identifier: MIT
#include <compress/transform/prune_gradually.hpp>

#include <compress/evaluate/measure.hpp>
#include <compress/graph/builder.hpp>
#include <compress/tensor/digits.hpp>
#include <compress/tensor/thread_pool.hpp>
#include <compress/transform/convert.hpp>

#include "../catch.hpp"
#include "../numbers.hpp"
#include "../scratch.hpp"

namespace pruning_gradually {

namespace tc = tensor_compress;
using Catch::Matchers::ContainsSubstring;

inline constexpr auto small =
    tc::make_model([](auto& g) { g.linear("head", g.relu(g.linear("hidden", g.input("vector", {6}), 16)), 3); });
inline constexpr auto digits_net = tc::make_model([](auto& g) {
    auto x = g.relu(g.linear("hidden", g.flatten(g.input("image", {28, 28, 1})), 32));
    g.linear("head", x, 10);
});

/// Three classes, each with an input that tells it.
tc::data_set vectors(std::size_t count) {
    tests::numbers random(1);
    tc::data_set data{tc::make_array<float>({count, 6}), {}, 3};
    for (std::size_t i = 0; i < count; ++i) {
        data.labels.push_back(random.between(0, 2));
        for (std::size_t k = 0; k < 6; ++k)
            data.inputs(i, k) = 0.5f * random.real() + (static_cast<int>(k) == data.labels.back() ? 1.0f : 0.0f);
    }
    return data;
}
tc::data_set digits(std::size_t count, std::uint64_t seed) {
    auto set = tc::make_digits(count, seed);
    for (std::size_t i = 0; i < set.inputs.size(); ++i) set.inputs.data()[i] /= 255;
    return set;
}

tc::prune_gradually_options short_options(double ratio, int steps) {
    tc::prune_gradually_options options{.ratio = ratio, .steps = steps};
    options.training = {.epochs = 1, .batch = 20, .optimizer = tc::adam{.rate = 0.01}};
    return options;
}
tc::gradually_pruned pruned_small(const tc::prune_gradually_options& options,
                                  const tc::named_tensors& weights = tc::initial_weights<small>(1)) {
    return tc::prune_gradually<small>(weights, vectors(100), options);
}

std::ptrdiff_t zeros_of(const tc::array<float>& t) { return std::count(t.begin(), t.end(), 0.0f); }

/// Whether every zero of the first masks is one of the second.
bool grows(const tc::named_tensors& first, const tc::named_tensors& second) {
    for (const auto& [name, mask] : first)
        for (std::size_t i = 0; i < mask.size(); ++i)
            if (mask.data()[i] == 0 && second.at(name).data()[i] != 0) return false;
    return true;
}

TEST_CASE("sparsity follows its schedule", "[prune]") {
    using tc::scheduled_sparsity;
    CHECK(scheduled_sparsity(tc::polynomial_decay{}, 0.8, 0.5) == Approx(0.8 * 7 / 8));
    CHECK(scheduled_sparsity(tc::polynomial_decay{3, 0.4}, 0.8, 0.25) == Approx(0.8 - 0.4 * 27 / 64));
    CHECK(scheduled_sparsity(tc::polynomial_decay{.power = 1}, 0.8, 0.25) == Approx(0.2));
    CHECK(scheduled_sparsity(tc::polynomial_decay{.power = 2, .first = 0.2}, 0.9, 1) == Approx(0.9));
    CHECK(scheduled_sparsity(tc::one_shot{}, 0.8, 0.25) == 0.8);

    auto options = short_options(0.75, 4);
    const auto cubic = pruned_small(options);
    options.schedule = tc::polynomial_decay{.power = 1, .first = 0.25};
    const auto linear = pruned_small(options);
    options.schedule = tc::one_shot{};
    const auto at_once = pruned_small(options);
    for (std::size_t i = 0; i < 4; ++i) {
        INFO(i);
        const double t = static_cast<double>(i + 1) / 4;
        REQUIRE(cubic.history.size() == 4);
        CHECK(cubic.history[i].sparsity == Approx(0.75 - 0.75 * std::pow(1 - t, 3)).margin(0.01));
        CHECK(linear.history[i].sparsity == Approx(0.25 + 0.5 * t).margin(0.01));
        CHECK(at_once.history[i].sparsity == Approx(0.75).margin(0.01));
        REQUIRE(cubic.history[i].epochs.size() == 1);
        CHECK(cubic.history[i].epochs[0].loss > 0);
    }
    CHECK(cubic.history[3].epochs[0].loss < cubic.history[0].epochs[0].loss);
}

TEST_CASE("masks only grow, and hold in the weights", "[prune]") {
    for (const auto by : {tc::importance::magnitude, tc::importance::random}) {
        tc::named_tensors before{{"hidden.weight", tc::make_array<float>({16, 6})}};
        std::fill_n(before.at("hidden.weight").data(), 96, 1.0f);
        for (int steps = 1; steps <= 3; ++steps) {
            auto options = short_options(0.3 * steps, steps);  // 1, 2 and 3 steps of the same way
            options.schedule = tc::polynomial_decay{.power = 1};
            options.by = by;
            const auto found = pruned_small(options);
            CHECK(grows(before, found.masks));
            CHECK(zeros_of(found.masks.at("hidden.weight")) == std::llround(0.3 * steps * 96));
            CHECK(zeros_of(found.weights.at("hidden.weight")) == zeros_of(found.masks.at("hidden.weight")));
            CHECK((tc::apply_masks(found.weights, found.masks) == found.weights));
            before = found.masks;
        }
    }
}

TEST_CASE("weights that are 0 at the beginning stay so", "[prune]") {
    const auto start = tc::prune<small>(tc::initial_weights<small>(1), {.ratio = 0.5});
    for (const auto by : {tc::importance::magnitude, tc::importance::random}) {
        auto options = short_options(0.7, 2);
        options.schedule = tc::polynomial_decay{.power = 1};  // 0.35, which is less than what is 0 already, and 0.7
        options.by = by;
        const auto found = pruned_small(options, start.weights);
        CHECK(grows(start.masks, found.masks));
        CHECK(found.history[0].sparsity == Approx(0.5).margin(0.01));
        CHECK(found.history[1].sparsity == Approx(0.7).margin(0.01));
    }
    // First masks are kept, in layers that are not pruned too.
    auto options = short_options(0.7, 2);
    options.layers = {"hidden"};
    options.training.masks = &start.masks;
    const auto found = pruned_small(options);
    CHECK(grows(start.masks, found.masks));
    CHECK((found.masks.at("head.weight") == start.masks.at("head.weight")));
    CHECK(zeros_of(found.weights.at("head.weight")) == 24);
    CHECK(zeros_of(found.masks.at("hidden.weight")) == 67);
}

TEST_CASE("weights that are left learn what the others knew", "[prune]") {
    const auto data = digits(1500, 1), held_out = digits(1000, 7);
    const auto weights = tc::fit<digits_net>(tc::initial_weights<digits_net>(1), data,
                                             {.epochs = 3, .optimizer = tc::adam{.rate = 5e-3}})
                             .weights;
    const auto judged = [&](const tc::named_tensors& w) {
        return tc::accuracy<tc::net<digits_net>>(tc::convert<tc::net<digits_net>>(w), held_out);
    };
    tc::prune_gradually_options options{.ratio = 0.97, .steps = 4, .layers = {"hidden"}};
    options.training = {.epochs = 1, .optimizer = tc::adam{.rate = 5e-3}};
    const auto found = tc::prune_gradually<digits_net>(weights, data, options, tc::thread_pool(2));
    CHECK(tc::sparsity_of(found.masks) == Approx(0.97).margin(1e-3));
    const double dense = judged(weights),
                 at_once = judged(tc::prune<digits_net>(weights, {.ratio = 0.97, .layers = {"hidden"}}).weights),
                 gradual = judged(found.weights);
    CAPTURE(dense, at_once, gradual);
    CHECK(gradual > at_once + 10);
    CHECK(gradual > dense - 5);
}

TEST_CASE("a pruning goes on from checkpoints to the bit", "[prune]") {
    const tests::scratch_folder folder;
    auto options = short_options(0.6, 3);
    const auto whole = pruned_small(options);
    options.training.checkpoint = folder.path / "small.safetensors";
    options.training.stop = [steps = 0]() mutable { return ++steps == 7; };  // of 5 in an epoch
    const auto part = pruned_small(options);
    CHECK(part.interrupted);
    CHECK(part.history.size() == 2);
    options.training.stop = nullptr;
    const auto found = pruned_small(options);
    CHECK_FALSE(found.interrupted);
    CHECK((found.weights == whole.weights));
    CHECK((found.masks == whole.masks));
    CHECK(found.history[1].epochs[0].loss == whole.history[1].epochs[0].loss);
    for (const char* name : {"small_1.safetensors", "small_2.safetensors", "small_3.safetensors"})
        CHECK(std::filesystem::exists(folder.path / name));
    CHECK_FALSE(std::filesystem::exists(folder.path / "small.safetensors"));
}

std::string refusal(const tc::prune_gradually_options& options,
                    const tc::named_tensors& weights = tc::initial_weights<small>(1)) {
    try {
        (void)pruned_small(options, weights);
    } catch (const tc::error& refused) {
        return refused.what();
    }
    return "accepted";
}

TEST_CASE("what cannot be pruned gradually is refused with its reason", "[prune]") {
    CHECK_THAT(refusal(short_options(1, 2)), ContainsSubstring("a ratio of 1.000000"));
    CHECK_THAT(refusal(short_options(0.5, 0)), ContainsSubstring("prune_gradually: 0 prunings; prune at least once"));
    auto options = short_options(0.5, 2);
    options.schedule = tc::polynomial_decay{.power = 0};
    CHECK_THAT(refusal(options), ContainsSubstring("a decay of power 0.000000 from 0.000000 to 0.500000"));
    options.schedule = tc::polynomial_decay{.first = 0.6};
    CHECK_THAT(refusal(options), ContainsSubstring("from 0.600000 to 0.500000; the power is above 0"));
    options = short_options(0.5, 2);
    options.layers = {"tail"};
    CHECK_THAT(refusal(options), ContainsSubstring("no layer with weights is called 'tail'"));
    // Global pruning would empty the smaller one.
    auto weights = tc::initial_weights<small>(1);
    for (float& v : weights.at("head.weight")) v *= 1e-4f;
    options = short_options(0.6, 2);
    options.scope = tc::prune_scope::global;
    CHECK_THAT(refusal(options, weights), ContainsSubstring("head: would keep none of its 48 weights"));
    // A mask of its own takes half of a layer, its zeros the other half.
    tc::named_tensors masks{{"head.weight", tc::make_array<float>({3, 16})}};
    std::fill_n(masks.at("head.weight").data(), 24, 1.0f);
    auto halved = tc::initial_weights<small>(1);
    std::fill_n(halved.at("head.weight").data(), 24, 0.0f);
    options = short_options(0.3, 1);
    options.training.masks = &masks;
    CHECK_THAT(refusal(options, halved), ContainsSubstring("head: would keep none of its 48 weights"));
}

}  // namespace pruning_gradually
