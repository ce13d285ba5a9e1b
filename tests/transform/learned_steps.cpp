// SPDX-License-Identifier: MIT
#include <compress/transform/learned_steps.hpp>

#include <set>

#include <compress/tensor/thread_pool.hpp>
#include <compress/transform/gptq.hpp>

#include "../catch.hpp"
#include "smooth_problem.hpp"

namespace learning {

namespace tc = tensor_compress;
using Catch::Matchers::ContainsSubstring;
using tests::residual_model;

inline constexpr tc::recipe every_int8{tc::int8};
inline constexpr tc::recipe every_int4{tc::int4};
inline constexpr tc::recipe every_int2{tc::int2};
inline constexpr tc::recipe every_ternary{tc::ternary};
inline constexpr tc::recipe every_binary{tc::binary};
inline constexpr auto grouped_and_sparse =
    tc::recipe{tc::int4}.with("head", tc::int4 | tc::group<8>).with("back", tc::int4 | tc::n_of_m<2, 4>);
inline constexpr tc::recipe every_table{tc::int8 | tc::codebook<2>};
inline constexpr auto of_both_kinds =
    tc::recipe{tc::fp32}.with("stem", tc::weight_only(tc::int4)).with("grouped", tc::int2);

/// Weights of which some channels are multiplied by a negative scale on their way.
tc::named_tensors some_weights(std::uint64_t seed = 3) {
    auto weights = tests::smooth_problem(residual_model, seed, 0.4f, 1).weights;
    for (const std::size_t channel : {1u, 4u}) weights.at("norm.weight").data()[channel] *= -1;
    return weights;
}

/// What the layers are to be rounded to at first, by the functions that conversion uses.
template <class Net, const tc::node& Trained>
void expect_nearest(const tc::rounded_layers& found, const tc::named_tensors& weights) {
    using rounding = tc::detail::rounding_of<Net, Trained>;
    auto e = tc::effective_weights_of(Net::model, rounding::n, weights);
    if constexpr (tc::zero_sparsity<typename rounding::sparsity>)
        tc::keep_largest(e.weights,
                         tc::cells_of<typename rounding::precision, typename rounding::sparsity, rounding::geometry>());
    const tc::rounded_layer& layer = found.at(tc::text_of(rounding::n.name));
    CHECK(layer.bias == e.bias);
    REQUIRE(layer.weights.size() == e.weights.size());
    const auto format = tc::weight_format_of<typename rounding::precision, rounding::geometry>();
    for (std::size_t o = 0; o < e.outputs; ++o) {
        std::vector<std::int8_t> expected(e.terms);
        const double scale = tc::round_weights(e.row(o), format, 0, expected);
        CHECK(layer.scales[o] == Approx(scale).epsilon(1e-5));
        for (std::size_t k = 0; k < e.terms; ++k) {
            CAPTURE(rounding::n.name.text, o, k);
            CHECK(layer.weights[o * e.terms + k] == expected[k]);
        }
    }
}

template <const auto& Recipe>
void expect_nearest_at_first(int layers) {
    using net = tc::net<residual_model, Recipe>;
    const auto weights = some_weights();
    const tc::learned_steps<net::model> steps(weights, tc::roundings_of<net>(weights));
    const auto found = steps.rounded(weights);
    CHECK(static_cast<int>(found.size()) == layers);
    tc::detail::for_each_trained<residual_model>([&]<int Id>() {
        constexpr const auto& nodes = tc::detail::trained_graph<residual_model>.nodes;
        if constexpr (tc::is_product(nodes[Id].kind))
            if constexpr (tc::detail::rounding_of<net, nodes[Id]>::rounds)
                expect_nearest<net, nodes[Id]>(found, weights);
    });
}

TEST_CASE("steps begin with those of rounding to nearest", "[transform]") {
    SECTION("int8") { expect_nearest_at_first<every_int8>(5); }
    SECTION("int4") { expect_nearest_at_first<every_int4>(5); }
    SECTION("int2") { expect_nearest_at_first<every_int2>(5); }
    SECTION("ternary") { expect_nearest_at_first<every_ternary>(5); }
    SECTION("binary") { expect_nearest_at_first<every_binary>(5); }
    SECTION("groups, and zeros in a pattern") { expect_nearest_at_first<grouped_and_sparse>(5); }
    SECTION("layers that stay in floating point are not rounded") { expect_nearest_at_first<of_both_kinds>(2); }
}

/// used[] by name: a model with these weights computes what the integers stand for.
template <const auto& Model>
tc::named_tensors used_weights(const tc::learned_steps<Model>& steps, const tc::named_tensors& weights) {
    const auto parameters = tc::to_parameters<Model>(weights);
    auto used = parameters;
    steps.round(parameters, used, tc::thread_pool(2));
    auto result = weights;
    tc::from_parameters<Model>(used, result);
    return result;
}

template <const auto& Recipe>
void expect_used_is_what_integers_stand_for() {
    using net = tc::net<residual_model, Recipe>;
    const auto weights = some_weights();
    const tc::learned_steps<net::model> steps(weights, tc::roundings_of<net>(weights));
    const auto used = used_weights(steps, weights);
    const auto expected = tc::dequantize<residual_model>(weights, steps.rounded(weights));
    for (const auto& [name, tensor] : expected) {
        CAPTURE(name);
        for (std::size_t i = 0; i < tensor.size(); ++i)
            CHECK(used.at(name).data()[i] == Approx(tensor.data()[i]).epsilon(1e-4).margin(1e-6));
    }
}

TEST_CASE("training computes with what the integers stand for", "[transform]") {
    SECTION("int8") { expect_used_is_what_integers_stand_for<every_int8>(); }
    SECTION("int2, whose grid is not symmetric") { expect_used_is_what_integers_stand_for<every_int2>(); }
    SECTION("binary") { expect_used_is_what_integers_stand_for<every_binary>(); }
    SECTION("groups, and zeros in a pattern") { expect_used_is_what_integers_stand_for<grouped_and_sparse>(); }
    SECTION("tables") { expect_used_is_what_integers_stand_for<every_table>(); }
}

// A layer of two outputs with three terms: every gradient from its equation, by hand.
inline constexpr auto tiny = tc::make_model([](auto& g) { g.linear("only", g.input("vector", {3}), 2); });

TEST_CASE("gradients go through the rounding, and to the steps", "[transform]") {
    using net = tc::net<tiny, every_int2>;  // levels -2, -1, 0, 1
    tc::named_tensors weights{{"only.weight", tc::make_array<float>({2, 3})},
                              {"only.bias", tc::make_array<float>({2})}};
    const float start[] = {0.5f, -1.0f, 0.5f, 0.25f, -0.5f, 0.25f};
    std::copy(std::begin(start), std::end(start), weights.at("only.weight").data());
    tc::learned_steps<net::model> steps(weights, tc::roundings_of<net>(weights));
    REQUIRE(steps.rounded(weights).at("only").scales[0] * 64 == Approx(0.5));  // rows that lie on the grid
    REQUIRE(steps.rounded(weights).at("only").scales[1] * 64 == Approx(0.25));

    // Away from the grid, beyond its ends on both sides.
    const float moved[] = {0.9f, -1.3f, 0.1f, -0.3f, 0.3f, 0.2f};
    std::copy(std::begin(moved), std::end(moved), weights.at("only.weight").data());
    const float gradients[] = {-3, 2, 5, 1, -4, 7};
    tc::named_tensors gradient_tensors = weights;
    std::copy(std::begin(gradients), std::end(gradients), gradient_tensors.at("only.weight").data());
    auto packed = tc::to_parameters<tiny>(gradient_tensors);
    steps.differentiate(tc::to_parameters<tiny>(weights), packed, tc::serial{});
    tc::from_parameters<tiny>(packed, gradient_tensors);
    // 0.9 / 0.5 is above 1 and a negative gradient would lift it further; -1.3 / 0.5 below -2 and a positive one would
    // push it further; 0.3 / 0.25 is above as well.
    const float expected[] = {0, 0, 5, 1, 0, 7};
    for (std::size_t i = 0; i < 6; ++i) {
        CAPTURE(i);
        CHECK(gradient_tensors.at("only.weight").data()[i] == expected[i]);
    }
    // SGD at rate 1 moves the logarithm of each step by its gradient, divided by sqrt(terms * highest level) and by the
    // step once more than the chain rule has it: a step moves by the gradient that the equation gives.
    steps.update(tc::sgd{.rate = 1, .momentum = 0}, 1, tc::serial{});
    const double of_first = (-3 * 1.0 + 2 * -2.0 + 5 * (0 - 0.2)) / 0.5 / std::sqrt(3.0);
    const double of_second = (1 * (-1 + 1.2) + -4 * 1.0 + 7 * (1 - 0.8)) / 0.25 / std::sqrt(3.0);
    const auto scales = steps.rounded(weights).at("only").scales;
    CHECK(std::log(scales[0] * 64 / 0.5f) == Approx(-of_first).epsilon(1e-4));
    CHECK(std::log(scales[1] * 64 / 0.25f) == Approx(-of_second).epsilon(1e-4));
}

/// Rows of one size each: in steps of a 32nd of their root mean square -32 and 32.
tc::named_tensors two_values() {
    tc::named_tensors weights{{"only.weight", tc::make_array<float>({2, 3})},
                              {"only.bias", tc::make_array<float>({2})}};
    const float start[] = {-2, -2, 2, 4, 4, -4};
    std::copy(std::begin(start), std::end(start), weights.at("only.weight").data());
    return weights;
}

TEST_CASE("values of a table get the gradients of the weights that they stand for", "[transform]") {
    using net = tc::net<tiny, every_table>;
    auto weights = two_values();
    const auto roundings = tc::roundings_of<net>(weights);
    tc::learned_steps<net::model> steps(weights, roundings);
    const auto before = steps.rounded(weights).at("only");
    CHECK(before.weights == std::vector<std::int8_t>{-32, -32, 32, 32, 32, -32});
    CHECK(before.scales[0] * 32 == Approx(2));
    CHECK(before.scales[1] * 32 == Approx(4));

    // Of the second row the first weight has come nearer to the lower value, the last beyond it.
    const float moved[] = {-1.9f, -1.8f, 1.9f, -1, 3.5f, -5};
    std::copy(std::begin(moved), std::end(moved), weights.at("only.weight").data());
    CHECK(steps.rounded(weights).at("only").weights == std::vector<std::int8_t>{-32, -32, 32, -32, 32, -32});
    const float gradients[] = {1, 2, 3, 5, 7, 11};
    tc::named_tensors gradient_tensors = weights;
    std::copy(std::begin(gradients), std::end(gradients), gradient_tensors.at("only.weight").data());
    auto packed = tc::to_parameters<tiny>(gradient_tensors);
    steps.differentiate(tc::to_parameters<tiny>(weights), packed, tc::serial{});
    tc::from_parameters<tiny>(packed, gradient_tensors);
    const float expected[] = {1, 2, 3, 5, 7, 0};  // it would be pushed further
    for (std::size_t i = 0; i < 6; ++i) CHECK(gradient_tensors.at("only.weight").data()[i] == expected[i]);

    // In units of 32 steps a value moves by the sum of gradient * 32 * step over its weights, divided by the square
    // root of the six that share the table.
    const double rate = 0.01;
    steps.update(tc::sgd{.rate = rate, .momentum = 0}, 1, tc::serial{});
    tc::named_tensors learned;
    steps.store(learned);
    const float* table = learned.at("only.table").data();
    REQUIRE(learned.at("only.table").size() == 2);
    CHECK(table[0] == Approx(-1 - rate * (2 * (1 + 2) + 4 * (5 + 11)) / std::sqrt(6.0)));
    CHECK(table[1] == Approx(1 - rate * (2 * 3 + 4 * 7) / std::sqrt(6.0)));
    // As of a grid whose level is the root mean square, 32 steps.
    const double of_first = (1 * (-32 + 30.4) + 2 * (-32 + 28.8) + 3 * (32 - 30.4)) / (32 * 2 * std::sqrt(3.0));
    CHECK(learned.at("only.step").data()[0] == Approx(std::log(2.0 / 32) - rate * of_first));
    const auto after = steps.rounded(weights).at("only").weights;
    const auto low = static_cast<std::int8_t>(std::nearbyint(32 * table[0]));
    const auto high = static_cast<std::int8_t>(std::nearbyint(32 * table[1]));
    CHECK(low != -32);
    CHECK(std::count(after.begin(), after.end(), low) > 1);
    CHECK(std::count(after.begin(), after.end(), low) + std::count(after.begin(), after.end(), high) == 6);

    tc::learned_steps<net::model> again(weights, roundings);
    again.take(learned, "here");
    CHECK(again.rounded(weights).at("only").weights == after);
    learned = two_values();
    steps.store(learned);
    learned.erase("only.table");
    CHECK_THROWS_WITH(again.take(learned, "there"), ContainsSubstring("there: has no table of layer only"));
}

TEST_CASE("the table of a layer with a mask holds a zero, which stays", "[transform]") {
    using net = tc::net<tiny, every_table>;
    auto weights = two_values();
    tc::named_tensors masks{{"only.weight", tc::make_array<float>({2, 3})}};
    masks.at("only.weight").fill(1);
    masks.at("only.weight").data()[0] = masks.at("only.weight").data()[5] = 0;
    tc::learned_steps<net::model> steps(weights, tc::roundings_of<net>(weights), &masks);
    auto gradients = tc::to_parameters<tiny>(weights);
    steps.differentiate(tc::to_parameters<tiny>(weights), gradients, tc::serial{});
    steps.update(tc::sgd{.rate = 0.01, .momentum = 0}, 1, tc::serial{});
    const auto rounded = steps.rounded(weights).at("only").weights;
    CHECK(rounded[0] == 0);
    CHECK(rounded[5] == 0);
    CHECK(rounded[1] < 0);  // the table has room for a zero beside its two values
    CHECK(rounded[2] == rounded[3]);
    CHECK(rounded[2] > 0);
}

TEST_CASE("of a full table the smallest value becomes the zero", "[transform]") {
    using net = tc::net<tiny, every_table>;
    auto weights = two_values();
    const float start[] = {-3, -1, 1.5f, -1, 1.5f, 2.5f};
    std::copy(std::begin(start), std::end(start), weights.at("only.weight").data());
    tc::named_tensors masks{{"only.weight", tc::make_array<float>({2, 3})}};
    masks.at("only.weight").fill(1);
    masks.at("only.weight").data()[1] = 0;
    const auto rounded =
        tc::learned_steps<net::model>(weights, tc::roundings_of<net>(weights), &masks).rounded(weights).at("only");
    const std::set<int> values(rounded.weights.begin(), rounded.weights.end());
    CHECK(values.size() <= 4);
    CHECK(rounded.weights[1] == 0);
    CHECK(rounded.weights[0] < -30);
    CHECK(rounded.weights[5] > 30);
}

TEST_CASE("a weight that a pattern leaves out has no gradient and stays out", "[transform]") {
    using net = tc::net<residual_model, grouped_and_sparse>;
    auto weights = some_weights();
    tc::learned_steps<net::model> steps(weights, tc::roundings_of<net>(weights));
    const auto before = steps.rounded(weights).at("back").weights;
    tc::named_tensors ones = weights;
    for (auto& [name, tensor] : ones) std::fill_n(tensor.data(), tensor.size(), 1.0f);
    auto gradients = tc::to_parameters<residual_model>(ones);
    steps.differentiate(tc::to_parameters<residual_model>(weights), gradients, tc::serial{});
    tc::from_parameters<residual_model>(gradients, ones);
    int without = 0;
    auto& layer = weights.at("back.weight");
    for (std::size_t i = 0; i < before.size(); ++i) {
        const bool left_out = ones.at("back.weight").data()[i] == 0 && before[i] == 0;
        without += left_out ? 1 : 0;
        if (left_out) layer.data()[i] = 100;  // would be the largest now
    }
    CHECK(without == 32);  // half of 8 x 8
    const auto after = steps.rounded(weights).at("back").weights;
    CHECK(after == before);
}

TEST_CASE("steps go into a checkpoint and come back", "[transform]") {
    using net = tc::net<residual_model, every_int4>;
    const auto weights = some_weights(1), others = some_weights(2);
    const tc::learned_steps<net::model> steps(weights, tc::roundings_of<net>(weights));
    auto stored = weights;
    steps.store(stored);
    CHECK(stored.size() == weights.size() + 5);
    tc::learned_steps<net::model> again(others, tc::roundings_of<net>(others));
    REQUIRE(again.rounded(weights).at("stem").scales != steps.rounded(weights).at("stem").scales);
    again.take(stored, "here");
    CHECK(stored.size() == weights.size());
    for (const auto& [label, layer] : steps.rounded(weights)) {
        CHECK(again.rounded(weights).at(label).scales == layer.scales);
        CHECK(again.rounded(weights).at(label).weights == layer.weights);
    }
    CHECK_THROWS_WITH(again.take(stored, "there"),
                      ContainsSubstring("there") && ContainsSubstring("no steps of layer"));
}

}  // namespace learning
