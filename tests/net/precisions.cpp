// SPDX-License-Identifier: MIT
#include <compress/inference.hpp>

#include "running.hpp"

namespace tc = tensor_compress;

// Models have external linkage, so those of two files must not share a name.
namespace precisions {

// Operators of every kind in int8.
inline constexpr auto images = tc::make_model([](auto& g) {
    auto x = g.input("image", {8, 6, 3});
    auto a = g.relu(g.batch_norm("norm", g.conv2d("stem", x, 8, 3, {.bias = false})));
    auto b = g.depthwise_conv2d("depthwise", a, 3, {.stride = {2, 1}});
    b = g.hard_swish(b);
    auto c = g.avg_pool("mean", g.pad("padded", a, {1, 0, 1, 1}, 0.5f), {4, 3},
                        {.stride = {2, 1}, .padding = {0, 1, 0, 0}, .count_padding = true});
    auto d = g.max_pool("largest", a, {2, 3}, {.stride = {2, 1}, .padding = {0, 1, 0, 1}});
    auto all = g.concat("joined", {b, g.add("sum", c, d), g.relu6(g.mul("product", d, c))});
    all = g.conv2d("grouped", all, 12, {1, 1}, {.groups = 2});
    g.output("turned", g.transpose("turned", g.leaky_relu(all, 0.25f), {2, 1, 0}));
    auto v = g.add("shifted", g.tanh(g.global_average_pool("pool", all)), g.constant("offsets", {12}));
    g.output("classes", g.softmax("classes", g.linear("head", g.mul("gated", g.sigmoid(v), v), 9)));
});
inline constexpr auto all_int8 = tc::recipe{tc::int8};

// Precisions that meet: readers of another format, several of them, an input and outputs of each.
inline constexpr auto mixed_recipe = tc::recipe{tc::int8}.with("body/*", tc::fp32).with("body/[cd]", tc::int8);
inline constexpr auto met = tc::make_model([](auto& g) {
    auto x = g.relu(g.conv2d("stem", g.input("image", {6, 6, 3}), 8, 3));
    auto a = g.conv2d("body/a", x, 8, 3);
    auto b = g.conv2d("body/b", x, 8, 1);
    auto c = g.relu("body/c", g.add("body/sum", a, b));
    g.output("body/kept", g.sigmoid("body/sigmoid", a));
    auto d = g.conv2d("body/d", c, 6, {3, 3}, {.stride = 2});
    auto v = g.linear("body/e", g.flatten("body/flat", d), 10);
    g.output("scores", g.linear("head", v, 5));
    g.output("stem_value", x);
});
using met_net = tc::net<met, mixed_recipe>;

// Sums that are fused into the product before them, without activations, whose ranges differ between the two ways.
inline constexpr auto residual = tc::make_model([](auto& g) {
    auto x = g.conv2d("stem", g.input("image", {5, 4, 3}), 8, 3);
    x = g.add("add1", g.conv2d("conv1", x, 8, 3), x);
    auto y = g.conv2d("conv2", x, 20, 1);
    y = g.add("add2", g.conv2d("conv3", x, 20, {3, 3}), y);
    g.output("result", g.add("add3", y, g.conv2d("conv4", y, 20, 1)));
});

inline constexpr auto attention = tc::make_model([](auto& g) {
    auto x = g.input("places", {5, 18});
    auto y = g.layer_norm("norm", x);
    auto scores = g.matmul("scores", g.linear("query", y, 9), g.linear("key", y, 9), true);
    y = g.linear("back", g.matmul("mixed", g.softmax("weights", scores), g.linear("value", y, 20)), 18);
    g.output("result", g.layer_norm("last", g.add("sum", y, x)));
});

}  // namespace precisions
using namespace precisions;

namespace {

/// Largest error over the outputs of a net, relative to the largest value of each.
template <class Net>
double largest_error() {
    constexpr const auto& m = Net::model;
    const auto weights = tests::numbers_for(m);
    const auto inputs = tests::inputs_for(m);
    const auto expected = tests::evaluate(m, weights, inputs);
    const auto scales = tests::scales_for(m, expected);
    const tests::packed<Net> bytes(weights, scales);
    const auto found = tests::run(bytes, inputs);
    double largest = 0;
    for (int i = 0; i < m.output_count; ++i)
        largest = std::max(largest,
                           tests::error(found[tests::detail::index(i)], expected[tests::detail::index(m.outputs[i])]));
    return largest;
}

}  // namespace

