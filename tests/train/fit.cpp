// SPDX-License-Identifier: MIT
#include <compress/graph/builder.hpp>
#include <compress/train/fit.hpp>

#include <cstdio>
#include <set>
#include <sstream>

#include <compress/tensor/digits.hpp>
#include <compress/tensor/runner.hpp>
#include <compress/tensor/thread_pool.hpp>
#include <compress/transform/convert.hpp>

#include "../catch.hpp"
#include "../numbers.hpp"
#include "../scratch.hpp"

namespace tc = tensor_compress;
using Catch::Matchers::ContainsSubstring;

namespace fitting {

inline constexpr auto small =
    tc::make_model([](auto& g) { g.linear("head", g.relu(g.linear("hidden", g.input("vector", {6}), 16)), 3); });
inline constexpr auto dropped = tc::make_model([](auto& g) {
    auto x = g.relu(g.linear("hidden", g.flatten(g.input("image", {28, 28, 1})), 48));
    g.linear("head", g.dropout("drop", x, 0.3f), 10);
});
// All that training remembers: statistics, what is dropped, and a constant that it reads but does not train.
inline constexpr auto normed = tc::make_model([](auto& g) {
    auto x = g.conv2d("stem", g.input("image", {28, 28, 1}), 8, {3, 3}, {.stride = 2, .bias = false});
    x = g.max_pool("pool", g.relu(g.batch_norm("norm", x)), 2);
    x = g.dropout("drop", g.add("shifted", x, g.constant("shift", {8})), 0.1f);
    g.linear("head", g.flatten(x), 10);
});
inline constexpr auto autoencoder =
    tc::make_model([](auto& g) { g.linear("decoder", g.tanh(g.linear("encoder", g.input("vector", {6}), 3)), 6); });

}  // namespace fitting

namespace {

using fitting::autoencoder, fitting::dropped, fitting::normed, fitting::small;

/// Three clouds of points in six dimensions that a line does not part.
tc::data_set clouds(std::size_t count, std::uint64_t seed = 1) {
    tests::numbers random(seed);
    tc::data_set set{tc::make_array<float>({count, 6}), {}, 3};
    for (std::size_t i = 0; i < count; ++i) {
        const int label = random.between(0, 2);
        const float side = random.real() < 0 ? -1.0f : 1.0f;
        for (std::size_t k = 0; k < 6; ++k)
            set.inputs(i, k) = 0.5f * random.real() + (static_cast<int>(k) == label ? side : 0.0f);
        set.labels.push_back(label);
    }
    return set;
}

tc::data_set digits(std::size_t count, std::uint64_t seed = 1) {
    auto set = tc::make_digits(count, seed);
    for (std::size_t i = 0; i < set.inputs.size(); ++i) set.inputs.data()[i] /= 255;
    return set;
}

tc::named_tensors normed_weights() {
    auto weights = tc::initial_weights<normed>(1);
    auto& shift = weights.at("shift.value");
    for (std::size_t c = 0; c < shift.size(); ++c) shift.data()[c] = 0.1f * static_cast<float>(c);
    return weights;
}

/// What its epochs had in common with those of another training: all but the time.
void expect_history(const tc::fitted& found, const tc::fitted& expected) {
    REQUIRE(found.history.size() == expected.history.size());
    for (std::size_t i = 0; i < found.history.size(); ++i) {
        CHECK(found.history[i].epoch == expected.history[i].epoch);
        CHECK(found.history[i].loss == expected.history[i].loss);
        CHECK(found.history[i].accuracy == expected.history[i].accuracy);
        CHECK(found.history[i].score == expected.history[i].score);
        CHECK(found.history[i].rate == expected.history[i].rate);
    }
    CHECK(found.best_epoch == expected.best_epoch);
}

/// Stops after so many steps, once more each time it is made.
std::function<bool()> after_steps(int steps) {
    return [steps, done = 0]() mutable { return ++done == steps; };
}

/// The net of the model gives what its trainer predicts.
template <const auto& Model>
void expect_net_agrees(const tc::named_tensors& weights, const tc::data_set& data) {
    using net = tc::net<Model, tc::all_fp32>;
    const auto packed = tc::convert<net>(weights);
    tc::runner<net> run(packed);
    tc::trainer<Model> trained(weights);
    trained.predict(
        static_cast<int>(data.size()),
        [&](int index, int, std::span<float> values) {
            const auto from = data.input(static_cast<std::size_t>(index));
            std::copy(from.begin(), from.end(), values.begin());
        },
        [&](int index, const auto& outputs) {
            const auto expected = run(data.input(static_cast<std::size_t>(index)));
            REQUIRE(outputs[0].size() == expected.size());
            for (std::size_t k = 0; k < expected.size(); ++k) CHECK(outputs[0][k] == Approx(expected[k]).margin(1e-4));
        });
}

template <const auto& Model>
std::string refusal(const tc::data_set& data, const tc::fit_options& options) {
    try {
        (void)tc::fit<Model>(tc::initial_weights<Model>(1), data, options);
    } catch (const tc::error& refused) {
        return refused.what();
    }
    return "accepted";
}

/// Length of the step from one set of weights to another.
double distance(const tc::named_tensors& from, const tc::named_tensors& to) {
    double squares = 0;
    for (const auto& [name, tensor] : from)
        for (std::size_t i = 0; i < tensor.size(); ++i)
            squares += std::pow(static_cast<double>(to.at(name).data()[i] - tensor.data()[i]), 2);
    return std::sqrt(squares);
}

}  // namespace

