// SPDX-License-Identifier: MIT
#include <compress/transform/reestimate_norms.hpp>

#include <compress/graph/builder.hpp>

#include "../train/finite_differences.hpp"

namespace norms_on_records {

namespace tc = tensor_compress;

/// Norms behind every product, two in a row, behind a constant, and three that have nothing to be folded into.
inline constexpr auto normed = tc::make_model([](auto& g) {
    auto x = g.batch_norm("of input", g.input("image", {8, 7, 3}));
    x = g.relu(g.batch_norm("one", g.conv2d("stem", x, 8, {3, 3}, {.bias = false})));
    auto y = g.batch_norm("two", g.depthwise_conv2d("deep", x, {3, 3}), 1e-3f);
    x = g.batch_norm("of sum", g.add("sum", y, x));
    x = g.batch_norm("again", g.batch_norm("of relu", g.relu(x)));
    x = g.mul("scaled", g.conv2d("wide", x, 6, {3, 3}, {.stride = 2, .groups = 2}), g.constant("factor", {6}));
    x = g.relu(g.batch_norm("five", g.batch_norm("four", x)));
    x = g.linear("hidden", g.flatten(x), 9);
    g.linear("head", g.relu(g.batch_norm("of rows", x)), 3);
});
/// In double precision, norm after norm: mean and variance of what it reads, over all records and pixels.
template <int Capacity>
void expect_statistics(const tc::model<Capacity>& m, std::vector<tests::numbers> all,
                       const std::vector<std::vector<tests::tensor>>& records, const tc::named_tensors& found) {
    for (int id = 0; id < m.count; ++id) {
        if (m[id].kind != tc::op::batch_norm) continue;
        const std::string name = tc::text_of(m[id].name);
        const auto channels = static_cast<std::size_t>(m[id].output.channels());
        std::vector<tests::tensor> by_channel(channels);
        for (const auto& inputs : records) {
            const tests::tensor read = evaluate(m, all, inputs)[static_cast<std::size_t>(m[id].inputs[0])];
            for (std::size_t i = 0; i < read.size(); ++i) by_channel[i % channels].push_back(read[i]);
        }
        for (std::size_t c = 0; c < channels; ++c) {
            double mean = 0, variance = 0;
            const auto count = static_cast<double>(by_channel[c].size());
            for (const double v : by_channel[c]) mean += v / count;
            for (const double v : by_channel[c]) variance += (v - mean) * (v - mean) / (count - 1);
            INFO(name << ' ' << c);
            CHECK(static_cast<double>(found.at(name + ".running_mean")(c)) == Approx(mean).epsilon(1e-4).margin(1e-4));
            CHECK(static_cast<double>(found.at(name + ".running_var")(c)) == Approx(variance).epsilon(1e-3));
            auto& own = all[static_cast<std::size_t>(id)];
            own.mean[c] = static_cast<float>(mean);
            own.variance[c] = static_cast<float>(variance);
        }
    }
}

struct problem {
    std::vector<tests::numbers> all = tests::numbers_for(normed, 3);
    std::vector<std::vector<tests::tensor>> inputs;
    std::vector<std::vector<float>> records;

    problem() {
        for (unsigned r = 0; r < 12; ++r) {
            inputs.push_back(tests::inputs_for(normed, 50 + r));
            records.emplace_back(inputs.back()[0].begin(), inputs.back()[0].end());
        }
    }
    tc::named_tensors weights() const { return tests::tensors_of(normed, all); }
};

TEST_CASE("norms get the statistics of what they read, those behind see the new ones before", "[transform]") {
    const problem p;
    const auto before = p.weights(), found = tc::reestimate_norms<normed>(before, p.records);
    expect_statistics(normed, p.all, p.inputs, found);
    for (const auto& [name, tensor] : before) {
        INFO(name);
        CHECK((found.at(name) == tensor) == (name.find(".running_") == std::string::npos));
    }
    CHECK((tc::reestimate_norms<normed>(found, p.records) == found));
}

TEST_CASE("what the statistics were before does not matter", "[transform]") {
    const problem p;
    auto broken = p.weights();
    for (const char* norm : {"one", "of relu", "five"}) {
        broken.at(std::string(norm) + ".running_var").fill(-4.0f);
        broken.at(std::string(norm) + ".running_mean").fill(1e6f);
    }
    CHECK((tc::reestimate_norms<normed>(broken, p.records) == tc::reestimate_norms<normed>(p.weights(), p.records)));
}

TEST_CASE("a channel that became constant gives its norm's beta", "[transform]") {
    const problem p;
    auto weights = p.weights();
    std::fill_n(weights.at("stem.weight").data(), 27, 0.0f);
    const auto found = tc::reestimate_norms<normed>(weights, p.records);
    CHECK(found.at("one.running_mean")(0) == 0);
    CHECK(found.at("one.running_var")(0) == 0);
    const auto e = tc::effective_weights_of(normed, tc::net<normed>::graph[tc::net<normed>::graph.find("stem")], found);
    CHECK(e.bias[0] == found.at("one.bias")(0));
}

TEST_CASE("re-estimation asks for records and for weights that fit the model", "[transform]") {
    const problem p;
    CHECK_THROWS_WITH(tc::reestimate_norms<normed>(p.weights(), std::vector<std::vector<float>>{}),
                      Catch::Matchers::ContainsSubstring("no records"));
    CHECK_THROWS_WITH(tc::reestimate_norms<normed>(p.weights(), std::vector<std::vector<float>>{{1, 2}}),
                      Catch::Matchers::ContainsSubstring("2 values for an input of 168"));
    auto weights = p.weights();
    weights.erase("two.running_var");
    CHECK_THROWS_WITH(tc::reestimate_norms<normed>(weights, p.records),
                      Catch::Matchers::ContainsSubstring("no two.running_var [8]"));
}

}  // namespace norms_on_records
