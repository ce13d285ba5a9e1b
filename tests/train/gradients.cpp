// SPDX-License-Identifier: MIT
#include <compress/graph/builder.hpp>
#include <compress/train/trainer.hpp>

#include <compress/tensor/thread_pool.hpp>

#include "finite_differences.hpp"

namespace tc = tensor_compress;

namespace {

// Before each operator lies a layer with weights: what an operator gives its input is seen in their gradients.
constexpr auto describe_convolutions = [](auto& g) {
    auto x = g.conv2d("stem", g.input("image", {7, 6, 3}), 6, {3, 3});
    auto a = g.relu(g.conv2d("strided", x, 9, {3, 2}, {.stride = {2, 1}}));
    a = g.conv2d("grouped", a, 18, 3, {.padding = {0, 1, 2, 0}, .groups = 3});
    a = g.conv2d("dilated", a, 5, {2, 3}, {.dilation = {2, 1}, .padding = tc::valid, .bias = false});
    auto b = g.conv2d("strided_dilated", x, 20, {3, 3}, {.stride = {2, 3}, .dilation = {3, 2}, .padding = 2});
    b = g.relu6(g.conv2d("pointwise", b, 17, {1, 1}));
    auto c = g.conv2d("skip", x, 17, {1, 1}, {.stride = 2});
    g.output("first", a);
    g.output("second", b);
    g.output("third", c);
};

constexpr auto describe_depthwise = [](auto& g) {
    auto x = g.conv2d("stem", g.input("image", {7, 6, 3}), 20, {1, 1});
    auto a = g.relu(g.depthwise_conv2d("plain", x, {3, 3}));
    a = g.depthwise_conv2d("strided", a, {3, 2}, {.stride = 2});
    auto b = g.depthwise_conv2d("dilated", x, {3, 3}, {.dilation = 2, .bias = false});
    b = g.depthwise_conv2d("multiplied", b, {2, 3}, {.padding = 1}, 2);
    g.output("first", a);
    g.output("second", b);
};

constexpr auto describe_wide = [](auto& g) {
    auto x = g.conv2d("stem", g.input("image", {5, 6, 16}), 32, {3, 3});
    x = g.relu(g.conv2d("middle", x, 48, {3, 3}, {.stride = 2}));
    x = g.linear("head", g.flatten(x), 70);
    g.linear("last", g.tanh(x), 10);
};

constexpr auto describe_pools = [](auto& g) {
    auto x = g.conv2d("stem", g.input("image", {6, 8, 3}), 18, {1, 1});
    g.output("largest", g.max_pool("a", x, {3, 2}, {.stride = {2, 3}, .padding = {1, 0, 1, 1}}));
    g.output("mean", g.avg_pool("b", x, 3, {.stride = 2, .padding = tc::same}));
    g.output("mean_with_padding", g.avg_pool("c", x, 3, {.stride = 2, .padding = 1, .count_padding = true}));
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
    auto rows = g.softmax("rows", g.reshape("three_rows", g.linear("others", x, 21), {3, 7}));
    g.linear("after", rows, 4);
};

constexpr auto describe_attention = [](auto& g) {
    auto x = g.linear("stem", g.input("places", {5, 7}), 18);
    auto y = g.layer_norm("norm", x);
    auto heads = [&](tc::label name) {
        return g.transpose(name / "heads", g.reshape(name / "split", g.linear(name, y, 18), {5, 2, 9}), {1, 0, 2});
    };
    auto scores = g.matmul("scores", heads("query"), heads("key"), true);
    y = g.matmul("mixed", g.softmax("weights", scores), heads("value"));
    y = g.reshape("joined", g.transpose("places_first", y, {1, 0, 2}), {5, 18});
    g.output("result", g.layer_norm("last", g.add("sum", g.linear("back", y, 18), x), 0.01f));
};

constexpr auto describe_pairs = [](auto& g) {
    auto x = g.conv2d("stem", g.input("image", {3, 4, 5}), 5, {1, 1});
    auto channels = g.linear("channels", g.global_average_pool("pool", x), 5);
    auto y = g.mul("excited", x, g.sigmoid(channels));
    y = g.add("moved", g.constant("shift", {5}), y);
    y = g.relu(g.add("twice", y, y));
    y = g.mul("square", y, y);
    y = g.concat("joined", {y, x, g.constant("border", {3, 4, 2})});
    g.output("tall", g.concat("stacked", {y, g.conv2d("twelve", x, 12, {1, 1})}, 0));
    g.output("again", g.mul("scaled", y, g.linear("one", channels, 1)));
};

// Statistics of a batch move with every weight, and over the kinks of relu: their differences want a smooth function.
template <bool Smooth>
constexpr auto describe_norms = [](auto& g) {
    const auto bend = [&](auto x) { return Smooth ? g.tanh(x) : g.relu(x); };
    auto x = g.conv2d("stem", g.input("image", {6, 5, 3}), 20, {3, 3}, {.bias = false});
    x = bend(g.batch_norm("norm1", x, 1e-3f));
    auto y = bend(g.batch_norm("norm2", g.depthwise_conv2d("deep", x, {3, 3}, {.stride = 2})));
    auto skip = g.batch_norm("norm3", g.conv2d("skip", x, 20, {1, 1}, {.stride = 2}));
    g.linear("head", g.global_average_pool("pool", g.add("sum", y, skip)), 4);
};

inline constexpr auto convolutions = tc::make_model(describe_convolutions);
inline constexpr auto depthwise = tc::make_model(describe_depthwise);
inline constexpr auto wide = tc::make_model(describe_wide);
inline constexpr auto pools = tc::make_model(describe_pools);
inline constexpr auto functions = tc::make_model(describe_functions);
inline constexpr auto attention = tc::make_model(describe_attention);
inline constexpr auto pairs = tc::make_model(describe_pairs);
inline constexpr auto norms = tc::make_model(describe_norms<false>);
inline constexpr auto smooth_norms = tc::make_model(describe_norms<true>);

}  // namespace