TEST_CASE("training lowers the loss and recognises records it has not seen", "[fit]") {
    const auto data = digits(600), held_out = digits(200, 2);
    tc::fit_options options{.epochs = 8, .batch = 32, .optimizer = tc::adam{.rate = 0.01}};
    options.schedule = tc::cosine_rate{};
    options.label_smoothing = 0.05;
    options.validation = &held_out;
    const auto trained = tc::fit<normed>(normed_weights(), data, options);
    REQUIRE(trained.history.size() == 8);
    CHECK_FALSE(trained.interrupted);
    CHECK(trained.history.front().loss > 0.8);
    CHECK(trained.history.back().loss < 0.7);
    CHECK(trained.history.back().accuracy > 85);
    CHECK(trained.history.back().score > 75);
    for (std::size_t i = 0; i < 8; ++i) CHECK(trained.history[i].epoch == static_cast<int>(i) + 1);
    CHECK((1 <= trained.best_epoch && trained.best_epoch <= 8));
    CHECK((trained.weights.at("shift.value") == normed_weights().at("shift.value")));
    expect_net_agrees<normed>(trained.weights, held_out.slice(0, 40));
}

TEST_CASE("a model with dropout trains, and its net has none", "[fit]") {
    const auto data = digits(400);
    tc::fit_options options{.epochs = 8, .batch = 20};
    options.optimizer = tc::sgd{.rate = 0.05, .momentum = 0.9, .nesterov = true, .weight_decay = 1e-4};
    const auto trained = tc::fit<dropped>(tc::initial_weights<dropped>(1), data, options);
    CHECK(trained.history.back().loss < 0.5 * trained.history.front().loss);
    CHECK(trained.history.back().accuracy > 75);
    expect_net_agrees<dropped>(trained.weights, data.slice(0, 40));
}

TEST_CASE("weights depend on the seed, not on the threads", "[fit]") {
    const auto data = digits(100);
    tc::fit_options options{.epochs = 2, .batch = 24};
    const auto expected = tc::fit<normed>(normed_weights(), data, options);
    const tc::thread_pool threads(2);
    const auto again = tc::fit<normed>(normed_weights(), data, options);
    const auto found = tc::fit<normed>(normed_weights(), data, options, threads);
    CHECK((again.weights == expected.weights));
    CHECK((found.weights == expected.weights));
    expect_history(again, expected);
    expect_history(found, expected);
    options.seed = 2;
    CHECK_FALSE((tc::fit<normed>(normed_weights(), data, options).weights == expected.weights));
}

