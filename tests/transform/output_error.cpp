// SPDX-License-Identifier: MIT
#include <compress/transform/output_error.hpp>

#include <compress/tensor/records.hpp>

#include "../catch.hpp"
#include "smooth_problem.hpp"

namespace tc = tensor_compress;

namespace judged_outputs {

inline constexpr auto logits = tc::make_model([](auto& g) {
    auto x = g.relu(g.conv2d("conv", g.input("image", {6, 6, 2}), 8, {3, 3}));
    g.linear("head", g.flatten(x), 4);
});
inline constexpr auto probabilities = tc::make_model([](auto& g) {
    auto x = g.relu(g.conv2d("conv", g.input("image", {6, 6, 2}), 8, {3, 3}));
    g.softmax(g.linear("head", g.flatten(x), 4));
});

struct problem : tests::smooth_problem {
    tc::named_tensors changed;

    problem() : smooth_problem(logits, 3, 0.1f, 12), changed(weights) {
        tests::numbers random(4);
        for (float& w : changed.find("head.weight")->second) w += random.bell() * 0.02f;
    }
    std::vector<float> outputs(const tc::named_tensors& of) const {
        const auto packed = tc::convert<tc::net<logits>>(of);
        tc::runner<tc::net<logits>> run(packed);
        std::vector<float> all;
        for (const auto record : tc::records(images)) {
            const auto y = run(record);
            all.insert(all.end(), y.begin(), y.end());
        }
        return all;
    }
};

double share(const float* logits_of, int which) {
    double sum = 0;
    for (int k = 0; k < 4; ++k) sum += std::exp(static_cast<double>(logits_of[k]));
    return std::exp(static_cast<double>(logits_of[which])) / sum;
}

}  // namespace judged_outputs

using namespace judged_outputs;

TEST_CASE("the error of classes is the mean divergence from the float net's probabilities", "[transform]") {
    const problem p;
    const auto was = p.outputs(p.weights), is = p.outputs(p.changed);
    double divergence = 0;
    for (std::size_t i = 0; i < was.size(); i += 4)
        for (int k = 0; k < 4; ++k)
            divergence += share(&was[i], k) * std::log(share(&was[i], k) / share(&is[i], k)) / 12;
    const tc::records records(p.images);
    const tc::output_judge<logits> judge(p.weights, records);
    CHECK(judge(p.changed) == Approx(divergence).epsilon(1e-4));
    CHECK(divergence > 1e-3);
    CHECK(judge(p.weights) == Approx(0).margin(1e-12));
    // A softmax that ends the model changes nothing.
    CHECK(tc::output_judge<probabilities>(p.weights, records)(p.changed) == Approx(judge(p.changed)).epsilon(1e-9));
}

TEST_CASE("the error of values is squared, by the variance of the float net's outputs", "[transform]") {
    const problem p;
    const auto was = p.outputs(p.weights), is = p.outputs(p.changed);
    double squares = 0, variance = 0;
    for (std::size_t k = 0; k < 4; ++k) {
        double mean = 0;
        for (std::size_t i = k; i < was.size(); i += 4) mean += static_cast<double>(was[i]) / 12;
        for (std::size_t i = k; i < was.size(); i += 4) {
            squares += std::pow(static_cast<double>(is[i]) - static_cast<double>(was[i]), 2);
            variance += std::pow(static_cast<double>(was[i]) - mean, 2);
        }
    }
    const tc::records records(p.images);
    CHECK(tc::output_judge<logits>(p.weights, records, tc::output_kind::values)(p.changed) ==
          Approx(squares / variance).epsilon(1e-4));
}

TEST_CASE("outputs cannot be judged without records, or by records that are all alike", "[transform]") {
    const problem p;
    const tc::records none(tc::make_array<float>({0, 6, 6, 2})), one(tc::data_set{p.images, {}, 0}.slice(0, 1));
    CHECK_THROWS_WITH(tc::output_judge<logits>(p.weights, none), Catch::Matchers::ContainsSubstring("no records"));
    CHECK_THROWS_WITH(tc::output_judge<logits>(p.weights, one, tc::output_kind::values)(p.changed),
                      Catch::Matchers::ContainsSubstring("the same on all records"));
}
