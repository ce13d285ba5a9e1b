// SPDX-License-Identifier: MIT
#include <compress/transform/round_per_tensor.hpp>

#include <compress/tensor/records.hpp>
#include <compress/transform/calibrate.hpp>

#include "../catch.hpp"
#include "smooth_problem.hpp"

namespace one_step_a_layer {

namespace tc = tensor_compress;
using tests::residual_model;

inline constexpr tc::recipe all_int8{tc::int8};
inline constexpr auto mixed = tc::recipe{tc::int4}
                                  .with("stem", tc::fp32)
                                  .with("deep", tc::int8)
                                  .with("back", tc::int4 | tc::n_of_m<2, 4>)
                                  .with("grouped", tc::int4 | tc::group<4>)
                                  .with("head", tc::weight_only(tc::int4));
inline constexpr auto with_table = tc::recipe{tc::int8}.with("head", tc::int8 | tc::codebook<4>);
inline constexpr auto one_layer = tc::recipe{tc::fp32}.with("grouped", tc::weight_only(tc::int8));
using int8_net = tc::net<residual_model, all_int8>;
using mixed_net = tc::net<residual_model, mixed>;

struct problem : tests::smooth_problem {
    problem() : smooth_problem(residual_model, 11, 0.3f, 32) {}

    /// Output channel c of `grouped` times 3^(c % 4), and what `head` makes of it the same as before.
    void spread() {
        const auto factor = [](std::size_t c) { return std::pow(3.0f, static_cast<float>(c % 4)); };
        auto &w = weights.at("grouped.weight"), &b = weights.at("grouped.bias"), &next = weights.at("head.weight");
        for (std::size_t i = 0; i < w.size(); ++i) w.data()[i] *= factor(i / (w.size() / 12));
        for (std::size_t c = 0; c < 12; ++c) b.data()[c] *= factor(c);
        for (std::size_t i = 0; i < next.size(); ++i) next.data()[i] /= factor(i % 12);
    }
};

/// Squared distance of a net's outputs from those of the float net.
template <class Net>
double noise_of(const problem& p, const tc::rounded_layers& chosen) {
    const tc::records images(p.images);
    const auto packed = tc::convert<Net>(p.weights, tc::calibrate<residual_model>(p.weights, images), chosen);
    const auto original = tc::convert<tc::net<residual_model>>(p.weights);
    tc::runner<Net> run(packed);
    tc::runner<tc::net<residual_model>> expect(original);
    double sum = 0;
    for (const auto image : images) {
        const auto found = run(image), expected = expect(image);
        for (std::size_t k = 0; k < found.size(); ++k)
            sum += std::pow(static_cast<double>(found[k]) - static_cast<double>(expected[k]), 2);
    }
    return sum;
}

TEST_CASE("one step serves a whole layer: that of its largest weight", "[transform]") {
    const problem p;
    const auto chosen = tc::round_per_tensor<int8_net>(p.weights);
    CHECK(chosen.size() == 5);
    const auto& w = p.weights.at("head.weight");
    const tc::rounded_layer& head = chosen.find("head")->second;
    float largest = 0;
    for (const float v : w) largest = std::max(largest, std::abs(v));
    REQUIRE(head.scales.size() == 5);
    REQUIRE(head.weights.size() == w.size());
    for (const float scale : head.scales) CHECK(scale == Approx(largest / 127));
    for (std::size_t i = 0; i < w.size(); ++i)
        CHECK(std::abs(static_cast<float>(head.weights[i]) * head.scales[0] - w.data()[i]) <= 0.501f * head.scales[0]);
    const auto& bias = p.weights.at("head.bias");
    CHECK(std::equal(bias.begin(), bias.end(), head.bias.begin(), head.bias.end()));
    // What is folded into a layer is in its weights.
    const auto folded = chosen.find("stem")->second;
    CHECK(folded.bias.size() == 8);
    CHECK(std::any_of(folded.bias.begin(), folded.bias.end(), [](float b) { return b != 0; }));
}

TEST_CASE("one step a layer fits every format, and leaves float layers and tables alone", "[transform]") {
    const problem p;
    const auto chosen = tc::round_per_tensor<mixed_net>(p.weights);
    CHECK(chosen.size() == 4);
    CHECK(chosen.find("stem") == chosen.end());
    for (const auto& [name, layer] : chosen) {
        INFO(name);
        for (const float scale : layer.scales) CHECK(scale == layer.scales[0]);
        for (const std::int8_t level : layer.weights) CHECK((name == "deep" || level % 16 == 0));
    }
    const auto& pattern = chosen.find("back")->second.weights;  // of four neighbouring inputs at most two
    for (std::size_t i = 0; i < pattern.size(); i += 4)
        CHECK(std::count(pattern.begin() + static_cast<std::ptrdiff_t>(i),
                         pattern.begin() + static_cast<std::ptrdiff_t>(i + 4), std::int8_t{0}) >= 2);
    CHECK(noise_of<mixed_net>(p, chosen) < 2 * noise_of<mixed_net>(p, {}));
    CHECK(tc::round_per_tensor<tc::net<residual_model, with_table>>(p.weights).count("head") == 0);
}

TEST_CASE("one step a layer is worse where channels are not alike", "[transform]") {
    using net = tc::net<residual_model, one_layer>;  // all noise is that of its weights
    problem p;
    const double alike = noise_of<net>(p, tc::round_per_tensor<net>(p.weights)) / noise_of<net>(p, {});
    p.spread();
    const double spread = noise_of<net>(p, tc::round_per_tensor<net>(p.weights)) / noise_of<net>(p, {});
    CAPTURE(alike, spread);
    CHECK(alike > 1);
    CHECK(spread > 10 * alike);
}

TEST_CASE("one step a layer asks for weights that fit the model", "[transform]") {
    problem p;
    p.weights.erase("head.bias");
    CHECK_THROWS_WITH(tc::round_per_tensor<int8_net>(p.weights),
                      Catch::Matchers::ContainsSubstring("no head.bias [5]"));
}

}  // namespace one_step_a_layer