TEST_CASE("an interrupted training goes on to the same bits", "[fit]") {
    const tests::scratch_folder folder;
    const auto data = digits(100), held_out = digits(50, 2);
    tc::fit_options options{.epochs = 3, .batch = 24};  // of 5 steps
    options.schedule = tc::cosine_rate{0.1};
    options.warm_up = 0.5;
    options.augment = {.shift = 2, .crop = 0.9, .mix = 0.3};
    options.validation = &held_out;
    for (const tc::optimizer& rule : {tc::optimizer(tc::adamw{}), tc::optimizer(tc::sgd{})}) {
        options.optimizer = rule;
        options.checkpoint.clear();
        options.stop = nullptr;
        const auto expected = tc::fit<normed>(normed_weights(), data, options);
        options.checkpoint = folder / "c.safetensors";
        for (const int steps : {1, 4, 5, 7, 14}) {
            INFO("stopped after each " << steps << " steps");
            std::filesystem::remove(options.checkpoint);
            tc::fitted found;
            int runs = 0;
            do {
                options.stop = after_steps(steps);
                found = tc::fit<normed>(normed_weights(), data, options);
                REQUIRE(++runs <= 15);
            } while (found.interrupted);
            CHECK(runs == (15 + steps - 1) / steps);
            CHECK((found.weights == expected.weights));
            expect_history(found, expected);
        }
    }
}

TEST_CASE("a blended record is the sum of two in their shares, and a loss knows which", "[fit]") {
    const auto data = clouds(40);
    tc::fit_options options{.epochs = 2, .batch = 16};
    options.augment = {.mix = 0.5};
    int blended = 0;
    const auto loss = [&](const auto& r) {
        blended += r.blended.share > 0.1f ? 1 : 0;
        for (std::size_t k = 0; k < 6; ++k) {
            const float first = data.inputs(r.index, k), other = data.inputs(r.blended.other, k);
            CHECK(r.input[k] == Approx(first + r.blended.share * (other - first)).margin(1e-6));
        }
        return 0.0;
    };
    tc::fit<small>(tc::initial_weights<small>(1), data, loss, options);
    CHECK(blended > 40);
    options.optimizer = tc::sgd{.rate = -0.1};
    CHECK_THROWS_WITH(tc::fit<small>(tc::initial_weights<small>(1), data, options),
                      ContainsSubstring("fit: a rate of -0.1"));
    tc::named_tensors masks{{"head.weight", tc::make_array<float>({3, 16})}};
    masks.at("head.weight").fill(1);
    masks.at("head.weight").data()[4] = 0.5f;
    options.optimizer = tc::sgd{};
    options.masks = &masks;
    CHECK_THROWS_WITH(tc::fit<small>(tc::initial_weights<small>(1), data, options),
                      ContainsSubstring("fit: the mask head.weight holds 0.5") &&
                          ContainsSubstring("a mask is 0 where"));
    options.masks = nullptr;
    options.augment = {.mix = 1.5};
    CHECK_THROWS_WITH(tc::fit<small>(tc::initial_weights<small>(1), data, options),
                      ContainsSubstring("fit: blends with a share of up to 1.5"));
}

TEST_CASE("training stops where an epoch is one step", "[fit]") {
    const tests::scratch_folder folder;
    const auto data = clouds(20);
    tc::fit_options options{.epochs = 4, .batch = 20, .optimizer = tc::adam{}};
    const auto expected = tc::fit<small>(tc::initial_weights<small>(1), data, options);
    options.checkpoint = folder / "c.safetensors";
    options.stop = [] { return true; };
    for (std::size_t epoch = 1; epoch <= 4; ++epoch) {
        const auto found = tc::fit<small>(tc::initial_weights<small>(1), data, options);
        CHECK(found.interrupted == (epoch < 4));
        CHECK(found.history.size() == epoch);
        if (epoch == 4) CHECK((found.weights == expected.weights));
    }
}

