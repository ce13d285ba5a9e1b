// SPDX-License-Identifier: MIT
#include <compress/inference.hpp>

#include "running.hpp"

namespace tc = tensor_compress;
using tests::expect_reference;

// Models have external linkage, so those of two files must not share a name.
namespace graphs {

// Parts side by side along each axis, axes in other orders, and values that only change their shape.
inline constexpr auto rearranged = tc::make_model([](auto& g) {
    auto x = g.input("image", {3, 4, 2});
    auto a = g.relu(x);
    auto channels = g.concat("channels", {a, x, g.sigmoid(x)});
    auto columns = g.concat("columns", {channels, g.tanh(channels)}, 1);
    auto rows = g.concat("rows", {columns, columns}, 0);
    auto turned = g.transpose("turned", rows, {2, 0, 1});
    g.output("back", g.transpose("back", g.transpose("front", turned, {0, 2, 1}), {2, 1, 0}));
    auto sequence = g.reshape("sequence", turned, {6, 48});
    g.output("steps", g.linear("each_row", sequence, 3));
    g.output("flat", g.linear("head", g.flatten(g.transpose("across", sequence, {1, 0})), 4));
});

// Inputs and outputs of several shapes; values that are read as results and by later layers.
inline constexpr auto several = tc::make_model([](auto& g) {
    auto left = g.input("left", {5});
    auto right = g.input("right", {2, 3, 4});
    auto unread = g.input("unread", {7});
    auto a = g.linear("a", left, 4);
    g.output("a", a);
    auto b = g.mul("b", right, a);
    auto c = g.relu(b);
    g.output("c", c);
    g.output("b", b);
    auto flat = g.flatten("flat", c);
    g.output("flat", flat);
    g.output(left);
    g.output("view_of_input", g.reshape("view_of_input", right, {6, 4}));
    g.output("constant", g.constant("constant", {3}));
    static_cast<void>(unread);
});
using several_net = tc::net<several>;
static_assert(several.count_of(tc::op::input) == 3 && several.output_count == 7);

// One operand is read for the last time where it is added: the sum takes its place.
inline constexpr auto residual = tc::make_model([](auto& g) {
    auto x = g.relu(g.conv2d("stem", g.input("image", {5, 5, 3}), 8, 3));
    auto y = g.relu(g.conv2d("block1/conv1", x, 8, 3));
    x = g.relu(g.add("block1/add", g.conv2d("block1/conv2", y, 8, 3), x));
    auto skip = g.conv2d("block2/skip", x, 12, 1, {.stride = 2});
    y = g.relu6(g.conv2d("block2/conv1", x, 12, 3, {.stride = 2}));
    x = g.relu(g.add("block2/add", skip, g.batch_norm("block2/norm", g.conv2d("block2/conv2", y, 12, 3))));
    auto v = g.linear("wide", g.global_average_pool("pool", x), 20);
    g.output("sum", g.add("sum", g.linear("last", g.relu(v), 20), v));
});
using residual_net = tc::net<residual>;
static_assert(residual_net::graph.count_of(tc::op::add) == 0);
static_assert(residual_net::graph.count <
              tc::net<residual, tc::all_fp32, tc::native, tc::lowering::observed>::graph.count);

// Both operands of an add come from the same value, and a value is added to a view of itself.
inline constexpr auto doubled = tc::make_model([](auto& g) {
    auto x = g.linear("x", g.input("vector", {6}), 6);
    auto twice = g.add("twice", x, x);
    auto shifted = g.add("shifted", g.reshape("view", twice, {6}), twice);
    g.output("result", g.mul("square", shifted, shifted));
});

}  // namespace graphs
using namespace graphs;

TEST_CASE("rearranged values are where they belong", "[net]") { expect_reference<rearranged>(); }
TEST_CASE("several inputs and outputs go by their order of declaration", "[net]") { expect_reference<several>(); }
TEST_CASE("fused residuals give what separate sums give", "[net]") { expect_reference<residual>(); }
TEST_CASE("a value may be both operands", "[net]") { expect_reference<doubled>(); }

TEST_CASE("a layer whose residual is read for the last time writes in its place", "[net]") {
    int in_place = 0;
    for (int id = 0; id < residual_net::node_count; ++id) {
        const tc::node& n = residual_net::graph.nodes[id];
        if (n.residual >= 0 && residual_net::plan.places[id].root == residual_net::plan.places[n.residual].root)
            ++in_place;
    }
    CHECK(in_place == 3);
}

namespace {

/// Keeps what it is shown, by the node of the written model that computes it.
template <class Net>
struct keeper {
    std::vector<tests::tensor>* values;
    template <int Id, class T>
    void see(const T* from) const {
        const auto origin = tests::detail::index(Net::graph.nodes[Id].value_origin);
        (*values)[origin] = tests::real(from, Net::size_of(Id), {});
    }
};

}  // namespace

TEST_CASE("an observed net shows every value of the written model", "[net]") {
    using net = tc::net<residual, tc::all_fp32, tc::native, tc::lowering::observed>;
    const auto weights = tests::numbers_for(residual);
    const auto inputs = tests::inputs_for(residual);
    const auto expected = tests::evaluate(residual, weights, inputs);
    const tests::packed<net> bytes(weights, {});
    const auto image = tests::stored<float>(inputs[0], {});
    std::vector<std::byte> arena(net::arena_bytes);
    float result[20]{};
    std::vector<tests::tensor> seen(expected.size());
    net::execute(*bytes, {{image.data()}, {result}, arena.data()}, keeper<net>{&seen});
    int folded = 0;
    for (int id = 0; id < residual.count; ++id) {
        const tc::label name = residual[id].name;
        INFO(name.text);
        const auto at = tests::detail::index(id);
        if (seen[at].empty())
            ++folded;
        else
            CHECK(tests::error(seen[at], expected[at]) < tests::float_tolerance);
    }
    CHECK(folded == 1);  // the convolution before the batch norm
    CHECK(seen[tests::detail::index(residual.find("block2/conv2"))].empty());
}
