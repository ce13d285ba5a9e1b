// SPDX-License-Identifier: MIT
#include <compress/graph/builder.hpp>
#include <compress/train/steps.hpp>

#include <compress/train/trainer.hpp>

#include <numeric>

#include "../catch.hpp"
#include "../numbers.hpp"

// What training does with a dropout. The other operators are checked by their gradients.

namespace tc = tensor_compress;

namespace {

inline constexpr auto dropped = tc::make_model([](auto& g) {
    auto x = g.dropout("drop_input", g.input("vector", {20}), 0.25f);
    x = g.dropout("drop", g.linear("hidden", x, 33), 0.5f);
    g.output("sum", g.linear("head", x, 2));
    g.output("skip", x);
});

using trainer = tc::trainer<dropped>;
constexpr int records = 11;

/// The mean over the records of the sum of the outputs' values times (1, 2, 3, ...); all values of `skip` in their
/// order.
double run(trainer& trained, std::uint64_t seed, std::vector<float>* skipped = nullptr) {
    const auto fill = [](int record, int, std::span<float> values) {
        tests::numbers random(static_cast<std::uint64_t>(record));
        for (float& v : values) v = random.real();
    };
    const auto loss = [&](auto& record) {
        double sum = 0;
        int factor = 0;
        for (std::size_t i = 0; i < 2; ++i)
            for (std::size_t k = 0; k < record.outputs[i].size(); ++k) {
                sum += ++factor * static_cast<double>(record.outputs[i][k]);
                record.gradients[i][k] = static_cast<float>(factor);
            }
        if (skipped != nullptr) skipped->insert(skipped->end(), record.outputs[1].begin(), record.outputs[1].end());
        return sum;
    };
    trainer::pass_options options;
    options.dropout_seed = seed;
    return trained.run(records, fill, loss, options);
}

}  // namespace

TEST_CASE("dropout leaves a share out and enlarges the rest", "[train]") {
    const std::vector<float> ones(10001, 1.0f);
    for (const float rate : {0.0f, 0.1f, 0.5f, 0.9f}) {
        std::vector<float> found(ones.size(), 5.0f), added(ones.size(), 5.0f);
        tc::drop_elements<false>(tc::random_stream(1, 2), rate, 10001, ones.data(), found.data());
        tc::drop_elements<true>(tc::random_stream(1, 2), rate, 10001, ones.data(), added.data());
        int dropped_ones = 0;
        for (std::size_t i = 0; i < ones.size(); ++i) {
            dropped_ones += found[i] == 0 ? 1 : 0;
            if (found[i] != 0) CHECK(found[i] == Approx(1 / (1 - rate)));
            CHECK(added[i] == 5.0f + found[i]);
        }
        CHECK(dropped_ones / 10001.0 == Approx(rate).margin(0.02));
    }
}

TEST_CASE("records, batches and dropouts each leave out others", "[train]") {
    trainer trained(tc::initial_weights<dropped>(1));
    std::vector<float> first, again, other;
    run(trained, 1, &first);
    run(trained, 1, &again);
    run(trained, 2, &other);
    CHECK(first == again);
    CHECK(first != other);
    int zeros = 0, same_as_before = 0;
    for (std::size_t i = 0; i < first.size(); ++i) {
        zeros += first[i] == 0 ? 1 : 0;
        if (i >= 33) same_as_before += (first[i] == 0) == (first[i - 33] == 0) ? 1 : 0;
    }
    CHECK(zeros / static_cast<double>(first.size()) == Approx(0.5).margin(0.1));
    CHECK(same_as_before / static_cast<double>(first.size()) == Approx(0.45).margin(0.1));
}

TEST_CASE("gradients go where values went", "[train]") {
    trainer trained(tc::initial_weights<dropped>(1));
    run(trained, 3);
    const std::vector<float> gradients(trained.gradients().begin(), trained.gradients().end());
    const std::span<float> parameters = trained.parameters();
    for (const tc::parameter_group& g : tc::parameter_groups<dropped>())
        for (int i = g.place; i < g.place + g.floats; i += 7) {
            const auto at = static_cast<std::size_t>(i);
            const float kept = parameters[at];
            parameters[at] = kept + 0.125f;
            const double high = run(trained, 3);
            parameters[at] = kept - 0.125f;
            const double low = run(trained, 3);
            parameters[at] = kept;
            INFO(g.tensor << ", place " << i);
            CHECK(static_cast<double>(gradients[at]) == Approx(4 * (high - low)).epsilon(1e-3).margin(2e-3));
        }
}