TEST_CASE("what is trained to its end is not trained again, but may be trained for longer", "[fit]") {
    const tests::scratch_folder folder;
    const auto data = clouds(50);
    int steps = 0;
    tc::fit_options options{.epochs = 2, .batch = 10, .optimizer = tc::adam{}};
    options.checkpoint = folder / "c.safetensors";
    options.stop = [&] { return ++steps < 0; };
    const auto first = tc::fit<small>(tc::initial_weights<small>(1), data, options);
    CHECK(steps == 10);
    const auto again = tc::fit<small>(tc::initial_weights<small>(1), data, options);
    CHECK(steps == 10);
    CHECK((again.weights == first.weights));
    expect_history(again, first);
    options.epochs = 3;
    CHECK(tc::fit<small>(tc::initial_weights<small>(1), data, options).history.size() == 3);
    CHECK(steps == 15);

    options.seed = 7;
    CHECK_THAT(refusal<small>(data, options),
               ContainsSubstring("c.safetensors: was written with seed 1 where this training has 7"));
    options.seed = 1;
    CHECK_THAT(refusal<small>(clouds(49), options), ContainsSubstring("was written with other labels, other records;"));
    auto others = data;
    others.labels[7] = (others.labels[7] + 1) % 3;
    CHECK_THAT(refusal<small>(others, options), ContainsSubstring("was written with other labels;"));
    CHECK_THROWS_WITH(tc::fit<small>(tc::initial_weights<small>(2), data, options),
                      ContainsSubstring("was written with other first weights;"));
    tc::named_tensors masks{{"head.weight", tc::make_array<float>({3, 16})}};
    masks.at("head.weight").fill(1);
    masks.at("head.weight").data()[4] = 0;
    options.masks = &masks;
    CHECK_THAT(refusal<small>(data, options), ContainsSubstring("other masks"));
    options.masks = nullptr;
    options.optimizer = tc::adam{.rate = 0.002};
    CHECK_THAT(refusal<small>(data, options),
               ContainsSubstring("was written with options ") && ContainsSubstring("adam 0.002"));
    options.optimizer = tc::adam{};
    options.schedule = tc::cosine_rate{};
    CHECK_THAT(refusal<small>(data, options), ContainsSubstring("was written with options "));
    options.schedule.reset();
    CHECK_THAT(refusal<autoencoder>(data, options), ContainsSubstring("other model"));
}

TEST_CASE("no epochs give the weights back", "[fit]") {
    const auto weights = tc::initial_weights<small>(1);
    const auto trained = tc::fit<small>(weights, clouds(10), {.epochs = 0});
    CHECK((trained.weights == weights));
    CHECK(trained.history.empty());
}

TEST_CASE("the rate follows its schedule", "[fit]") {
    tc::fit_options options{.epochs = 4, .batch = 10, .optimizer = tc::sgd{.rate = 0.5}};
    options.schedule = tc::step_rate{1, 0.1};
    options.warm_up = 1;
    const auto history = tc::fit<small>(tc::initial_weights<small>(1), clouds(50), options).history;
    CHECK(history[0].rate == Approx(0.5 * 0.9));  // in the middle of the last of five steps
    CHECK(history[1].rate == Approx(0.5));
    CHECK(history[2].rate == Approx(0.05));
    CHECK(history[3].rate == Approx(0.005));
}