TEST_CASE("an int8 net stays near the reference", "[net]") {
    CHECK(largest_error<tc::net<images, all_int8>>() < 0.05);
    CHECK(largest_error<tc::net<images, all_int8, tc::native, tc::lowering::observed>>() < 0.05);
}

// Beside the float net, and the same bytes without vectors.
TEST_CASE("attention in int8 stays near the reference", "[net]") {
    CHECK(largest_error<tc::net<attention, all_int8>>() < 0.05);
    const auto weights = tests::numbers_for(attention);
    const auto inputs = tests::inputs_for(attention);
    const auto scales = tests::scales_for(attention, tests::evaluate(attention, weights, inputs));
    const tests::packed<tc::net<attention, all_int8>> vectors(weights, scales);
    const tests::packed<tc::net<attention, all_int8, tc::isa::scalar>> scalar(weights, scales);
    CHECK(tests::run(vectors, inputs) == tests::run(scalar, inputs));
}

TEST_CASE("an int8 net takes and gives int8", "[net]") {
    using net = tc::net<images, all_int8>;
    STATIC_REQUIRE(net::element_of(net::input_id(0)) == tc::element::signed8);
    STATIC_REQUIRE(net::element_of(net::output_id(1)) == tc::element::signed8);
    STATIC_REQUIRE(net::size_of(net::output_id(0)) == 12 * 6 * 4);
    STATIC_REQUIRE(net::graph.count_of(tc::op::convert) == 0);
}

TEST_CASE("int8 values are converted where floating point reads them, and back", "[net]") {
    CHECK(largest_error<met_net>() < 0.05);
    CHECK(largest_error<tc::net<met, mixed_recipe, tc::native, tc::lowering::observed>>() < 0.05);
}

TEST_CASE("conversions are shared by the readers of one value", "[net]") {
    // The stem for body/a and body/b, the sum for body/c, body/d for the flattened vector, body/e for the head.
    STATIC_REQUIRE(met_net::graph.count_of(tc::op::convert) == 4);
    STATIC_REQUIRE(met_net::element_of(met_net::output_id(0)) == tc::element::float32);
    STATIC_REQUIRE(met_net::element_of(met_net::output_id(1)) == tc::element::signed8);
    STATIC_REQUIRE(met_net::element_of(met_net::output_id(2)) == tc::element::signed8);
    for (const tc::layer_info& row : met_net::table)
        if (std::string(row.operation) == "linear")
            CHECK(std::string(row.precision) == (row.parameters == 55 ? "int8" : "fp32"));
}

TEST_CASE("a fused int8 sum has the bytes of a separate one", "[net]") {
    using fused = tc::net<residual, all_int8>;
    using observed = tc::net<residual, all_int8, tc::native, tc::lowering::observed>;
    STATIC_REQUIRE(fused::graph.count_of(tc::op::add) == 0);
    STATIC_REQUIRE(observed::graph.count_of(tc::op::add) == 3);
    const auto weights = tests::numbers_for(residual);
    for (unsigned seed = 2; seed < 7; ++seed) {
        const auto inputs = tests::inputs_for(residual, seed);
        const auto scales =
            tests::scales_for(residual, tests::evaluate(residual, weights, tests::inputs_for(residual)));
        const tests::packed<fused> fused_bytes(weights, scales);
        const tests::packed<observed> observed_bytes(weights, scales);
        CHECK(tests::run(fused_bytes, inputs) == tests::run(observed_bytes, inputs));
    }
}

TEST_CASE("every instruction set gives the same bytes", "[net]") {
    const auto weights = tests::numbers_for(residual);
    const auto inputs = tests::inputs_for(residual);
    const auto scales = tests::scales_for(residual, tests::evaluate(residual, weights, inputs));
    const tests::packed<tc::net<residual, all_int8>> native(weights, scales);
    const tests::packed<tc::net<residual, all_int8, tc::isa::scalar>> scalar(weights, scales);
    CHECK(tests::run(native, inputs) == tests::run(scalar, inputs));
}
