// SPDX-License-Identifier: MIT
#include <compress/inference.hpp>

#include "running.hpp"

namespace tc = tensor_compress;
using tests::expect_reference;

namespace {

constexpr auto describe_convolutions = [](auto& g) {
    auto x = g.input("image", {7, 6, 4});
    auto a = g.relu(g.conv2d("strided", x, 6, {3, 2}, {.stride = {2, 1}}));
    a = g.relu6(g.conv2d("grouped", a, 9, 3, {.padding = {0, 1, 2, 0}, .groups = 3}));
    a = g.conv2d("dilated", a, 5, {2, 3}, {.dilation = {2, 1}, .padding = tc::valid, .bias = false});
    auto b = g.relu(g.depthwise_conv2d("depthwise", x, {3, 3}, {.stride = 2}));
    b = g.depthwise_conv2d("multiplied", b, {2, 3}, {.padding = 1}, 3);
    b = g.conv2d("wide", b, 17, {1, 1});
    g.output("first", a);
    g.output("second", g.depthwise_conv2d("spread", b, {3, 3}, {.dilation = 2}));
};

constexpr auto describe_pools = [](auto& g) {
    auto x = g.input("image", {6, 8, 3});
    g.output("largest", g.max_pool("a", x, {3, 2}, {.stride = {2, 3}, .padding = {1, 0, 1, 1}}));
    g.output("mean", g.avg_pool("b", x, 3, {.stride = 2, .padding = tc::same}));
    g.output("mean_with_padding", g.avg_pool("c", x, 3, {.stride = 2, .padding = 1, .count_padding = true}));
    g.output("adapted", g.adaptive_avg_pool("d", x, {2, 4}));
    g.output("global", g.global_average_pool("e", x));
    g.output("padded", g.pad("f", x, {.top = 1, .left = 2, .right = 3}, -1.5f));
};

constexpr auto describe_functions = [](auto& g) {
    auto x = g.linear("spread", g.input("vector", {5}), 19);
    g.relu(x);
    g.relu6(x);
    g.leaky_relu(x, 0.2f);
    g.sigmoid(x);
    g.tanh(x);
    g.hard_swish(x);
    g.softmax(x);
    g.softmax("rows", g.reshape("three_rows", g.linear("others", x, 21), {3, 7}));
};

// Two heads of attention over five places, as in a transformer's encoder.
constexpr auto describe_attention = [](auto& g) {
    auto x = g.input("places", {5, 18});
    auto y = g.layer_norm("norm", x);
    auto heads = [&](tc::label name) {
        return g.transpose(name / "heads", g.reshape(name / "split", g.linear(name, y, 18), {5, 2, 9}), {1, 0, 2});
    };
    auto scores = g.matmul("scores", heads("query"), heads("key"), true);
    y = g.matmul("mixed", g.softmax("weights", scores), heads("value"));
    y = g.reshape("joined", g.transpose("places_first", y, {1, 0, 2}), {5, 18});
    g.output("result", g.layer_norm("last", g.add("sum", g.linear("back", y, 18), x), 0.01f));
    g.output("flat", g.matmul("plain", g.input("a", {3, 7}), g.input("b", {7, 4})));
};

constexpr auto describe_pairs = [](auto& g) {
    auto x = g.input("image", {3, 4, 5});
    auto v = g.input("vector", {5});
    auto a = g.relu(g.add("sum", x, x));
    a = g.add("channels", a, v);
    a = g.mul("channels_first", v, a);
    a = g.relu6(g.mul("one", a, g.constant("factor", {1})));
    a = g.add("tensor", a, g.constant("offsets", {3, 4, 5}));
    g.output("result", g.mul(a, g.sigmoid(g.linear("gate", g.global_average_pool("squeeze", a), 5))));
};

constexpr auto describe_folds = [](auto& g) {
    auto x = g.batch_norm("normalised", g.input("image", {4, 4, 3}));
    auto y = g.relu(g.batch_norm("norm", g.conv2d("conv", x, 6, 3, {.bias = false}), 0.01f));
    y = g.mul("scaled", g.depthwise_conv2d("depthwise", y, 3), g.constant("factors", {6}));
    y = g.relu6(g.add("shifted", g.constant("offsets", {6}), y));
    auto z = g.conv2d("two_readers", y, 6, 1);
    g.output("kept", z);
    g.output("head", g.batch_norm("last", g.linear("product", g.flatten(g.batch_norm("alone", z)), 7)));
};

}  // namespace

// Models have external linkage, so those of two files must not share a name.
namespace operators {
inline constexpr auto convolutions = tc::make_model(describe_convolutions);
inline constexpr auto pools = tc::make_model(describe_pools);
inline constexpr auto functions = tc::make_model(describe_functions);
inline constexpr auto pairs = tc::make_model(describe_pairs);
inline constexpr auto attention = tc::make_model(describe_attention);
inline constexpr auto folds = tc::make_model(describe_folds);
}  // namespace operators

TEST_CASE("convolutions of every kind give what the loops give", "[net]") {
    expect_reference<operators::convolutions>();
}
TEST_CASE("attention gives what the loops give", "[net]") { expect_reference<operators::attention>(); }
TEST_CASE("pools and padding give what the loops give", "[net]") { expect_reference<operators::pools>(); }
TEST_CASE("functions of one number give what the loops give", "[net]") { expect_reference<operators::functions>(); }
TEST_CASE("sums and products give what the loops give", "[net]") { expect_reference<operators::pairs>(); }
TEST_CASE("what is folded gives what the unfolded layers give", "[net]") { expect_reference<operators::folds>(); }