TEST_CASE("the weights of the best score are the result, and patience ends", "[fit]") {
    const tests::scratch_folder folder;
    const auto data = clouds(30);
    const double scores[] = {0, 1, 5, 3, 5, 2, 9};  // the first weights' is the first
    std::vector<tc::named_tensors> seen;
    tc::fit_options options{.epochs = 6, .batch = 10, .optimizer = tc::adam{}};
    options.score = [&](const tc::named_tensors& weights) {
        seen.push_back(weights);
        return scores[seen.size() - 1];
    };
    const auto train = [&] { return tc::fit<small>(tc::initial_weights<small>(1), data, options); };

    auto found = train();
    CHECK(found.best_epoch == 6);
    CHECK((found.weights == seen[6]));
    for (std::size_t i = 0; i < 6; ++i) CHECK(found.history[i].score == scores[i + 1]);

    seen.clear();
    options.patience = 3;
    found = train();
    CHECK(found.history.size() == 5);
    CHECK(found.best_epoch == 2);
    CHECK((found.weights == seen[2]));
    CHECK_FALSE(found.interrupted);

    seen.clear();
    options.keep_best = false;
    found = train();
    CHECK(found.best_epoch == 2);
    CHECK((found.weights == seen[5]));

    // Over an interruption in the fourth epoch.
    seen.clear();
    options.keep_best = true;
    options.checkpoint = folder / "c.safetensors";
    options.stop = after_steps(10);
    CHECK(train().interrupted);
    options.stop = nullptr;
    found = train();
    CHECK(found.history.size() == 5);
    CHECK((found.weights == seen[2]));
}

TEST_CASE("a checkpoint without best weights goes on with its own", "[fit]") {
    const tests::scratch_folder folder;
    tc::fit_options options{.epochs = 1, .optimizer = tc::adam{}, .keep_best = false};
    const auto data = clouds(30);
    options.validation = &data;
    options.checkpoint = folder / "c.safetensors";
    const auto first = tc::fit<small>(tc::initial_weights<small>(1), data, options);
    options.keep_best = true;
    CHECK((tc::fit<small>(tc::initial_weights<small>(1), data, options).weights == first.weights));
}

TEST_CASE("frozen layers keep their parameters bit for bit", "[fit]") {
    const auto before = tc::initial_weights<small>(1);
    tc::fit_options options{.epochs = 2, .batch = 8, .optimizer = tc::adamw{}};
    options.frozen = {"hid*"};
    const auto after = tc::fit<small>(before, clouds(30), options).weights;
    CHECK((after.at("hidden.weight") == before.at("hidden.weight")));
    CHECK((after.at("hidden.bias") == before.at("hidden.bias")));
    CHECK_FALSE((after.at("head.weight") == before.at("head.weight")));
    CHECK_FALSE((after.at("head.bias") == before.at("head.bias")));
    options.frozen = {"head", "hidden"};
    CHECK((tc::fit<small>(before, clouds(30), options).weights == before));
    options.frozen = {"head", "conv*"};
    CHECK_THAT(refusal<small>(clouds(30), options),
               ContainsSubstring("fit: no layer with parameters is called 'conv*'; freeze layers by their labels"));
    options.frozen = {"vector"};
    CHECK_THAT(refusal<small>(clouds(30), options), ContainsSubstring("is called 'vector'"));
}

TEST_CASE("batch norms keep their statistics after so many epochs", "[fit]") {
    const auto before = normed_weights();
    tc::fit_options options{.epochs = 1};
    options.norm_epochs = 0;
    const auto after = tc::fit<normed>(before, digits(40), options).weights;
    CHECK((after.at("norm.running_mean") == before.at("norm.running_mean")));
    CHECK((after.at("norm.running_var") == before.at("norm.running_var")));
    CHECK_FALSE((after.at("norm.weight") == before.at("norm.weight")));
    options.norm_epochs = 1;
    CHECK_FALSE(
        (tc::fit<normed>(before, digits(40), options).weights.at("norm.running_var") == before.at("norm.running_var")));
}

