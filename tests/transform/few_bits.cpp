// SPDX-License-Identifier: MIT

// Recipes with fewer bits, from float weights to the bytes of a run.

#include <compress/transform/convert.hpp>

#include <compress/evaluate/measure.hpp>
#include <compress/graph/builder.hpp>
#include <compress/io/emit_header.hpp>

#include "recipe_runs.hpp"

namespace few_bits {

namespace tc = tensor_compress;

inline constexpr auto written = tc::make_model([](auto& g) {
    auto x = g.relu(g.conv2d("stem", g.input("image", {8, 8, 3}), 16, 3));
    x = g.relu(g.depthwise_conv2d("depth", x, {3, 3}));
    x = g.relu(g.add("sum", g.conv2d("wide", x, 16, 3), x));
    x = g.relu(g.conv2d("narrow", x, 24, 1));
    x = g.relu(g.linear("hidden", g.flatten("flat", x), 20));
    g.linear("head", x, 6);
});
inline constexpr tc::recipe all_int8{tc::int8};
inline constexpr auto mixed = tc::recipe{tc::int8}
                                  .with("depth", tc::int4)
                                  .with("wide", tc::int3)
                                  .with("narrow", tc::binary)
                                  .with("hidden", tc::int4 | tc::group<32>)
                                  .with("head", tc::ternary);
inline constexpr tc::recipe all_int4{tc::int4};
inline constexpr auto floats = tc::recipe{tc::fp16}
                                   .with("depth", tc::bf16)
                                   .with("wide", tc::weight_only(tc::int8))
                                   .with("narrow", tc::bf16)
                                   .with("hidden", tc::weight_only(tc::int4))
                                   .with("head", tc::weight_only(tc::int4 | tc::group<4>));

template <const auto& Recipe, class Isa = tc::native>
std::vector<float> outputs() {
    return tests::outputs<written, Recipe, Isa>();
}

double noise_ratio_db(const std::vector<float>& expected, const std::vector<float>& found) {
    tc::noise_ratio ratio;
    for (std::size_t i = 0; i < expected.size(); ++i)
        ratio.add(static_cast<double>(expected[i]), static_cast<double>(found[i]));
    return ratio.decibels().value_or(1000);
}

TEST_CASE("fewer bits take fewer bytes", "[transform]") {
    using int8_net = tc::net<written, all_int8>;
    using int4_net = tc::net<written, all_int4>;
    using mixed_net = tc::net<written, mixed>;
    // All of a layer but its weights is the same.
    const auto bytes = [](auto net, int id) { return decltype(net)::table[static_cast<std::size_t>(id)].packed_bytes; };
    const int hidden = int8_net::node_count - 2;
    STATIC_REQUIRE(int8_net::node_count == int4_net::node_count);
    CHECK(bytes(int8_net{}, hidden) - bytes(int4_net{}, hidden) == 1536 * 32 / 2);
    CHECK(bytes(mixed_net{}, hidden) - bytes(int4_net{}, hidden) == 1536 / 32 * 32);
    CHECK(bytes(mixed_net{}, hidden + 1) < bytes(int4_net{}, hidden + 1));
    CHECK(int4_net::weights_bytes < int8_net::weights_bytes * 6 / 10);
    STATIC_REQUIRE(mixed_net::arena_bytes == int8_net::arena_bytes);
}

TEST_CASE("a net of few bits gives the same bytes on every instruction set, near the float net", "[transform]") {
    const auto exact = outputs<tc::all_fp32>();
    const auto four = outputs<all_int4>(), several = outputs<mixed>();
    CHECK(four == outputs<all_int4, tc::isa::scalar>());
    CHECK(several == outputs<mixed, tc::isa::scalar>());
    CHECK(noise_ratio_db(exact, outputs<all_int8>()) > 25);
    CHECK(noise_ratio_db(exact, four) > 10);
    CHECK(noise_ratio_db(exact, several) > 0);
}

// A layer of signs by its definition: beta mean|w| * sum of signs + bias, where beta is the input's mean size.
inline constexpr auto one_layer = tc::make_model([](auto& g) { g.conv2d("only", g.input("x", {5, 4, 40}), 24, 3); });
inline constexpr tc::recipe signs{tc::binary_activations};

TEST_CASE("a layer of signs is what its scales say", "[transform]") {
    const auto tensors = tests::pseudo_weights<one_layer>();
    const auto inputs = tests::pseudo_inputs<one_layer>();
    const auto seen = tc::calibrate<one_layer>(tensors, inputs);
    const double beta = static_cast<double>(seen.ranges.at("x").mean_size);
    double total = 0;
    for (const auto& x : inputs)
        for (const float v : x) total += static_cast<double>(std::abs(v));
    CHECK(beta == Approx(total / (8 * 5 * 4 * 40)));
    const auto& w = tensors.at("only.weight");
    const auto found = tests::outputs<one_layer, signs>(tensors);
    CHECK(found == tests::outputs<one_layer, signs, tc::isa::scalar>(tensors));
    const tc::affine in = tc::affine_of(one_layer, 0, seen), out = tc::affine_of(one_layer, 1, seen);
    const double low = static_cast<double>(tc::dequantize(-128, out)),
                 high = static_cast<double>(tc::dequantize(127, out));
    double worst = 0;
    for (std::size_t record = 0; record < inputs.size(); ++record)
        for (int y = 0; y < 5; ++y)
            for (int x = 0; x < 4; ++x)
                for (int o = 0; o < 24; ++o) {
                    double sum = 0, size = 0;
                    for (int c = 0; c < 40; ++c)
                        for (int i = 0; i < 3; ++i)
                            for (int j = 0; j < 3; ++j) {
                                const auto weight = static_cast<double>(w.data()[((o * 40 + c) * 3 + i) * 3 + j]);
                                const int row = y + i - 1, column = x + j - 1;
                                size += std::abs(weight);
                                if (row < 0 || row >= 5 || column < 0 || column >= 4) continue;
                                const float v = inputs[record][static_cast<std::size_t>((row * 4 + column) * 40 + c)];
                                sum += (tc::quantize(v, in) >= in.zero_point) == (weight >= 0) ? 1 : -1;
                            }
                    const double real =
                        beta * size / 360 * sum + static_cast<double>(tensors.at("only.bias").data()[o]);
                    const auto at = record * 480 + static_cast<std::size_t>((y * 4 + x) * 24 + o);
                    worst = std::max(worst, std::abs(std::clamp(real, low, high) - static_cast<double>(found[at])));
                }
    CHECK(worst < 0.51 * static_cast<double>(out.scale));
}

TEST_CASE("a layer of signs needs the mean size of its input", "[transform]") {
    tc::calibration seen;
    seen.ranges["x"] = {-1, 1};
    seen.ranges["only"] = {-1, 1};
    CHECK_THROWS_WITH((tc::convert<tc::net<one_layer, signs>>(tests::pseudo_weights<one_layer>(), seen)),
                      Catch::Matchers::ContainsSubstring("x: the calibration has no mean size for this value"));
}

TEST_CASE("a net of few bits does not depend on who runs its parts", "[transform]") {
    tests::check_threads<written, mixed>();
}

TEST_CASE("a float net of few bits is near the float net, on every instruction set", "[transform]") {
    using float_net = tc::net<written, tc::all_fp32>;
    using halves = tc::net<written, floats>;
    const auto exact = outputs<tc::all_fp32>(), vectors = outputs<floats>(),
               scalar = outputs<floats, tc::isa::scalar>();
    CHECK(noise_ratio_db(exact, vectors) > 15);
    CHECK(noise_ratio_db(scalar, vectors) > 100);
    STATIC_REQUIRE(halves::arena_bytes == float_net::arena_bytes);
    const auto bytes = [](auto net, int id) { return decltype(net)::table[static_cast<std::size_t>(id)].packed_bytes; };
    const int hidden = float_net::node_count - 2;
    CHECK(bytes(float_net{}, hidden) - bytes(halves{}, hidden) == 1536 * 32 * 7 / 2 - 32 * 4);
    // Levels and 5 groups' steps, in whole vectors of 64, and a scale for each of 16 outputs.
    CHECK(bytes(float_net{}, hidden + 1) - bytes(halves{}, hidden + 1) == 20 * 16 * 4 - (3 * 64 + 2 * 64) - 16 * 4);
    // fp16 ends at 65504.
    auto large = tests::pseudo_weights<written>();
    large.at("stem.weight").data()[7] = 1e5f;
    CHECK_THROWS_WITH(tc::convert<halves>(large), Catch::Matchers::ContainsSubstring("stem: its weight 100000"));
}

TEST_CASE("an emitted recipe names groups", "[transform]") {
    CHECK_THAT(tc::recipe_text(floats), Catch::Matchers::ContainsSubstring(
                                            R"(.with("hidden", tensor_compress::weight_only(tensor_compress::int4))"));
    CHECK_THAT(tc::recipe_text(floats),
               Catch::Matchers::ContainsSubstring(
                   R"(tensor_compress::weight_only(tensor_compress::int4 | tensor_compress::group<4>))"));
    CHECK_THAT(
        tc::recipe_text(mixed),
        Catch::Matchers::ContainsSubstring(
            R"(.with("hidden", tensor_compress::int4 | tensor_compress::group<32>).with("head", tensor_compress::ternary))"));
}

}  // namespace few_bits
