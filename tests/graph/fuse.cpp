// SPDX-License-Identifier: MIT
#include <compress/graph/rewrite/fuse.hpp>

#include <compress/graph/builder.hpp>

#include "../catch.hpp"

namespace tc = tensor_compress;

namespace {

/// Of the formats 0, 1 and 2 the first and last store their values alike.
constexpr tc::element elements[] = {tc::element::signed8, tc::element::float32, tc::element::signed8};

template <class Describe>
constexpr auto fused(Describe describe) {
    auto m = tc::make_model(describe);
    tc::detail::mark_origins(m);
    tc::fuse(m, elements);
    return m;
}

}  // namespace

constexpr auto clamps = fused([](auto& g) {
    auto x = g.relu("a_relu", g.conv2d("a", g.input("image", {8, 8, 3}), 4, 3));  // 2, 1
    x = g.relu6("b_relu", g.depthwise_conv2d("b", x, 3));                         // 4, 3
    x = g.relu("c_relu", g.mul("c", x, x));                                       // 6, 5
    x = g.relu("d_relu", g.linear("d", g.flatten("flat", x), 4));                 // 9, 8, 7
    g.sigmoid("e", x);
});
static_assert(clamps.count == 7 && clamps.count_of(tc::op::relu) + clamps.count_of(tc::op::relu6) == 0);
static_assert(clamps[1].clamp == tc::clamp_kind::relu && clamps[1].value_origin == 2 && clamps[1].stage_origin == 2 &&
              clamps[1].origin == 1);
static_assert(clamps[2].clamp == tc::clamp_kind::relu6 && clamps[2].value_origin == 4 &&
              clamps[2].name == tc::label("b"));
static_assert(clamps[3].clamp == tc::clamp_kind::relu && clamps[5].clamp == tc::clamp_kind::relu &&
              clamps[6].clamp == tc::clamp_kind::none);

// Not a clamp, two readers, an output, another format, no operator that ends with one.
constexpr auto not_clamps = [] {
    auto m = tc::make_model([](auto& g) {
        auto x = g.relu("of_input", g.input("vector", {4}));
        auto a = g.linear("two_readers", x, 4);
        auto b = g.linear("output", g.add("sum", g.relu("a_relu", a), a), 4);
        g.output(b);
        auto c = g.linear("other_format", g.relu("b_relu", b), 4);
        auto d = g.linear("smooth", g.relu("c_relu", c), 4);
        g.relu("of_function", g.hard_swish("d_function", d));
        g.output("result", g.relu("of_relu", g.relu("e_relu", g.linear("e", d, 4))));
    });
    tc::detail::mark_origins(m);
    m[m.find("c_relu")].format = 1;
    tc::fuse(m, elements);
    return m;
}();
static_assert(not_clamps[not_clamps.find("two_readers")].clamp == tc::clamp_kind::none);
static_assert(not_clamps[not_clamps.find("output")].clamp == tc::clamp_kind::none);
static_assert(not_clamps[not_clamps.find("other_format")].clamp == tc::clamp_kind::none);
static_assert(not_clamps[not_clamps.find("e")].clamp == tc::clamp_kind::relu && not_clamps.find("e_relu") < 0);
static_assert(not_clamps.find("of_input") > 0 && not_clamps.find("a_relu") > 0 && not_clamps.find("b_relu") > 0 &&
              not_clamps.find("c_relu") > 0);
static_assert(not_clamps.find("result") > 0);  // a second clamp of one layer

// The later operand takes the sum; its label stays, at the place of the add.
constexpr auto later = fused([](auto& g) {
    auto x = g.input("image", {8, 8, 4});
    auto a = g.conv2d("a", x, 4, 3);                    // 1
    auto b = g.relu("b_relu", g.conv2d("b", x, 4, 1));  // 3, 2
    g.relu("result", g.add("sum", b, a));               // 5, 4
});
static_assert(later.count == 3 && later.count_of(tc::op::add) == 0);
static_assert(later[1].name == tc::label("a") && later[1].residual == -1);
static_assert(later[2].name == tc::label("b") && later[2].inputs[0] == 0 && later[2].residual == 1);
static_assert(later[2].clamp == tc::clamp_kind::relu && later[2].sum_clamp == tc::clamp_kind::relu);
static_assert(later[2].origin == 2 && later[2].stage_origin == 3 && later[2].value_origin == 5);

// The first operand, where that is the later one; what comes between runs before.
constexpr auto first_operand = fused([](auto& g) {
    auto x = g.input("image", {8, 8, 4});
    auto a = g.sigmoid("a", x);
    auto b = g.conv2d("b", x, 4, 3);
    auto c = g.tanh("c", a);
    g.output("sum", g.add("add", b, a));
    g.output(c);
});
static_assert(first_operand.count == 4 && first_operand[3].name == tc::label("b") && first_operand[3].residual == 1);
static_assert(first_operand.outputs[0] == 3 && first_operand.outputs[1] == 2);

// A linear layer, too; and a chain of sums, each in its own layer.
constexpr auto chain = fused([](auto& g) {
    auto x = g.input("vector", {4});
    x = g.add("sum1", x, g.linear("a", x, 4));
    g.add("sum2", g.linear("b", x, 4), x);
});
static_assert(chain.count == 3 && chain[1].residual == 0 && chain[2].residual == 1 && chain[2].inputs[0] == 1);

// A layer that has one sum does not take a second.
constexpr auto second_sum = fused([](auto& g) {
    auto x = g.input("vector", {4});
    auto y = g.linear("a", x, 4);
    g.add("sum2", g.add("sum1", y, x), x);
});
static_assert(second_sum.count == 3 && second_sum[1].residual == 0 && second_sum[2].kind == tc::op::add);

// What does not fuse: an output, two readers, groups, one channel each, a vector, both operands the same, a mul.
constexpr auto not_sums = fused([](auto& g) {
    auto x = g.input("image", {4, 4, 4});
    auto a = g.conv2d("output", x, 4, 3);
    g.output(a);
    auto b = g.conv2d("two_readers", g.add("sum1", a, x), 4, 3);
    auto c = g.conv2d("groups", g.mul("product1", g.add("sum2", b, x), b), 4, 3, {.groups = 2});
    auto d = g.depthwise_conv2d("depthwise", g.add("sum3", c, x), 3);
    auto e = g.add("sum4", d, x);
    auto f = g.linear("vector", g.global_average_pool("pool", e), 4);
    auto h = g.conv2d("same", g.add("sum5", e, f), 4, 1);
    auto i = g.conv2d("factor", g.add("sum6", h, h), 4, 1);
    g.output("product2", g.mul("last", i, x));
});
static_assert(not_sums.count_of(tc::op::add) == 6 && not_sums.count_of(tc::op::mul) == 2);

// Nor one whose values are stored otherwise; another format of the same values does not matter.
template <int Format, int Node = 1>
constexpr auto with_format = [] {
    auto m = tc::make_model([](auto& g) {
        auto x = g.input("vector", {4});
        g.add("sum", g.linear("a", x, 4), x);
    });
    tc::detail::mark_origins(m);
    m[Node].format = Format;
    tc::fuse(m, elements);
    return m;
}();
static_assert(with_format<1, 0>.count_of(tc::op::add) == 1);  // the other operand
static_assert(with_format<1>.count == 3 && with_format<2>.count == 2);

TEST_CASE("fusing twice is fusing once", "[graph]") {
    auto again = later;
    tc::fuse(again, elements);
    CHECK(again.count == later.count);
    CHECK(again[2].residual == 1);
}