TEST_CASE("what a mask leaves out stays 0", "[fit]") {
    auto before = tc::initial_weights<small>(1);
    for (std::size_t i = 0; i < 3; ++i) before.at("head.bias")(i) = 1;
    tc::named_tensors masks{{"hidden.weight", tc::make_array<float>({16, 6})},
                            {"head.bias", tc::make_array<float>({3})}};
    auto& mask = masks.at("hidden.weight");
    for (std::size_t i = 0; i < mask.size(); ++i) mask.data()[i] = i % 3 == 0 ? 1.0f : 0.0f;
    masks.at("head.bias")(1) = 1;
    tc::fit_options options{.epochs = 2, .batch = 8, .optimizer = tc::sgd{.weight_decay = 0.01}, .masks = &masks};
    const auto after = tc::fit<small>(before, clouds(30), options).weights;
    std::size_t zeros = 0;
    for (std::size_t i = 0; i < mask.size(); ++i) {
        if (mask.data()[i] == 0) CHECK(after.at("hidden.weight").data()[i] == 0.0f);
        zeros += after.at("hidden.weight").data()[i] == 0 ? 1 : 0;
    }
    CHECK(zeros == 64);
    CHECK(after.at("head.bias")(0) == 0.0f);
    CHECK(after.at("head.bias")(1) != 1.0f);
    CHECK(after.at("head.bias")(2) == 0.0f);
    CHECK_FALSE((after.at("head.weight") == before.at("head.weight")));
}

TEST_CASE("masks that fit no weight or leave none are refused", "[fit]") {
    tc::named_tensors masks;
    const tc::fit_options options{.masks = &masks};
    const auto refuses = [&](const std::string& name, const std::vector<std::size_t>& extents, float value) {
        masks.clear();
        masks[name] = tc::make_array<float>(extents);
        masks[name].fill(value);
        return refusal<small>(clouds(10), options);
    };
    CHECK(refuses("hidden.weight", {16, 6}, 1) == "accepted");
    CHECK_THAT(refuses("hidden.weights", {16, 6}, 1),
               ContainsSubstring("fit: a mask hidden.weights [16, 6], of no weight; give masks the names and shapes"));
    CHECK_THAT(refuses("hidden.weight", {6, 16}, 1), ContainsSubstring("a mask hidden.weight [6, 16] for [16, 6]"));
    CHECK_THAT(refuses("hidden.weight", {16, 6}, 0),
               ContainsSubstring("fit: the mask hidden.weight leaves the layer no weight; keep at least one"));
}

TEST_CASE("the longest gradient bounds the step", "[fit]") {
    const auto before = tc::initial_weights<small>(1);
    tc::fit_options options{.epochs = 1, .batch = 40, .optimizer = tc::sgd{.rate = 1, .momentum = 0}};
    const auto data = clouds(40);
    const auto step = [&](double longest) {
        options.clip_norm = longest;
        return tc::fit<small>(before, data, options).weights;
    };
    const auto free = step(0);
    const double length = distance(before, free);
    REQUIRE(length > 0.1);
    const auto clipped = step(0.01);
    CHECK(distance(before, clipped) == Approx(0.01).epsilon(1e-3));
    for (const auto& [name, tensor] : before)
        for (std::size_t i = 0; i < tensor.size(); ++i)
            CHECK(static_cast<double>(clipped.at(name).data()[i] - tensor.data()[i]) ==
                  Approx(static_cast<double>(free.at(name).data()[i] - tensor.data()[i]) * 0.01 / length).margin(1e-6));
    CHECK((step(2 * length) == free));
}

TEST_CASE("a training that diverges says where", "[fit]") {
    const tests::scratch_folder folder;
    const auto data = clouds(40);
    tc::fit_options options{.epochs = 3, .batch = 10};
    options.checkpoint = folder / "c.safetensors";
    options.optimizer = tc::sgd{.rate = 1e30};
    const auto lost = refusal<small>(data, options);
    CHECK_THAT(lost, ContainsSubstring("fit: the loss became ") && ContainsSubstring(" of epoch 1; lower the rate"));
    int step = 0;
    REQUIRE(std::sscanf(lost.c_str() + lost.find(" at step "), " at step %d", &step) == 1);
    CHECK((2 <= step && step <= 4));
    CHECK_FALSE(std::filesystem::exists(options.checkpoint));

    options.optimizer = tc::sgd{};
    options.schedule = tc::step_rate{.epochs = 1, .factor = 1e32};
    options.epochs = 1;
    (void)tc::fit<small>(tc::initial_weights<small>(1), data, options);
    const auto kept = tc::read_file(options.checkpoint);
    options.epochs = 3;
    CHECK_THAT(refusal<small>(data, options),
               ContainsSubstring(" of epoch 2; the last good weights are in " + options.checkpoint.string()));
    CHECK(tc::read_file(options.checkpoint) == kept);

    // The last step has no loss after it: its weights are looked at before they are kept.
    options.optimizer = tc::sgd{.rate = 1e38};
    options.epochs = 1;
    options.batch = 40;
    options.checkpoint = folder / "d.safetensors";
    CHECK(refusal<small>(data, options) == "accepted");
    options.optimizer = tc::sgd{.rate = 1e39};
    options.checkpoint = folder / "e.safetensors";
    CHECK_THAT(refusal<small>(data, options), ContainsSubstring("fit: a weight became ") &&
                                                  ContainsSubstring(" at step 1 of epoch 1; lower the rate"));
    CHECK_FALSE(std::filesystem::exists(options.checkpoint));
}

