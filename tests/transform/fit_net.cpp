// SPDX-License-Identifier: MIT
#include <compress/transform/fit_net.hpp>

#include <compress/evaluate/measure.hpp>
#include <compress/graph/builder.hpp>
#include <compress/tensor/digits.hpp>
#include <compress/tensor/thread_pool.hpp>
#include <compress/transform/distil.hpp>
#include <compress/transform/gptq.hpp>
#include <compress/transform/prune.hpp>
#include <compress/transform/reestimate_norms.hpp>
#include <compress/tensor/records.hpp>

#include <set>

#include "../catch.hpp"
#include "../scratch.hpp"

namespace training_nets {

namespace tc = tensor_compress;
using Catch::Matchers::ContainsSubstring;

/// Whatever a value can meet on its way: norms, a fused and a separate clamp, an add, pooling, dropout, channels of
/// their own.
inline constexpr auto normed = tc::make_model([](auto& g) {
    auto x = g.conv2d("stem", g.input("image", {28, 28, 1}), 8, {3, 3}, {.stride = 2, .bias = false});
    x = g.relu(g.batch_norm("norm1", x));
    auto y = g.relu6(g.batch_norm("norm2", g.depthwise_conv2d("deep", x, {3, 3}, {.bias = false})));
    y = g.batch_norm("norm3", g.conv2d("point", y, 8, {1, 1}, {.bias = false}));
    x = g.max_pool("pool", g.relu(g.add("sum", x, y)), 2);
    x = g.dropout("drop", x, 0.1f);
    g.softmax(g.linear("head", g.flatten(x), 10));
});
inline constexpr auto plain = tc::make_model([](auto& g) {
    auto x = g.relu(g.linear("hidden", g.flatten(g.input("image", {28, 28, 1})), 24));
    g.linear("head", x, 10);
});
/// Values that have both signs, behind a sum as behind a norm and a pooling.
inline constexpr auto of_both_signs = tc::make_model([](auto& g) {
    auto x = g.conv2d("stem", g.input("image", {28, 28, 1}), 32, {3, 3}, {.stride = 2, .bias = false});
    x = g.max_pool("pool", g.batch_norm("norm1", x), 2);
    x = g.add("sum1", x, g.batch_norm("norm2", g.conv2d("signs1", x, 32, {3, 3}, {.bias = false})));
    x = g.add("sum2", x, g.batch_norm("norm3", g.conv2d("signs2", x, 32, {3, 3}, {.bias = false})));
    g.linear("head", g.global_average_pool("mean", x), 10);
});
inline constexpr auto plain_signs = tc::make_model([](auto& g) {
    auto x = g.linear("hidden", g.flatten(g.input("image", {28, 28, 1})), 64);
    g.linear("head", g.linear("signs", x, 32), 10);
});
inline constexpr auto mixed = tc::recipe{tc::int8}.with("point", tc::ternary).with("head", tc::fp32);
inline constexpr tc::recipe every_int8{tc::int8};
inline constexpr tc::recipe every_int4{tc::int4};
inline constexpr tc::recipe every_binary{tc::binary};
inline constexpr tc::recipe every_ternary{tc::ternary};
inline constexpr auto of_signs = tc::recipe{tc::int8}.with("signs*", tc::binary_activations);
inline constexpr tc::recipe of_two_four{tc::int4 | tc::n_of_m<2, 4>};
inline constexpr tc::recipe of_tables{tc::int8 | tc::codebook<2>};
inline constexpr tc::recipe with_float_values{tc::weight_only(tc::int4)};

tc::data_set digits(std::size_t count, std::uint64_t seed = 1) {
    auto set = tc::make_digits(count, seed);
    for (std::size_t i = 0; i < set.inputs.size(); ++i) set.inputs.data()[i] /= 255;
    return set;
}

/// Trained in floating point, shortly.
template <const auto& Model>
const tc::named_tensors& trained() {
    static const tc::named_tensors weights =
        tc::fit<Model>(tc::initial_weights<Model>(1), digits(2000), {.epochs = 2, .optimizer = tc::adam{.rate = 5e-3}})
            .weights;
    return weights;
}

tc::fit_options short_training() {
    tc::fit_options options{.epochs = 2, .batch = 50, .optimizer = tc::adam{.rate = 2e-3}};
    options.rounding.records = 100;
    return options;
}

/// Without any training.
template <class Net>
double accuracy_of_nearest(const tc::named_tensors& weights, const tc::data_set& data, const tc::data_set& judges) {
    const auto seen = tc::calibrate<Net::model>(weights, tc::records(data.slice(0, 200)));
    return tc::accuracy<Net>(tc::convert<Net>(weights, seen), judges);
}

auto copy_of(const tc::data_set& data) {
    return [&data](int index, int, std::span<float> values) {
        const auto from = data.input(static_cast<std::size_t>(index));
        std::copy(from.begin(), from.end(), values.begin());
    };
}

/// Logits as training sees them: the forward pass of the trainer.
template <class Net>
std::vector<float> simulated(const tc::fitted_net<Net>& f, const tc::data_set& data) {
    tc::deployed_forward<Net> forward(2);
    forward.pack(f.weights, f.ranges, f.rounded);
    tc::trainer<Net::model> trainer(f.weights, 2);
    std::vector<float> all;
    trainer.predict(
        static_cast<int>(data.size()), copy_of(data),
        [&](int, const auto& outputs) { all.insert(all.end(), outputs[0].begin(), outputs[0].end()); }, tc::serial{},
        forward);
    return all;
}

/// The same logits of a converted net, whose model may end with a softmax: what goes into it.
struct last_before_softmax {
    std::vector<float>& all;
    tc::affine steps;
    int id;
    template <int Id, class T>
    void see(const T* values) const {
        if (Id != id) return;
        for (int k = 0; k < 10; ++k) {
            if constexpr (std::is_same_v<T, float>)
                all.push_back(values[k]);
            else
                all.push_back(tc::dequantize(static_cast<std::int8_t>(values[k] - tc::stored_offset<T>), steps));
        }
    }
};
template <class Net>
std::vector<float> deployed(const tc::named_tensors& weights, const tc::calibration& ranges,
                            const tc::rounded_layers& rounded, const tc::data_set& data) {
    const auto packed = tc::convert<Net>(weights, ranges, rounded);
    tc::runner<Net> run(packed);
    int id = Net::node_count - 1;  // where logits are converted for a softmax, what they are converted to
    while (Net::graph[id].value_origin != Net::model.find("head")) --id;
    tc::affine steps{};
    if (Net::element_of(id) == tc::element::signed8)
        steps = tc::affine_of(Net::model, Net::graph[id].value_origin, ranges);
    std::vector<float> all;
    for (std::size_t i = 0; i < data.size(); ++i) {
        run.set_input(0, data.input(i));
        run.execute(last_before_softmax{all, steps, id});
    }
    return all;
}

template <const auto& Model, const auto& Recipe>
void expect_training_sees_the_net(const tc::fit_options& options) {
    using net = tc::net<Model, Recipe>;
    const auto f = tc::fit<net>(trained<Model>(), digits(400), options);
    const auto records = digits(1000, 7);
    const auto expected = simulated(f, records);
    REQUIRE(expected.size() == 10000);
    CHECK((deployed<net>(f.weights, f.ranges, f.rounded, records) == expected));
    if constexpr (net::element_of(net::graph.find("head")) == tc::element::signed8)  // else sums have another order
        CHECK((deployed<tc::net<Model, Recipe, tc::isa::scalar>>(f.weights, f.ranges, f.rounded, records) == expected));
}

TEST_CASE("a trained net and the converted one give the same bytes", "[transform]") {
    SECTION("without norms") { expect_training_sees_the_net<plain, every_int4>(short_training()); }
    SECTION("with norms that settle") { expect_training_sees_the_net<normed, every_int8>(short_training()); }
    SECTION("with norms that learn to the end") {
        auto options = short_training();
        options.rounding.settle = 1;
        expect_training_sees_the_net<normed, every_int8>(options);
    }
    SECTION("integers beside floats") { expect_training_sees_the_net<normed, mixed>(short_training()); }
    SECTION("integer weights beside float values") {
        expect_training_sees_the_net<plain, with_float_values>(short_training());
    }
    SECTION("tables") { expect_training_sees_the_net<plain, of_tables>(short_training()); }
    SECTION("tables, with norms") { expect_training_sees_the_net<of_both_signs, of_tables>(short_training()); }
    SECTION("signs behind norms") { expect_training_sees_the_net<of_both_signs, of_signs>(short_training()); }
    SECTION("signs without norms") { expect_training_sees_the_net<plain_signs, of_signs>(short_training()); }
}

/// How far what training computes before it settles is from the net that it is at this moment.
struct distance {
    double share_of_equal;  ///< of the logits
    double error;           ///< root mean square, as a share of that of the logits
};
template <const auto& Model, const auto& Recipe>
distance from_training_to_net() {
    using net = tc::net<Model, Recipe>;
    const auto data = digits(200);
    auto options = short_training();
    options.rounding.settle = 1;
    const auto f = tc::fit<net>(trained<Model>(), data, options);
    const auto expected = deployed<net>(f.weights, f.ranges, f.rounded, data);

    tc::trainer<Model> trainer(tc::dequantize<Model>(f.weights, f.rounded), 1);
    const auto roundings = tc::deployed_forward<net>::roundings(f.ranges);
    typename tc::trainer<Model>::pass_options pass;
    pass.frozen_norms = true;
    pass.dropout = false;
    pass.rounding = roundings.data();
    std::vector<float> found(expected.size());
    trainer.run(
        static_cast<int>(data.size()), copy_of(data),
        [&](const auto& record) {
            std::copy(record.outputs[0].begin(), record.outputs[0].end(),
                      found.begin() + static_cast<std::ptrdiff_t>(record.index * 10));
            return 0.0;
        },
        pass);
    const float step = tc::affine_of(Model, Model.find("head"), f.ranges).scale;
    double equal = 0, squares = 0, errors = 0;
    for (std::size_t i = 0; i < found.size(); ++i) {
        const float off = found[i] - expected[i];
        equal += std::abs(off) < 0.5f * step ? 1 : 0;
        errors += static_cast<double>(off * off);
        squares += static_cast<double>(expected[i] * expected[i]);
    }
    return {equal / static_cast<double>(found.size()), std::sqrt(errors / squares)};
}

// Until norms settle values are rounded floats: hardly anything differs from the integers that will be deployed.
TEST_CASE("what training computes before it settles is near to the net", "[transform]") {
    const distance of_values = from_training_to_net<normed, every_int8>();
    CHECK(of_values.share_of_equal > 0.9);
    CHECK(of_values.error < 0.01);
    // Where a value is nearly zero its sign may turn.
    const distance of_turned = from_training_to_net<of_both_signs, of_signs>();
    CHECK(of_turned.share_of_equal > 0.8);
    CHECK(of_turned.error < 0.02);
}

TEST_CASE("layers of signs learn", "[transform]") {
    using net = tc::net<of_both_signs, of_signs>;
    const auto data = digits(2000), held_out = digits(1000, 3);
    const auto& weights = trained<of_both_signs>();
    const double before = accuracy_of_nearest<net>(weights, data, held_out);
    auto options = short_training();
    options.epochs = 4;
    const auto f = tc::fit<net>(weights, data, options);
    const double after = tc::accuracy<net>(tc::convert(f), held_out);
    CAPTURE(before, after);
    CHECK(after > before + 30);
}

/// Mean size of the values of a label in the net.
struct sizes_seen {
    int id;
    tc::affine steps;
    double& sum;
    template <int Id, class T>
    void see(const T* values) const {
        if (Id != id) return;
        for (int i = 0; i < tc::net<of_both_signs, of_signs>::size_of(Id); ++i)
            sum += std::abs(
                static_cast<double>(tc::dequantize(static_cast<std::int8_t>(values[i] - tc::stored_offset<T>), steps)));
    }
};

TEST_CASE("values behind signs have the ranges of signs", "[transform]") {
    using net = tc::net<of_both_signs, of_signs>;
    const auto data = digits(200);
    auto options = short_training();
    options.optimizer = tc::adam{.rate = 0};
    const auto f = tc::fit<net>(trained<of_both_signs>(), data, options);
    const auto packed = tc::convert(f);
    const auto of_floats =
        tc::calibrate<of_both_signs>(tc::dequantize<of_both_signs>(f.weights, f.rounded), tc::records(data));
    for (const char* label : {"sum1", "sum2"}) {
        INFO(label);
        int id = net::node_count - 1;
        while (net::graph[id].value_origin != of_both_signs.find(label)) --id;
        double sum = 0;
        tc::runner<net> run(packed);
        for (std::size_t i = 0; i < data.size(); ++i) {
            run.set_input(0, data.input(i));
            run.execute(sizes_seen{id, tc::affine_of(of_both_signs, net::graph[id].value_origin, f.ranges), sum});
        }
        const double mean = sum / static_cast<double>(data.size()) / net::size_of(id);
        CHECK(static_cast<double>(f.ranges.ranges.at(label).mean_size) == Approx(mean).epsilon(0.05));
        CHECK(of_floats.ranges.at(label).mean_size != Approx(mean).epsilon(0.2));
    }
}

inline constexpr auto of_a_constant = tc::make_model([](auto& g) {
    auto x = g.linear("hidden", g.flatten(g.input("image", {28, 28, 1})), 64);
    g.linear("head", g.linear("signs", g.add("moved", g.relu(x), g.constant("offset", {64})), 32), 10);
});

TEST_CASE("a constant is a value like others behind which signs are taken", "[transform]") {
    const auto weights = tc::initial_weights<of_a_constant>(2);
    auto options = short_training();
    options.epochs = 1;
    const auto f = tc::fit<tc::net<of_a_constant, of_signs>>(weights, digits(100), options);
    CHECK(f.ranges.ranges.count("offset") == 1);
}

TEST_CASE("training with rounding gives back what few bits take away", "[transform]") {
    using net = tc::net<plain, every_binary>;
    const auto data = digits(2000), held_out = digits(1000, 3);
    const auto& weights = trained<plain>();
    const double before = accuracy_of_nearest<net>(weights, data, held_out);
    auto options = short_training();
    options.epochs = 4;
    options.validation = &held_out;
    const auto f = tc::fit<net>(weights, data, options);
    const double after = tc::accuracy<net>(tc::convert(f), held_out);
    CAPTURE(before, after);
    CHECK(after > before + 5);
    CHECK(after == f.history[static_cast<std::size_t>(f.best_epoch) - 1].score);  // the judge is the net itself

    const auto taught = tc::distil<plain, net>(weights, weights, data, {{options}, 4, 0.5});
    CHECK(tc::accuracy<net>(tc::convert(taught), held_out) > before + 5);
}

TEST_CASE("zeros of a pattern stay where they are while the rest is trained", "[transform]") {
    using net = tc::net<plain, of_two_four>;
    const auto& weights = trained<plain>();
    const auto before = tc::learned_steps<net::model>(weights, tc::roundings_of<net>(weights)).rounded(weights);
    const auto f = tc::fit<net>(weights, digits(400), short_training());
    for (const auto& [label, layer] : before) {
        const auto& after = f.rounded.at(label).weights;
        int changed = 0, zeros = 0;
        std::size_t four = 0;
        for (std::size_t i = 0; i < after.size(); ++i) {
            changed += after[i] != layer.weights[i] ? 1 : 0;
            zeros += after[i] == 0 ? 1 : 0;
            if (i % 4 == 0) four = 0;
            four += after[i] != 0 ? 1 : 0;
            CHECK(four <= 2);
        }
        CHECK(changed > 0);
        CHECK(zeros >= static_cast<int>(after.size()) / 2);
    }
}

TEST_CASE("values of tables are learned, and leave zeros of masks where they are", "[transform]") {
    using net = tc::net<plain, of_tables>;
    const auto data = digits(2000), held_out = digits(1000, 3);
    const auto [weights, masks] = tc::prune<plain>(trained<plain>(), {.ratio = 0.5});
    const double before = accuracy_of_nearest<net>(weights, data, held_out);
    const auto start = tc::learned_steps<plain>(weights, tc::roundings_of<net>(weights), &masks).rounded(weights);
    auto options = short_training();
    options.masks = &masks;
    const auto f = tc::fit<net>(weights, data, options);
    const double after = tc::accuracy<net>(tc::convert(f), held_out);
    CAPTURE(before, after);
    CHECK(after > before + 1);

    const auto& mask = masks.at("hidden.weight");
    const auto& found = f.rounded.at("hidden").weights;
    const std::set<int> values(found.begin(), found.begin() + 16 * 784),
        first(start.at("hidden").weights.begin(), start.at("hidden").weights.begin() + 16 * 784);
    CHECK(values.size() == 4);  // of the first sixteen outputs, which share a table
    CHECK(values.count(0) == 1);
    CHECK(values != first);
    int zeros = 0, wrong = 0;
    for (std::size_t i = 0; i < found.size(); ++i)
        if (mask.data()[i] == 0) zeros += 1, wrong += found[i] != 0 ? 1 : 0;
    CHECK(zeros > 5000);
    CHECK(wrong == 0);
}

TEST_CASE("masks with zeros are refused where weights have none", "[transform]") {
    using net = tc::net<plain, every_binary>;
    tc::named_tensors masks{{"hidden.weight", tc::make_array<float>({24, 784})}};
    std::fill_n(masks.at("hidden.weight").data(), 24 * 784, 1.0f);
    auto options = short_training();
    options.epochs = 0;
    options.masks = &masks;
    CHECK_NOTHROW(tc::fit<net>(trained<plain>(), digits(100), options));
    masks.at("hidden.weight").data()[5] = 0;
    CHECK_THROWS_WITH(tc::fit<net>(trained<plain>(), digits(100), options),
                      ContainsSubstring("hidden: a mask with zeros for weights that are -1 or 1; give this layer"));
}

TEST_CASE("layers that are frozen keep their integers", "[transform]") {
    using net = tc::net<plain, every_int4>;
    const auto& weights = trained<plain>();
    auto options = short_training();
    options.frozen = {"hidden"};
    const auto before = tc::learned_steps<net::model>(weights, tc::roundings_of<net>(weights)).rounded(weights);
    const auto f = tc::fit<net>(weights, digits(400), options);
    CHECK(f.rounded.at("hidden").weights == before.at("hidden").weights);
    CHECK(f.rounded.at("hidden").scales == before.at("hidden").scales);
    CHECK(f.rounded.at("head").scales != before.at("head").scales);
}

TEST_CASE("ranges that are given are the net's", "[transform]") {
    using net = tc::net<plain, every_int8>;
    const auto data = digits(200);
    const auto seen = tc::calibrate<plain>(trained<plain>(), tc::records(data));
    auto options = short_training();
    options.rounding.ranges = &seen;
    const auto given = tc::fit<net>(trained<plain>(), data, options);
    CHECK(given.ranges.ranges.at("hidden").high == seen.ranges.at("hidden").high);
    options.rounding.ranges = nullptr;
    const auto measured = tc::fit<net>(trained<plain>(), data, options);
    CHECK(measured.ranges.ranges.at("hidden").high != seen.ranges.at("hidden").high);
}

template <class Net>
void expect_equal(const tc::fitted_net<Net>& found, const tc::fitted_net<Net>& expected) {
    for (const auto& [name, tensor] : expected.weights) {
        CAPTURE(name);
        CHECK(found.weights.at(name) == tensor);
    }
    for (const auto& [label, layer] : expected.rounded) {
        CHECK(found.rounded.at(label).weights == layer.weights);
        CHECK(found.rounded.at(label).scales == layer.scales);
        CHECK(found.rounded.at(label).bias == layer.bias);
    }
    for (const auto& [label, range] : expected.ranges.ranges) CHECK(found.ranges.ranges.at(label).high == range.high);
    REQUIRE(found.history.size() == expected.history.size());
    for (std::size_t i = 0; i < found.history.size(); ++i) CHECK(found.history[i].loss == expected.history[i].loss);
}

template <const auto& Model, const auto& Recipe>
void expect_to_go_on(const tc::named_tensors* masks = nullptr) {
    using net = tc::net<Model, Recipe>;
    const auto data = digits(300), held_out = digits(100, 3);
    auto options = short_training();
    options.validation = &held_out;
    options.masks = masks;
    const auto whole = tc::fit<net>(trained<Model>(), data, options, tc::thread_pool(2));
    CHECK(std::abs(whole.history[0].loss) > 0);

    const tests::scratch_folder folder;
    options.checkpoint = folder.path / "net.safetensors";
    for (const int steps : {2, 5}) {  // of 6 in an epoch: before and after it settles
        options.stop = [steps, done = 0]() mutable { return ++done == steps; };
        CHECK(tc::fit<net>(trained<Model>(), data, options).interrupted);
    }
    options.stop = nullptr;
    expect_equal(tc::fit<net>(trained<Model>(), data, options), whole);

    using other = tc::net<Model, every_ternary>;
    CHECK_THROWS_WITH(tc::fit<other>(trained<Model>(), data, options),
                      ContainsSubstring("net.safetensors") && ContainsSubstring("was written with formats"));
}

TEST_CASE("training a net goes on from a checkpoint to the bit", "[transform]") {
    SECTION("int8") { expect_to_go_on<normed, every_int8>(); }
    SECTION("signs") { expect_to_go_on<of_both_signs, of_signs>(); }
    SECTION("tables that hold zeros") {
        const auto masks = tc::prune<plain>(trained<plain>(), {.ratio = 0.5}).masks;
        expect_to_go_on<plain, of_tables>(&masks);
    }
}

TEST_CASE("options that make no sense for a net are refused", "[transform]") {
    using net = tc::net<plain, every_int8>;
    const auto data = digits(20);
    auto options = short_training();
    options.rounding.settle = 1.5;
    CHECK_THROWS_WITH(tc::fit<net>(trained<plain>(), data, options), ContainsSubstring("settling after 1.5"));
    options = short_training();
    options.rounding.records = 0;
    CHECK_THROWS_WITH(tc::fit<net>(trained<plain>(), data, options), ContainsSubstring("at least one record"));
    options = short_training();
    options.score = [](const tc::named_tensors&) { return 1.0; };
    CHECK_THROWS_WITH(tc::fit<net>(trained<plain>(), data, options), ContainsSubstring("validation"));
}

TEST_CASE("when batch norms settle, their statistics are those of the weights of that moment", "[fit_net]") {
    using net = tc::net<normed, every_int8>;
    const auto data = digits(200);
    auto spoilt = trained<normed>();
    for (const char* norm : {"norm1", "norm2", "norm3"}) {
        spoilt.at(std::string(norm) + ".running_mean").fill(3.0f);
        spoilt.at(std::string(norm) + ".running_var").fill(50.0f);
    }
    auto options = short_training();
    options.optimizer = tc::adam{.rate = 0};  // nothing else changes
    options.norm_momentum = 0;
    options.rounding.settle = 0.5;
    const auto expected = tc::reestimate_norms<normed>(spoilt, tc::records(data));
    const auto found = tc::fit<net>(spoilt, data, options).weights;
    for (const char* norm : {"norm1", "norm2", "norm3"}) {
        const auto& mean = found.at(std::string(norm) + ".running_mean");
        const auto& variance = found.at(std::string(norm) + ".running_var");
        for (std::size_t c = 0; c < mean.size(); ++c) {
            const auto v = static_cast<double>(expected.at(std::string(norm) + ".running_var").data()[c]);
            CAPTURE(norm, c, v);
            CHECK(static_cast<double>(mean.data()[c]) ==
                  Approx(static_cast<double>(expected.at(std::string(norm) + ".running_mean").data()[c]))
                      .margin(0.1 * std::sqrt(v)));
            CHECK(static_cast<double>(variance.data()[c]) == Approx(v).epsilon(0.15).margin(1e-4));
        }
    }
    options.rounding.settle = 0;  // from the first step on they are what they are
    CHECK((tc::fit<net>(spoilt, data, options).weights.at("norm2.running_mean") == spoilt.at("norm2.running_mean")));
}

// What a sign stands for is measured behind statistics that are far from right, and moves them.
TEST_CASE("behind signs statistics are those of what the signs stand for in the end", "[fit_net]") {
    using net = tc::net<of_both_signs, of_signs>;
    const auto data = digits(200);
    auto spoilt = trained<of_both_signs>();
    for (const char* norm : {"norm1", "norm2", "norm3"}) spoilt.at(std::string(norm) + ".running_var").fill(4.0f);
    auto options = short_training();
    options.optimizer = tc::adam{.rate = 0};
    options.norm_momentum = 0;
    options.rounding.settle = 0.5;
    const auto f = tc::fit<net>(spoilt, data, options);

    tc::trainer<of_both_signs> trainer(tc::dequantize<of_both_signs>(f.weights, f.rounded), 1);
    auto roundings = tc::deployed_forward<net>::roundings(f.ranges);
    for (auto& r : roundings) r.rounds = false;
    tc::trainer<of_both_signs>::pass_options pass;
    pass.rounding = roundings.data();
    pass.norm_momentum = 1;
    trainer.measure_norms(static_cast<int>(data.size()), copy_of(data), pass);
    for (const char* norm : {"norm2.running_var", "norm3.running_var"}) {
        const auto now = trainer.weights();
        const auto &stored = f.weights.at(norm), &right = now.at(norm);
        double ratio = 0;
        for (std::size_t c = 0; c < stored.size(); ++c)
            ratio += static_cast<double>(right.data()[c]) / static_cast<double>(stored.data()[c]) /
                     static_cast<double>(stored.size());
        INFO(norm);
        CHECK(ratio == Approx(1).margin(0.05));
    }
}

}  // namespace training_nets