TEST_CASE("a prediction drops nothing", "[train]") {
    const auto weights = tc::initial_weights<dropped>(1);
    trainer trained(weights);
    tests::numbers random(5);
    std::vector<float> input(20);
    for (float& v : input) v = random.real();
    trained.predict(
        1, [&](int, int, std::span<float> values) { std::copy(input.begin(), input.end(), values.begin()); },
        [&](int, const auto& outputs) {
            for (std::size_t o = 0; o < 33; ++o) {
                double expected = 0;
                for (std::size_t i = 0; i < 20; ++i)
                    expected += static_cast<double>(weights.at("hidden.weight")(o, i) * input[i]);
                CHECK(outputs[1][o] == Approx(expected).margin(1e-5));
            }
        });
}

namespace {

constexpr int wide = 4 * 4 * 20;
template <bool Shown>
constexpr auto describe_signs = [](auto& g) {
    auto x = g.linear("stem", g.input("vector", {7}), wide);
    g.output("sum", g.conv2d("head", g.reshape("image", x, {4, 4, 20}), 9, 3, {.stride = 2}));
    if (Shown) g.output("read", x);
};
inline constexpr auto shown = tc::make_model(describe_signs<true>);
inline constexpr auto hidden = tc::make_model(describe_signs<false>);
inline constexpr auto head_alone = tc::make_model([](auto& g) {
    g.conv2d("head", g.input("image", {4, 4, 20}), 9, 3, {.stride = 2});
});

/// Gradients of one record by name, of the sum of outputs times (1, 2, 3, ...), and what each output is.
struct one_pass {
    tc::named_tensors gradients;
    std::vector<std::vector<float>> outputs;
};
template <const auto& Model>
one_pass pass_of(const tc::named_tensors& weights, std::span<const float> input, float sign_size) {
    tc::trainer<Model> trained(weights, 1);
    std::vector<tc::value_rounding> rounding(static_cast<std::size_t>(tc::training_graph<Model>::count));
    rounding[static_cast<std::size_t>(tc::training_graph<Model>::graph.find("head"))].sign_size = sign_size;
    one_pass found{weights, {}};
    typename tc::trainer<Model>::pass_options options;
    options.rounding = rounding.data();
    trained.run(
        1, [&](int, int, std::span<float> to) { std::copy(input.begin(), input.end(), to.begin()); },
        [&](auto& record) {
            for (const auto output : record.outputs) found.outputs.emplace_back(output.begin(), output.end());
            std::iota(record.gradients[0].begin(), record.gradients[0].end(), 1.0f);
            return 0.0;
        },
        options);
    tc::from_parameters<Model>(trained.gradients(), found.gradients);
    return found;
}

void expect_near(const tc::array<float>& found, const tc::array<float>& expected) {
    REQUIRE(found.size() == expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) CHECK(found.data()[i] == Approx(expected.data()[i]).margin(1e-3));
}

}  // namespace

TEST_CASE("the slope of a sign falls from 1.6 at zero to nothing at 1.25 mean sizes", "[train]") {
    const std::vector<float> values{0.0f, -0.0f, 1.0f, -1.0f, 2.49f, 2.5f, -3.0f, 0.5f, -0.5f};
    std::vector<float> signs(9, 7.0f), slopes(9, 7.0f), added(9, 7.0f);
    const std::vector<float> ones(9, 1.0f);
    tc::take_signs<tc::native, 9>(2.0f, values.data(), signs.data());
    CHECK(signs == std::vector<float>{2, 2, 2, -2, 2, 2, -2, 2, -2});
    tc::sign_gradient<tc::native, 9, false>(2.0f, values.data(), ones.data(), slopes.data());
    tc::sign_gradient<tc::native, 9, true>(2.0f, values.data(), ones.data(), added.data());
    const double expected[] = {1.6, 1.6, 0.96, 0.96, 0.0064, 0, 0, 1.28, 1.28};
    for (std::size_t i = 0; i < 9; ++i) {
        CHECK(slopes[i] == Approx(expected[i]).margin(1e-6));
        CHECK(added[i] == Approx(7 + expected[i]).margin(1e-6));
    }
}