TEST_CASE("records, labels and options that do not fit are refused", "[fit]") {
    CHECK_THAT(refusal<small>({}, {}), ContainsSubstring("fit: no records; give at least one"));
    CHECK_THAT(refusal<small>({tc::make_array<float>({2, 5}), {0, 1}, 3}, {}),
               ContainsSubstring("fit: records of 5 values for a model whose input has 6; pass records in the layout"));
    auto data = clouds(10);
    data.labels[4] = 3;
    CHECK_THAT(refusal<small>(data, {}), ContainsSubstring("label 3 of record 4, the model has 3 classes"));
    data.labels.clear();
    CHECK_THAT(refusal<small>(data, {}), ContainsSubstring("0 labels for 10 records"));
    const auto held_out = data;
    CHECK_THAT(refusal<small>(clouds(10), {.validation = &held_out}),
               ContainsSubstring("fit: held-out records without labels; give each a label, or a score of your own"));
    CHECK_THAT(refusal<small>(clouds(10), {.batch = 0}), ContainsSubstring("fit: batches of 0 records, 40 epochs"));
    CHECK_THAT(refusal<small>(clouds(10), {.epochs = -1}), ContainsSubstring("-1 epochs"));
    CHECK_THAT(refusal<small>(clouds(10), {.label_smoothing = 1}), ContainsSubstring("a label smoothing of 1"));
    auto weights = tc::initial_weights<small>(1);
    weights.erase("head.bias");
    CHECK_THROWS_WITH(tc::fit<small>(weights, clouds(10)), ContainsSubstring("no head.bias [3]"));
}

TEST_CASE("progress is a line for each epoch", "[fit]") {
    std::ostringstream text;
    const auto data = clouds(30);
    tc::fit_options options{.epochs = 12, .batch = 10, .progress = &text};
    (void)tc::fit<small>(tc::initial_weights<small>(1), data, options);
    std::string written = text.str();
    CHECK(std::count(written.begin(), written.end(), '\n') == 12);
    CHECK(std::count(written.begin(), written.end(), '\r') == 0);
    CHECK_THAT(written, Catch::Matchers::StartsWith("epoch  1/12  loss ") &&
                            ContainsSubstring("\nepoch 12/12  loss ") && ContainsSubstring("  accuracy ") &&
                            ContainsSubstring(" images/s  0:00 left\n"));
    CHECK(written.find("held out") == std::string::npos);
    text.str("");
    options.validation = &data;
    (void)tc::fit<small>(tc::initial_weights<small>(1), data, options);
    CHECK_THAT(text.str(), ContainsSubstring("  held out "));
}

