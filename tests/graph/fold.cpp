// SPDX-License-Identifier: MIT
#include <compress/graph/rewrite/fold.hpp>

#include <compress/graph/builder.hpp>

#include "../catch.hpp"

namespace tc = tensor_compress;

namespace {

template <class Describe>
constexpr auto folded(Describe describe) {
    auto m = tc::make_model(describe);
    tc::detail::mark_origins(m);
    tc::fold_into_products(m);
    return m;
}

}  // namespace

constexpr auto batch_norm = folded([](auto& g) {
    auto x = g.input("image", {8, 8, 3});                 // 0
    auto y = g.conv2d("conv", x, 4, 3, {.bias = false});  // 1
    g.relu("result", g.batch_norm("norm", y));            // 3, 2
});
static_assert(batch_norm.count == 3 && batch_norm.count_of(tc::op::batch_norm) == 0);
static_assert(batch_norm[1].kind == tc::op::conv2d && batch_norm[1].name == tc::label("conv") && batch_norm[1].bias);
static_assert(batch_norm[1].folded_count == 1 && batch_norm[1].folded[0] == 2);
static_assert(batch_norm[1].origin == 1 && batch_norm[1].value_origin == 2 && batch_norm[1].stage_origin == 2);
static_assert(batch_norm[2].inputs[0] == 1 && batch_norm[2].origin == 3 && batch_norm.outputs[0] == 2);

// Constants on either side, one value or one per channel, in their order; constants that nothing else reads are gone.
constexpr auto chain = folded([](auto& g) {
    auto x = g.linear("linear", g.input("vector", {5}), 4);                                // 1
    x = g.add("add", x, g.constant("offsets", {4}));                                       // 3
    x = g.mul("mul", g.constant("factor", {1}), x);                                        // 5
    g.output("result", g.batch_norm("norm", g.add("again", x, g.constant("more", {4}))));  // 8, 7
});
static_assert(chain.count == 2 && chain[1].folded_count == 4 && chain.outputs[0] == 1);
static_assert(chain[1].folded[0] == 3 && chain[1].folded[1] == 5 && chain[1].folded[2] == 7 && chain[1].folded[3] == 8);
static_assert(chain[1].value_origin == 8);

// There is room for four.
constexpr auto five = folded([](auto& g) {
    auto x = g.linear("linear", g.input("vector", {5}), 4);
    for (const char* name : {"n1", "n2", "n3", "n4", "n5"}) x = g.batch_norm(name, x);
});
static_assert(five.count == 3 && five[1].folded_count == 4 && five[2].kind == tc::op::depthwise_conv2d);

constexpr auto channel_image = folded([](auto& g) {
    auto x = g.depthwise_conv2d("conv", g.input("image", {8, 8, 4}), 3);
    x = g.mul("mul", x, g.constant("factors", {1, 1, 4}));
    g.add("add", x, g.constant("offsets", {1, 4}));
});
static_assert(channel_image.count == 2 && channel_image[1].folded_count == 2);

// A convolution that two read keeps its value: the norm becomes a convolution of one pixel.
constexpr auto two_readers = folded([](auto& g) {
    auto y = g.conv2d("conv", g.input("image", {8, 8, 3}), 4, 3);
    g.add("sum", g.batch_norm("norm", y), y);
});
static_assert(two_readers.count == 4 && two_readers[1].folded_count == 0);
static_assert(two_readers[2].kind == tc::op::depthwise_conv2d && two_readers[2].name == tc::label("norm"));
static_assert(two_readers[2].slide == tc::window{{1, 1}, {1, 1}, {1, 1}, {}, 4, false} && two_readers[2].bias);
static_assert(two_readers[2].origin == 2 && two_readers[2].output == tc::shape{8, 8, 4});

// The caller is a reader, too.
constexpr auto output_kept = folded([](auto& g) {
    auto y = g.conv2d("conv", g.input("image", {8, 8, 3}), 4, 3);
    g.output("conv_value", y);
    g.output("normed", g.batch_norm("norm", y));
});
static_assert(output_kept.count == 3 && output_kept[1].folded_count == 0 && output_kept.outputs[0] == 1 &&
              output_kept.outputs[1] == 2);

// Nothing to fold into: no product before it, a constant of the whole shape, two values.
constexpr auto left_alone = folded([](auto& g) {
    auto x = g.input("image", {2, 2, 3});
    auto y = g.batch_norm("norm", g.relu(x));
    y = g.add("whole", g.conv2d("conv", y, 3, 1), g.constant("offsets", {2, 2, 3}));
    y = g.mul("no_product", g.max_pool("pool", y, 1), g.constant("factors", {3}));
    g.mul("values", g.conv2d("other", y, 3, 1), x);
});
static_assert(left_alone.count_of(tc::op::depthwise_conv2d) == 1);
static_assert(left_alone.count_of(tc::op::add) == 1 && left_alone.count_of(tc::op::mul) == 2 &&
              left_alone.count_of(tc::op::constant) == 2);

// The result of the product must keep its shape: [1, 4] * [4, 4] widens it.
constexpr auto widened = folded([](auto& g) {
    auto y = g.linear("linear", g.input("row", {1, 5}), 4);
    g.mul("mul", y, g.constant("factors", {4, 4}));
});
static_assert(widened.count == 4 && widened[1].folded_count == 0);

// Inputs stay, whatever needs them; other dead nodes go.
constexpr auto dead = [] {
    auto m = tc::make_model([](auto& g) {
        auto x = g.input("used", {4});
        g.input("unused", {3});
        g.sigmoid("dead", g.relu("dead_too", x));
        g.output(g.tanh("live", x));
    });
    tc::detail::remove_dead_nodes(m);
    return m;
}();
static_assert(dead.count == 3 && dead[1].name == tc::label("unused") && dead[2].name == tc::label("live") &&
              dead.outputs[0] == 2);

TEST_CASE("folding twice is folding once", "[graph]") {
    auto again = chain;
    tc::fold_into_products(again);
    CHECK(again.count == chain.count);
    CHECK(again[1].folded_count == 4);
}
