// SPDX-License-Identifier: MIT
#include <compress/inference.hpp>

#include "running.hpp"

namespace tc = tensor_compress;

namespace threads {

// Layers with few and with many blocks of outputs, with one row and with more rows than parts.
inline constexpr auto model = tc::make_model([](auto& g) {
    auto x = g.relu(g.conv2d("stem", g.input("image", {12, 10, 3}), 20, {3, 3}));
    x = g.relu6(g.depthwise_conv2d("depth", x, {3, 3}));
    x = g.add("sum", g.conv2d("pixel", x, 20, 1), x);
    x = g.conv2d("wide", x, 150, {3, 3}, {.stride = 2});
    x = g.conv2d("grouped", x, 30, {3, 3}, {.padding = 1, .groups = 3});
    x = g.depthwise_conv2d("large", x, {5, 5}, {.stride = 2});
    g.linear("head", g.flatten("flat", x), 40);
});
inline constexpr tc::recipe int8_all{tc::int8};

/// Runs parts from the last to the first, and remembers what it was asked for.
struct backwards {
    int* largest;
    template <class F>
    void parallel_for(int count, const F& f) const {
        *largest = std::max(*largest, count);
        for (int i = count - 1; i >= 0; --i) f(i);
    }
};

/// Two threads that are known when the program is built.
struct pair : tc::serial {
    static constexpr int parts = 2;
};

}  // namespace threads
using namespace threads;

namespace {

template <class Net>
void check_parts() {
    const auto weights = tests::numbers_for(model);
    const auto inputs = tests::inputs_for(model);
    const auto scales = tests::scales_for(model, tests::evaluate(model, weights, inputs));
    const tests::packed<Net> bytes(weights, scales);
    int largest = 0;
    CHECK(tests::run(bytes, inputs) == tests::run(bytes, inputs, backwards{&largest}));
    CHECK(largest >= 8);
}

}  // namespace

TEST_CASE("the parts of a layer do not depend on each other", "[net]") {
    check_parts<tc::net<model>>();
    check_parts<tc::net<model, int8_all>>();
}

TEST_CASE("one after the other nothing is split", "[net]") {
    STATIC_REQUIRE(tc::executor<backwards> && tc::executor<tc::serial>);
    STATIC_REQUIRE(tc::image_parts<tc::serial>(100) == 1);
    STATIC_REQUIRE(tc::image_parts<tc::only_rows>(100) == 1);
    STATIC_REQUIRE(tc::image_parts<backwards>(100) == 8);
    STATIC_REQUIRE(tc::image_parts<backwards>(5) == 5);
    STATIC_REQUIRE(tc::image_parts<pair>(5) == 2);
    STATIC_REQUIRE(tc::conv_geometry{6, 5, 4, 6, 5, 8}.flattened(4) == tc::conv_geometry{3, 10, 4, 3, 10, 8});
    STATIC_REQUIRE(tc::conv_geometry{7, 5, 4, 7, 5, 8}.flattened(4) == tc::conv_geometry{1, 35, 4, 1, 35, 8});
}

TEST_CASE("what is more, weights or values, is split", "[net]") {
    using split = tc::layer_split;
    STATIC_REQUIRE(tc::split_layer(2, 14, 6, false) == split{2, 1});
    STATIC_REQUIRE(tc::split_layer(2, 14, 6, true) == split{1, 2});
    STATIC_REQUIRE(tc::split_layer(8, 4, 6, false) == split{2, 6});
    STATIC_REQUIRE(tc::split_layer(8, 1, 3, false) == split{1, 3});
    STATIC_REQUIRE(tc::split_layer(1, 14, 6, true) == split{1, 1});
    // Three rows for two threads are two for one of them, ten blocks five for each.
    STATIC_REQUIRE(tc::split_layer(2, 3, 10, false) == split{1, 2});
    // One row cannot be split, however large the values are.
    STATIC_REQUIRE(tc::split_layer(2, 1, 10, false) == split{1, 2});
}
