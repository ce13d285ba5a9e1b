// SPDX-License-Identifier: MIT
#include <compress/transform/mixed_precision.hpp>

#include <fstream>
#include <iterator>

#include <compress/io/emit_header.hpp>
#include <compress/tensor/records.hpp>

#include "../catch.hpp"
#include "smooth_problem.hpp"

namespace tc = tensor_compress;

namespace mixed_formats {

using tests::residual_model;
// clang-format off
inline constexpr auto written =
#include "mixed_precision.inc"
    ;
// clang-format on

tc::format_cost cost(const char* precision, long long bytes, double error) {
    return {precision, "dense", bytes, error};
}

/// Up to five layers of up to four formats, of sizes and errors without any order.
tc::sensitivities random_costs(tests::numbers& random) {
    tc::sensitivities costs;
    costs.other_bytes = random.between(0, 50);
    const int layers = random.between(1, 5);
    for (int i = 0; i < layers; ++i) {
        costs.layers.push_back({std::string(1, static_cast<char>('a' + i)), {}});
        const int formats = random.between(1, 4);
        for (int f = 0; f < formats; ++f)
            costs.layers.back().formats.push_back(
                cost("int8", 16 * random.between(1, 20), static_cast<double>(random.between(1, 40)) / 8));
    }
    return costs;
}

/// f(bytes, error) for every choice.
template <class F>
void for_each_choice(const tc::sensitivities& costs, const F& f, std::size_t layer = 0, long long bytes = 0,
                     double error = 0) {
    if (layer == costs.layers.size()) return f(bytes + costs.other_bytes, error);
    for (const tc::format_cost& c : costs.layers[layer].formats)
        for_each_choice(costs, f, layer + 1, bytes + c.bytes, error + c.error);
}

/// The sums of a choice are those of its layers, which have formats that were to choose from.
void check_sums(const tc::sensitivities& costs, const tc::format_choice& choice) {
    REQUIRE(choice.layers.size() == costs.layers.size());
    long long bytes = costs.other_bytes;
    double error = 0;
    for (std::size_t i = 0; i < choice.layers.size(); ++i) {
        const auto& formats = costs.layers[i].formats;
        const tc::format_cost& chosen = choice.layers[i].format;
        CHECK(choice.layers[i].label == costs.layers[i].label);
        CHECK(std::any_of(formats.begin(), formats.end(), [&](const tc::format_cost& c) {
            return c.bytes == chosen.bytes && c.error == chosen.error;
        }));
        bytes += chosen.bytes;
        error += chosen.error;
    }
    CHECK(choice.bytes == bytes);
    CHECK(choice.error == Approx(error));
}

}  // namespace mixed_formats

using namespace mixed_formats;

TEST_CASE("no other choice within the bytes has less error", "[transform]") {
    tests::numbers random(1);
    for (int trial = 0; trial < 200; ++trial) {
        const auto costs = random_costs(random);
        const long long budget = random.between(16, 1200);
        double least = std::numeric_limits<double>::infinity();
        long long fewest = std::numeric_limits<long long>::max();
        for_each_choice(costs, [&](long long bytes, double error) {
            if (bytes <= budget) least = std::min(least, error);
            fewest = std::min(fewest, bytes);
        });
        const auto choice = tc::choose_formats(costs, {.max_bytes = budget});
        check_sums(costs, choice);
        CHECK(choice.fits == (fewest <= budget));
        if (choice.fits)
            CHECK(choice.error == Approx(least));
        else
            CHECK(choice.bytes == fewest);
    }
}

TEST_CASE("no other choice within the error has fewer bytes", "[transform]") {
    tests::numbers random(2);
    for (int trial = 0; trial < 200; ++trial) {
        const auto costs = random_costs(random);
        const double budget = random.between(1, 200) / 16.0;
        double least = std::numeric_limits<double>::infinity();
        long long fewest = std::numeric_limits<long long>::max();
        for_each_choice(costs, [&](long long bytes, double error) {
            if (error <= budget) fewest = std::min(fewest, bytes);
            least = std::min(least, error);
        });
        const auto choice = tc::choose_formats(costs, {.max_error = budget});
        check_sums(costs, choice);
        CHECK(choice.fits == (least <= budget));
        if (choice.fits)
            CHECK(choice.bytes == fewest);
        else
            CHECK(choice.error == Approx(least));
    }
}

