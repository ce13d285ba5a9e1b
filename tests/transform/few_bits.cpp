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
                                   .with("hidden", tc::weight_only(tc::int4));

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
    CHECK(bytes(float_net{}, hidden + 1) - bytes(halves{}, hidden + 1) == 20 * 16 * 2);
    // fp16 ends at 65504.
    auto large = tests::pseudo_weights<written>();
    large.at("head.weight").data()[7] = 1e5f;
    CHECK_THROWS_WITH(tc::convert<halves>(large), Catch::Matchers::ContainsSubstring("head: its weight 100000"));
}

TEST_CASE("an emitted recipe names groups", "[transform]") {
    CHECK_THAT(tc::recipe_text(floats), Catch::Matchers::ContainsSubstring(
                                            R"(.with("hidden", tensor_compress::weight_only(tensor_compress::int4)))"));
    CHECK_THAT(
        tc::recipe_text(mixed),
        Catch::Matchers::ContainsSubstring(
            R"(.with("hidden", tensor_compress::int4 | tensor_compress::group<32>).with("head", tensor_compress::ternary))"));
}

}  // namespace few_bits
