// SPDX-License-Identifier: MIT
#include <compress/inference.hpp>

#include "running.hpp"

namespace tc = tensor_compress;

// Layers whose values are quantised at run time.
namespace dynamic_nets {

inline constexpr auto model = tc::make_model([](auto& g) {
    auto x = g.relu(g.conv2d("stem", g.input("image", {8, 8, 3}), 16, 3));
    auto y = g.relu(g.conv2d("block/conv1", x, 20, 3, {.stride = 2}));
    auto skip = g.conv2d("block/skip", x, 20, 1, {.stride = 2});
    x = g.relu(g.add("block/add", g.conv2d("block/conv2", y, 20, 3), skip));
    x = g.depthwise_conv2d("depth", x, 3);
    auto v = g.sigmoid(g.linear("wide", g.flatten("flat", x), 24));
    g.output("scores", g.linear("head", v, 10));
});
inline constexpr auto dynamic = tc::recipe{tc::dynamic(tc::int8)}.with("depth", tc::fp32);
inline constexpr auto mixed = tc::recipe{tc::dynamic(tc::int8)}.with("stem*", tc::int8).with("depth", tc::int8);
using net = tc::net<model, dynamic>;
using mixed_net = tc::net<model, mixed>;

template <class Net>
constexpr int readers_of(tc::label name) {
    return Net::graph.consumers(Net::graph.find(name));
}

}  // namespace dynamic_nets
using namespace dynamic_nets;

TEST_CASE("layers that quantise at run time share what is quantised", "[net]") {
    // The image, the stem's value for two readers, block/conv1's, the depthwise layer's, wide's.
    STATIC_REQUIRE(net::graph.count_of(tc::op::quantize_range) == 5);
    STATIC_REQUIRE(net::graph.count_of(tc::op::convert) == 0);
    STATIC_REQUIRE(readers_of<net>("stem/quantized") == 2);
    STATIC_REQUIRE(net::element_of(net::input_id(0)) == tc::element::float32);
    STATIC_REQUIRE(net::element_of(net::output_id(0)) == tc::element::float32);
    STATIC_REQUIRE(net::element_of(net::graph.find("stem/quantized")) == tc::element::signed8);
    // A value, its bytes, their scale and zero point.
    STATIC_REQUIRE(tc::ranged_bytes(5) == 16);
    STATIC_REQUIRE(net::weights_bytes < tc::net<model>::weights_bytes / 2);
    STATIC_REQUIRE(net::multiply_adds == tc::net<model>::multiply_adds);
}

TEST_CASE("where int8 values meet them, they are floats in between", "[net]") {
    STATIC_REQUIRE(mixed_net::graph.count_of(tc::op::quantize_range) == 4);
    STATIC_REQUIRE(mixed_net::graph[mixed_net::graph.find("stem/converted/quantized")].inputs[0] ==
                   mixed_net::graph.find("stem/converted"));
}

namespace {

template <class Net>
std::vector<tests::tensor> outputs() {
    const auto weights = tests::numbers_for(model);
    const auto inputs = tests::inputs_for(model);
    const auto scales = tests::scales_for(model, tests::evaluate(model, weights, inputs));
    return tests::run(tests::packed<Net>(weights, scales), inputs);
}

}  // namespace

TEST_CASE("a net that quantises at run time stays near the reference", "[net]") {
    const auto expected = tests::evaluate(model, tests::numbers_for(model), tests::inputs_for(model));
    const auto& scores = expected[tests::detail::index(model.outputs[0])];
    const double dynamic_error = tests::error(outputs<net>()[0], scores);
    CHECK(dynamic_error < 0.02);
    CHECK(dynamic_error > 1e-5);  // or nothing was rounded
    CHECK(tests::error(outputs<mixed_net>()[0], scores) < 0.03);
}

TEST_CASE("every instruction set quantises at run time alike", "[net]") {
    const auto native = outputs<net>()[0], scalar = outputs<tc::net<model, dynamic, tc::isa::scalar>>()[0];
    CHECK(tests::error(native, scalar) < 1e-6);
    const auto observed = outputs<tc::net<model, dynamic, tc::native, tc::lowering::observed>>()[0];
    CHECK(tests::error(native, observed) < 1e-6);
}
