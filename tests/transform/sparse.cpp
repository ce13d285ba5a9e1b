// SPDX-License-Identifier: MIT

// Recipes with patterns of zeros and codebooks, from float weights to the bytes of a run.

#include <compress/transform/convert.hpp>

#include <set>

#include <compress/graph/builder.hpp>
#include <compress/io/emit_header.hpp>

#include "recipe_runs.hpp"

namespace sparse {

namespace tc = tensor_compress;
namespace tag = tc::tag;

inline constexpr auto written = tc::make_model([](auto& g) {
    auto x = g.relu(g.conv2d("stem", g.input("image", {8, 8, 3}), 16, 3));
    x = g.relu(g.depthwise_conv2d("depth", x, {3, 3}));
    x = g.relu(g.add("sum", g.conv2d("wide", x, 16, 3), x));
    x = g.relu(g.conv2d("narrow", x, 48, 1));
    x = g.relu(g.linear("hidden", g.flatten("flat", x), 20));
    g.linear("head", x, 6);
});
inline constexpr tc::recipe all_int8{tc::int8};
inline constexpr auto mixed_int8 = tc::recipe{tc::int8 | tc::n_of_m<2, 4>}
                                       .with("stem", tc::int8 | tc::unstructured<50>)
                                       .with("depth", tc::int8 | tc::codebook<4>)
                                       .with("narrow", tc::int8 | tc::block<16, 4, 50>)
                                       .with("hidden", tc::int8 | tc::block<1, 16, 60>)
                                       .with("head", tc::int4 | tc::n_of_m<2, 4>);
inline constexpr auto tables = tc::recipe{tc::int8 | tc::codebook<3>};
inline constexpr auto mixed_fp32 = tc::recipe{tc::fp32 | tc::unstructured<50>}
                                       .with("depth", tc::fp32)
                                       .with("narrow", tc::fp32 | tc::block<16, 1, 50>)
                                       .with("hidden", tc::fp32 | tc::block<4, 4, 60>);
inline constexpr auto words_fp32 = tc::recipe{tc::fp32 | tc::n_of_m<2, 4>}.with("depth", tc::fp32);
inline constexpr auto words_bf16 =
    tc::recipe{tc::bf16 | tc::n_of_m<1, 4>}.with("depth", tc::fp32).with("wide", tc::fp16 | tc::n_of_m<2, 4>);
inline constexpr auto words_int8 = tc::recipe{tc::int8 | tc::n_of_m<2, 4>}.with("depth", tc::int8);
inline constexpr auto picked_int8 = tc::recipe{tc::int8 | tc::n_of_m<2, 4> | tc::for_speed}
                                        .with("depth", tc::int8)
                                        .with("stem", tc::int8 | tc::n_of_m<2, 4> | tc::for_size)
                                        .with("head", tc::int8 | tc::n_of_m<2, 4>);
inline constexpr auto mixed =
    tc::recipe{tc::fp32 | tc::unstructured<50>}.with("depth", tc::int8).with("wide", tc::int8 | tc::block<4, 4, 50>);

/// The weights that a pattern leaves of a layer, as the layer of all weights.
template <class Format, tc::conv_geometry G>
void leave(tc::named_tensors& tensors, const std::string& label) {
    auto& t = tensors.at(label + ".weight");
    tc::keep_largest({t.data(), t.size()},
                     tc::cells_of<typename Format::precision, typename Format::sparsity, G.flattened()>());
}

template <const auto& Recipe, class Isa = tc::native>
std::vector<float> outputs(const tc::named_tensors& tensors = tests::pseudo_weights<written>()) {
    return tests::outputs<written, Recipe, Isa>(tensors);
}

TEST_CASE("a net of patterns gives the same bytes on every instruction set", "[transform]") {
    CHECK(outputs<mixed_int8>() == outputs<mixed_int8, tc::isa::scalar>());
    CHECK(outputs<tables>() == outputs<tables, tc::isa::scalar>());
}

TEST_CASE("a float net of patterns is the dense net over the weights that are left", "[transform]") {
    using half = tc::format<tag::fp32, tag::unstructured<50>>;
    tc::named_tensors left = tests::pseudo_weights<written>();
    leave<half, tc::conv_geometry{8, 8, 3, 8, 8, 16, 3, 3, 1, 1, 1, 1, 1, 1}>(left, "stem");
    leave<half, tc::conv_geometry{8, 8, 16, 8, 8, 16, 3, 3, 1, 1, 1, 1, 1, 1}>(left, "wide");
    leave<tc::format<tag::fp32, tag::block<16, 1, 50>>, tc::conv_geometry{8, 8, 16, 8, 8, 48}>(left, "narrow");
    leave<tc::format<tag::fp32, tag::block<4, 4, 60>>, tc::conv_geometry{1, 1, 3072, 1, 1, 20}>(left, "hidden");
    leave<half, tc::conv_geometry{1, 1, 20, 1, 1, 6}>(left, "head");
    const auto expected = outputs<tc::all_fp32>(left), found = outputs<mixed_fp32>();
    REQUIRE(expected.size() == found.size());
    for (std::size_t i = 0; i < found.size(); ++i) CHECK(found[i] == Approx(expected[i]).margin(1e-5));
    CHECK(outputs<mixed_fp32>(left) == found);
    CHECK(expected != outputs<tc::all_fp32>());
}

TEST_CASE("a float net without the zeros of its words is the dense net over the weights that are left", "[transform]") {
    using words = tc::format<tag::fp32, tag::n_of_m<2, 4>>;
    tc::named_tensors left = tests::pseudo_weights<written>();
    leave<words, tc::conv_geometry{8, 8, 3, 8, 8, 16, 3, 3, 1, 1, 1, 1, 1, 1}>(left, "stem");
    leave<words, tc::conv_geometry{8, 8, 16, 8, 8, 16, 3, 3, 1, 1, 1, 1, 1, 1}>(left, "wide");
    leave<words, tc::conv_geometry{8, 8, 16, 8, 8, 48}>(left, "narrow");
    leave<words, tc::conv_geometry{1, 1, 3072, 1, 1, 20}>(left, "hidden");
    leave<words, tc::conv_geometry{1, 1, 20, 1, 1, 6}>(left, "head");
    const auto expected = outputs<tc::all_fp32>(left), found = outputs<words_fp32>();
    REQUIRE(expected.size() == found.size());
    for (std::size_t i = 0; i < found.size(); ++i) CHECK(found[i] == Approx(expected[i]).margin(1e-5));
    CHECK(expected != outputs<tc::all_fp32>());
    const auto vectors = outputs<words_bf16>(), scalar = outputs<words_bf16, tc::isa::scalar>();
    for (std::size_t i = 0; i < vectors.size(); ++i) CHECK(vectors[i] == Approx(scalar[i]).margin(1e-5));
    // Half the weights are multiplied; each has 2 bits for its place.
    using thinned = tc::net<written, words_fp32>;
    using dense = tc::net<written, tc::all_fp32>;
    const auto hidden = static_cast<std::size_t>(thinned::node_count - 2);
    CHECK(thinned::table[hidden].multiply_adds == 2 * 16 * 3072 / 2);
    CHECK(dense::table[hidden].packed_bytes - thinned::table[hidden].packed_bytes == 32 * (3072 * 2 - 3072 / 8));
}

TEST_CASE("places in bits and in bytes give the same net", "[transform]") {
    CHECK(outputs<picked_int8>() == outputs<words_int8>());
    CHECK(outputs<picked_int8>() == outputs<picked_int8, tc::isa::scalar>());
    CHECK_THAT(
        tc::recipe_text(picked_int8),
        Catch::Matchers::ContainsSubstring(
            R"(recipe{tensor_compress::int8 | tensor_compress::n_of_m<2,4> | tensor_compress::for_speed}.with("depth")"));
}

TEST_CASE("formats of floats and integers, dense and not, meet in one net", "[transform]") {
    const auto vectors = outputs<mixed>(), scalar = outputs<mixed, tc::isa::scalar>();
    for (std::size_t i = 0; i < vectors.size(); ++i) CHECK(vectors[i] == Approx(scalar[i]).margin(0.05));
}

TEST_CASE("patterns take fewer bytes and multiply less", "[transform]") {
    using dense = tc::net<written, all_int8>;
    using thinned = tc::net<written, mixed_int8>;
    STATIC_REQUIRE(dense::node_count == thinned::node_count);
    const auto row = [](auto net, const char* label) {
        for (const tc::layer_info& info : decltype(net)::table)
            if (std::string(info.label.c_str()) == label) return info;
        FAIL("no layer " << label);
        return tc::layer_info{};
    };
    // 2 of 4: half the values, and 2 bits for each of them.
    CHECK(row(dense{}, "wide").packed_bytes - row(thinned{}, "wide").packed_bytes == 16 * 144 - (16 * 160 * 5 / 8));
    CHECK(row(thinned{}, "narrow").multiply_adds == row(dense{}, "narrow").multiply_adds / 2);
    CHECK(row(thinned{}, "hidden").packed_bytes < row(dense{}, "hidden").packed_bytes / 2);
    CHECK(std::string(row(thinned{}, "hidden").sparsity) == "block<1,16,60>");
    STATIC_REQUIRE(dense::arena_bytes == thinned::arena_bytes);
}

TEST_CASE("a net of patterns does not depend on who runs its parts", "[transform]") {
    tests::check_threads<written, mixed_int8>();
}

TEST_CASE("an emitted recipe names patterns", "[transform]") {
    CHECK_THAT(tc::recipe_text(mixed_int8),
               Catch::Matchers::ContainsSubstring(
                   R"(.with("narrow", tensor_compress::int8 | tensor_compress::block<16,4,50>).with("hidden")"));
}

TEST_CASE("the largest weights of a pattern stay", "[transform]") {
    constexpr tc::conv_geometry g{1, 1, 8, 1, 1, 2};
    const std::vector<float> written_weights{1, -9, 3, 8, 0, 0, 0, 5, -2, 2, 2, -3, 7, 6, -8, 4};
    std::vector<float> pairs = written_weights, blocks = written_weights;
    tc::keep_largest(pairs, tc::cells_of<tag::int8, tag::n_of_m<2, 4>, g>());
    CHECK(pairs == std::vector<float>{0, -9, 0, 8, 0, 0, 0, 5, -2, 0, 0, -3, 7, 0, -8, 0});
    // Of a panel's 16 outputs, padding included, 12 percent of 32 blocks of 4 inputs: the four largest.
    tc::keep_largest(blocks, tc::cells_of<tag::fp32, tag::block<1, 4, 88>, g>());
    CHECK(blocks == written_weights);
    tc::keep_largest(blocks, tc::cells_of<tag::fp32, tag::block<1, 4, 94>, g>());
    CHECK(blocks == std::vector<float>{1, -9, 3, 8, 0, 0, 0, 0, 0, 0, 0, 0, 7, 6, -8, 4});
}

TEST_CASE("clusters of values have the least squared error", "[transform]") {
    tc::value_costs costs{};
    for (const int v : {-100, -98, -3, 0, 2, 60, 64}) costs[static_cast<std::size_t>(v + 128)] = 1;
    const auto at = [](const auto& table, int v) { return static_cast<int>(table[static_cast<std::size_t>(v + 128)]); };
    const auto three = tc::cluster_values(costs, 3);
    CHECK(at(three, -100) == -99);
    CHECK(at(three, -98) == -99);
    CHECK(at(three, -3) == 0);
    CHECK(at(three, 2) == 0);
    CHECK(at(three, 60) == 62);
    const auto seven = tc::cluster_values(costs, 7);
    for (const int v : {-100, -98, -3, 0, 2, 60, 64}) CHECK(at(seven, v) == v);
    costs[60 + 128] = 3;
    CHECK(at(tc::cluster_values(costs, 3), 64) == 61);
    // Against every way to cut a few values in two.
    tests::numbers random(1);
    for (int round = 0; round < 20; ++round) {
        tc::value_costs some{};
        std::set<int> values;
        while (values.size() < 6) values.insert(random.between(1, 127));
        for (const int v : values) some[static_cast<std::size_t>(v + 128)] = 1;
        const auto error_of = [&](auto stands_for) {
            double error = 0;
            for (const int v : values) error += std::pow(v - stands_for(v), 2);
            return error;
        };
        double least = 1e9;
        for (const int cut : values) {
            double sums[2]{}, counts[2]{};
            for (const int v : values) sums[v < cut] += v, counts[v < cut] += 1;
            least = std::min(least, error_of([&](int v) {
                                 return counts[v < cut] == 0 ? 0 : std::nearbyint(sums[v < cut] / counts[v < cut]);
                             }));
        }
        const auto table = tc::cluster_values(some, 2);
        CHECK(error_of([&](int v) { return static_cast<double>(at(table, v)); }) <= least + 1e-9);
    }
}

}  // namespace sparse
