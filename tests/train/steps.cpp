// SPDX-License-Identifier: MIT
#include <compress/graph/builder.hpp>
#include <compress/train/steps.hpp>

#include <compress/train/trainer.hpp>

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