// The gradient of what the head reads does not depend on what it reads: without signs it is that of the stem's biases.
TEST_CASE("a layer of signs multiplies signs, and its input gets their slope", "[train]") {
    const tc::named_tensors weights = tc::initial_weights<hidden>(3);
    std::vector<float> input(7);
    tests::numbers random(5);
    for (float& v : input) v = random.real();
    const float size = 0.75f;
    const one_pass plain = pass_of<shown>(weights, input, 0), of_shown = pass_of<shown>(weights, input, size),
                   of_hidden = pass_of<hidden>(weights, input, size);
    const std::vector<float>& read = plain.outputs[1];
    std::vector<float> signs;
    for (const float v : read) signs.push_back(v >= 0 ? size : -size);
    const one_pass alone = pass_of<head_alone>(
        {{"head.weight", weights.at("head.weight")}, {"head.bias", weights.at("head.bias")}}, signs, 0);

    tc::array<float> slope = plain.gradients.at("stem.bias");
    int inside = 0;
    for (std::size_t i = 0; i < wide; ++i) {
        const float factor = std::max(0.0f, 1.6f - 1.28f * std::abs(read[i]) / size);
        inside += factor > 0 ? 1 : 0;
        slope.data()[i] *= factor;
    }
    REQUIRE(inside > wide / 4);
    REQUIRE(inside < wide);
    CHECK(of_hidden.outputs[0] == alone.outputs[0]);
    CHECK(of_shown.outputs[0] == alone.outputs[0]);
    CHECK(of_shown.outputs[1] == read);
    for (const one_pass* found : {&of_hidden, &of_shown}) {
        expect_near(found->gradients.at("head.weight"), alone.gradients.at("head.weight"));
        expect_near(found->gradients.at("head.bias"), alone.gradients.at("head.bias"));
        expect_near(found->gradients.at("stem.bias"), slope);
    }
}

namespace {

/// Layers whose records are rows of one product, and one whose are not.
inline constexpr auto joined = tc::make_model([](auto& g) {
    auto x = g.conv2d("stem", g.input("image", {4, 3, 5}), 34, {3, 3});
    x = g.conv2d("point", x, 37, {1, 1});
    x = g.conv2d("wide", x, 20, {3, 3});
    g.linear("head", g.flatten(x), 6);
});

}  // namespace

TEST_CASE("gradients of signs are the same for records together and one by one", "[train]") {
    constexpr int count = tc::training_graph<joined>::chunk + 3;  // the last chunk is not full
    const tc::named_tensors weights = tc::initial_weights<joined>(4);
    std::vector<tc::value_rounding> rounding(static_cast<std::size_t>(tc::training_graph<joined>::count));
    for (const char* label : {"point", "wide", "head"})
        rounding[static_cast<std::size_t>(tc::training_graph<joined>::graph.find(label))].sign_size = 0.6f;
    const auto gradients_of = [&](int first, int size) {
        tc::trainer<joined> trained(weights, 1);
        tc::trainer<joined>::pass_options options;
        options.rounding = rounding.data();
        trained.run(
            size,
            [&](int index, int, std::span<float> to) {
                tests::numbers random(static_cast<std::uint64_t>(first + index));
                for (float& v : to) v = random.real();
            },
            [](auto& record) {
                std::iota(record.gradients[0].begin(), record.gradients[0].end(), -2.0f);
                return 0.0;
            },
            options);
        return std::vector<float>(trained.gradients().begin(), trained.gradients().end());
    };
    const auto together = gradients_of(0, count);
    std::vector<double> sum(together.size());
    for (int i = 0; i < count; ++i) {
        const auto own = gradients_of(i, 1);
        for (std::size_t k = 0; k < sum.size(); ++k) sum[k] += static_cast<double>(own[k]) / count;
    }
    double largest = 0;
    for (std::size_t k = 0; k < sum.size(); ++k) {
        REQUIRE(static_cast<double>(together[k]) == Approx(sum[k]).margin(1e-4));
        largest = std::max(largest, std::abs(sum[k]));
    }
    CHECK(largest > 0.1);
}