TEST_CASE("a budget that cannot be kept says how far off it is", "[transform]") {
    const tc::sensitivities costs{{{"a", {cost("int8", 100, 0), cost("int4", 60, 0.25)}}}, 12};
    const auto small = tc::choose_formats(costs, {.max_bytes = 64});
    CHECK(!small.fits);
    CHECK(small.layers[0].format.precision == "int4");
    CHECK(small.explanation == "the smallest formats take 72 bytes, 8 more than the budget of 64; give smaller formats "
                               "to choose from, or a larger budget");
    const auto both = tc::choose_formats(costs, {.max_bytes = 80, .max_error = 0.125});
    CHECK(!both.fits);
    CHECK(both.bytes == 72);
    CHECK(both.explanation == "the least error within the budget is 0.25, 0.125 more than the 0.125 asked for; give "
                              "larger formats to choose from, or more bytes");
    CHECK(tc::choose_formats(costs, {.max_bytes = 112, .max_error = 0.125}).explanation.empty());
    CHECK(tc::choose_formats(costs, {}).layers[0].format.precision == "int8");
    CHECK_THROWS_WITH(tc::choose_formats({{{"empty", {}}}, 0}, {}),
                      Catch::Matchers::ContainsSubstring("empty: no format to choose from"));
}

TEST_CASE("a format that measures worse than a smaller one is not taken", "[transform]") {
    const tc::sensitivities costs{{{"a", {cost("int8", 100, 0.002), cost("int4", 60, 0.001), cost("int2", 40, 0.5)}}},
                                  0};
    CHECK(tc::choose_formats(costs, {.max_bytes = 1000}).layers[0].format.precision == "int4");
    CHECK(tc::choose_formats(costs, {.max_error = 0.002}).layers[0].format.precision == "int4");
}

TEST_CASE("a choice is written as the recipe that it is", "[transform]") {
    tc::format_choice choice;
    for (const char* label : {"stem", "deep", "back", "grouped", "head"})
        choice.layers.push_back({label, cost("int4", 0, 0)});
    choice.layers[0].format.precision = "int8";
    choice.layers[3].format.precision = "int4/4";
    std::ifstream file(std::string(COMPRESS_SOURCE_DIR) + "/tests/transform/mixed_precision.inc");
    CHECK(tc::recipe_text(choice) + '\n' == std::string(std::istreambuf_iterator<char>(file), {}));
    CHECK(tc::recipe_text(choice) == tc::recipe_text(written));
    CHECK(tc::recipe_text(choice, "tc::") ==
          "tc::recipe{tc::int4}.with(\"stem\", tc::int8).with(\"grouped\", tc::int4 | tc::group<4>)");
    CHECK_THROWS_WITH(tc::recipe_text(tc::format_choice{}), Catch::Matchers::ContainsSubstring("without layers"));
}

TEST_CASE("a label with the signs of a pattern matches itself alone", "[transform]") {
    for (const char* label : {"a[1]*?", "[", "]", "plain/name", "a-b!"}) {
        const std::string pattern = tc::detail::pattern_of(label);
        CHECK(tc::glob_match(pattern.c_str(), label));
        CHECK(!tc::glob_match(pattern.c_str(), (std::string(label) + '1').c_str()));
        CHECK(!tc::glob_match(pattern.c_str(), "a1xy"));
    }
}

TEST_CASE("the net of a chosen recipe has the bytes and about the error of the choice", "[transform]") {
    const tests::smooth_problem p(residual_model, 7, 0.3f, 64);
    const tc::records records(p.images);
    const auto costs = tc::sensitivity<residual_model, tc::tag::int8, tc::tag::int4, decltype(tc::int4 | tc::group<4>)>(
        p.weights, records);
    using net = tc::net<residual_model, written>;
    tc::sensitivities as_written{{}, costs.other_bytes};
    for (const tc::layer_costs& layer : costs.layers) {
        const bool grouped = layer.label == "grouped";
        as_written.layers.push_back({layer.label, {layer.formats[layer.label == "stem" ? 0 : grouped ? 2 : 1]}});
    }
    const auto choice = tc::choose_formats(as_written, {});
    CHECK(choice.bytes == net::weights_bytes);
    const tc::records seen(xt::view(p.images, xt::range(0, 32))), held_out(xt::view(p.images, xt::range(32, 64)));
    const tc::output_judge<residual_model> judge(p.weights, held_out);
    const double error = judge(tc::dequantize<residual_model>(p.weights, tc::gptq<net>(p.weights, seen)));
    CHECK(error > choice.error / 4);
    CHECK(error < choice.error * 4);
}
