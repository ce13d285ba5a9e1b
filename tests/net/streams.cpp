// SPDX-License-Identifier: MIT
#include <compress/inference.hpp>

#include "running.hpp"

namespace tc = tensor_compress;

namespace streams {

// Streams of one and two values, with strides, dilation, 5 x 5 taps, padding on one side, and residuals inside a stream
// and at its end; heights that no band divides.
inline constexpr auto model = tc::make_model([](auto& g) {
    auto x = g.relu(g.conv2d("stem", g.input("image", {123, 47, 3}), 24, {3, 3}, {.padding = 1}));
    x = g.relu6(g.depthwise_conv2d("depth1", x, {3, 3}, {.stride = 2, .padding = 1}));
    x = g.conv2d("project1", x, 8, {1, 1});
    auto y = g.relu(g.conv2d("expand2", x, 92, {1, 1}));
    y = g.relu(g.depthwise_conv2d("depth2", y, {5, 5}, {.padding = 2}));
    x = g.relu(g.add("sum2", g.conv2d("project2", y, 8, {1, 1}), x));
    auto wide = g.conv2d("wide", x, 95, {1, 1});
    y = g.add("sum3", g.conv2d("same", g.hard_swish("smooth", wide), 95, {1, 1}), wide);
    y = g.conv2d("dilated", y, 95, {3, 3}, {.dilation = 2, .padding = 2});
    y = g.conv2d("grouped", y, 10, {3, 3}, {.stride = 3, .groups = 5});
    g.linear("head", g.global_average_pool("pool", y), 7);
});
inline constexpr tc::recipe int8_all{tc::int8};
inline constexpr auto mixed = tc::recipe{tc::int8}.with("*2", tc::fp32).with("*dilated", tc::int4);

struct backwards {
    template <class F>
    void parallel_for(int count, const F& f) const {
        for (int i = count - 1; i >= 0; --i) f(i);
    }
};
struct pair : backwards {
    static constexpr int parts = 2;
};

template <const auto& Recipe, class Isa>
void same_as_stored() {
    using net = tc::net<model, Recipe, Isa>;
    using stored = tc::net<model, Recipe, Isa, tc::lowering::stored>;
    STATIC_REQUIRE(std::is_same_v<stored, typename net::stored_net>);
    STATIC_REQUIRE(std::is_same_v<stored, typename stored::stored_net>);
    STATIC_REQUIRE(net::template arena_bytes_for<backwards> > net::arena_bytes);
    const auto weights = tests::numbers_for(model);
    const auto inputs = tests::inputs_for(model);
    const auto scales = tests::scales_for(model, tests::evaluate(model, weights, inputs));
    const tests::packed<net> bytes(weights, scales);
    const auto expected = tests::run(tests::packed<stored>(weights, scales), inputs);
    CHECK(tests::run(bytes, inputs) == expected);
    CHECK(tests::run(bytes, inputs, backwards{}) == expected);
    CHECK(tests::run(bytes, inputs, pair{}) == expected);
}

}  // namespace streams
using namespace streams;

// To the bit, in floating point too: a stream computes each value with the same sums in the same order.
TEST_CASE("a stream computes what the stored images would be", "[net]") {
    same_as_stored<int8_all, tc::native>();
    same_as_stored<tc::all_fp32, tc::native>();
    same_as_stored<mixed, tc::native>();
}

TEST_CASE("a stream computes the same in plain C++", "[net]") {
    same_as_stored<int8_all, tc::isa::scalar>();
    same_as_stored<tc::all_fp32, tc::isa::scalar>();
}

TEST_CASE("the streams of the model under test", "[net]") {
    using net = tc::net<model, int8_all>;
    int streamed = 0, ends = 0, residuals = 0;
    for (int id = 0; id < net::node_count; ++id) {
        streamed += net::graph[id].kept_rows > 0 ? 1 : 0;
        ends += net::graph[id].band_rows > 0 ? 1 : 0;
        residuals += net::graph[id].kept_rows > 0 && net::graph[id].residual >= 0 ? 1 : 0;
    }
    CHECK(streamed == 5);
    CHECK(ends == 3);
    CHECK(residuals == 1);
}