TEST_CASE("gradients of convolutions and linear layers are those of finite differences") {
    tests::expect_gradients<convolutions>();
    tests::expect_gradients<wide>();
    tests::expect_gradients<depthwise>();
}

TEST_CASE("gradients of operators without weights are those of finite differences") {
    tests::expect_gradients<pools>();
    tests::expect_gradients<functions>();
    tests::expect_gradients<attention>();
    tests::expect_gradients<pairs>();
}

TEST_CASE("gradients through batch norms depend on the whole batch, or with frozen statistics on none of it") {
    tests::expect_gradients<smooth_norms>(true, 5, 1.0 / 64);
    tests::expect_gradients<norms>(false);
}

TEST_CASE("vector kernels give the gradients of the scalar ones") {
    const auto compare = []<const auto & Model>() {
        const auto all = tests::numbers_for(Model, 5);
        const auto loss = tests::loss_for(Model, 7);
        tc::trainer<Model> fast(tests::tensors_of(Model, all));
        tc::trainer<Model, tc::isa::scalar> plain(tests::tensors_of(Model, all));
        const auto found = tests::trained_gradients(fast, loss, false);
        const auto expected = tests::trained_gradients(plain, loss, false);
        for (const auto& [name, tensor] : expected) {
            double largest = 1e-3;
            for (const float v : tensor) largest = std::max(largest, std::abs(static_cast<double>(v)));
            const float* other = found.find(name)->second.data();
            for (std::size_t i = 0; i < tensor.size(); ++i) {
                INFO(name << " [" << i << "]");
                REQUIRE(std::abs(static_cast<double>(other[i] - tensor.data()[i])) <= 2e-4 * largest);
            }
        }
    };
    compare.operator()<convolutions>();
    compare.operator()<depthwise>();
    compare.operator()<wide>();
    compare.operator()<pools>();
    compare.operator()<norms>();
}

TEST_CASE("gradients do not depend on the number of threads") {
    const auto all = tests::numbers_for(norms, 5);
    const auto loss = tests::loss_for(norms, 67);
    tc::trainer<norms> one(tests::tensors_of(norms, all), 3);
    tc::trainer<norms> several(tests::tensors_of(norms, all), 3);
    const tc::thread_pool threads(3);
    const auto expected = tests::trained_gradients(one, loss, false);
    const auto found = tests::trained_gradients(several, loss, false, threads);
    for (const auto& [name, tensor] : expected) CHECK(found.find(name)->second == tensor);
}