TEST_CASE("a loss of one's own trains an autoencoder", "[fit]") {
    // Records in a plane of three of their six dimensions, which three numbers hold.
    auto data = clouds(200);
    for (std::size_t i = 0; i < 200; ++i)
        for (std::size_t k = 3; k < 6; ++k) data.inputs(i, k) = 0.5f * data.inputs(i, k - 3);
    data.labels.clear();
    const tc::squared_error loss(data.inputs, data.size(), 6);
    tc::fit_options options{.epochs = 60, .batch = 20, .optimizer = tc::adam{.rate = 0.01}};
    const auto trained = tc::fit<autoencoder>(tc::initial_weights<autoencoder>(1), data, loss, options);
    CHECK(trained.history.back().loss < 0.1 * trained.history.front().loss);
    CHECK(trained.history.back().loss < 0.02);
    CHECK(trained.history.back().accuracy == 0.0);

    // A loss sees the number of its record in the data set, whatever the order of training.
    std::set<std::size_t> seen;
    const auto see = [&](auto& record) {
        seen.insert(record.index);
        return loss(record);
    };
    (void)tc::fit<autoencoder>(tc::initial_weights<autoencoder>(1), data, see, {.batch = 7});
    CHECK(seen.size() == 200);
    CHECK(*seen.rbegin() == 199);
}

TEST_CASE("what is left open is chosen, the same for any number of threads, and said", "[fit]") {
    const auto data = clouds(600);
    std::ostringstream said;
    tc::fit_options options;
    options.progress = &said;
    const auto alone = tc::fit<small>(tc::initial_weights<small>(1), data, options);
    options.progress = nullptr;
    const auto together = tc::fit<small>(tc::initial_weights<small>(1), data, options, tc::thread_pool(2));
    CHECK((alone.weights == together.weights));
    CHECK(alone.score > alone.first_score + 20);
    CHECK(alone.plan.epochs == 40);
    CHECK(std::get<tc::adam>(alone.plan.optimizer).relative);
    CHECK_THAT(said.str(), ContainsSubstring("judged by 60 held-out records: first weights loss ") &&
                               ContainsSubstring("trials: rate 0.0") && ContainsSubstring("chosen: Adam at ") &&
                               ContainsSubstring("kept: epoch "));
}

TEST_CASE("no training ends worse than it began", "[fit]") {
    const auto data = clouds(600);
    const auto trained = tc::fit<small>(tc::initial_weights<small>(1), data).weights;
    std::ostringstream said;
    tc::fit_options options{.epochs = 3, .batch = 20, .optimizer = tc::sgd{.rate = 3, .momentum = 0}, .held_out = 0.1};
    options.progress = &said;
    const auto found = tc::fit<small>(trained, data, options);
    CHECK((found.weights == trained));
    CHECK(found.best_epoch == 0);
    CHECK(found.score == found.first_score);
    CHECK(found.history.size() == 3);
    CHECK_THAT(said.str(),
               ContainsSubstring("kept: the first weights, as no epoch is better by more than chance, loss "));
}

TEST_CASE("a net whose inputs and layers are scaled is trained like the net that it was", "[fit]") {
    const auto data = clouds(300);
    const auto weights = tc::initial_weights<small>(1);
    tc::fit_options options{.epochs = 4, .batch = 20, .optimizer = tc::adam{.rate = 0.01, .relative = true}};
    options.parts = 1;
    const auto expected = tc::fit<small>(weights, data, options);
    for (const float factor : {1.0f / 256, 256.0f}) {
        auto scaled_data = data;
        for (float& v : scaled_data.inputs) v *= factor;
        auto scaled = weights;
        for (float& v : scaled.at("hidden.weight")) v /= factor * 64;  // the hidden values a 64th
        for (float& v : scaled.at("hidden.bias")) v /= 64;
        for (float& v : scaled.at("head.weight")) v *= 64;
        const auto found = tc::fit<small>(scaled, scaled_data, options);
        for (std::size_t e = 0; e < 4; ++e)
            CHECK(found.history[e].loss == Approx(expected.history[e].loss).epsilon(1e-3));
        for (std::size_t i = 0; i < scaled.at("hidden.weight").size(); ++i)
            CHECK(found.weights.at("hidden.weight").data()[i] * factor * 64 ==
                  Approx(expected.weights.at("hidden.weight").data()[i]).margin(2e-3));
    }
}
