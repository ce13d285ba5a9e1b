// SPDX-License-Identifier: MIT
#include <compress/graph/rewrite/lower.hpp>

#include <compress/graph/builder.hpp>
#include <compress/graph/recipe.hpp>

#include "../catch.hpp"

namespace tc = tensor_compress;

namespace {

/// Node of that label, which must be there.
template <int Capacity>
constexpr tc::node node_of(const tc::model<Capacity>& m, tc::label name) {
    return m[m.find(name)];
}

constexpr auto mixed = tc::recipe{tc::int8}.with("float*", tc::fp32);

constexpr auto meeting = [] {
    auto m = tc::make_model([](auto& g) {
        auto x = g.input("vector", {4});
        auto a = g.linear("int_a", x, 4);
        auto b = g.linear("float_b", a, 4);
        auto c = g.linear("float_c", a, 4);
        auto d = g.concat("int_d", {b, c, a});
        g.linear("int_e", d, 4);
    });
    return tc::lower(m, mixed, tc::lowering::fused);
}();

}  // namespace

// One conversion of `int_a` serves both readers; each of its results is converted back by itself.
static_assert(meeting.count == 9 && meeting.count_of(tc::op::convert) == 3);
static_assert(node_of(meeting, "float_b").inputs[0] == node_of(meeting, "float_c").inputs[0]);
static_assert(meeting[node_of(meeting, "float_b").inputs[0]].name == tc::label("int_a/converted"));
static_assert(meeting[node_of(meeting, "int_d").inputs[0]].name == tc::label("float_b/converted"));
static_assert(meeting[node_of(meeting, "int_d").inputs[1]].name == tc::label("float_c/converted"));
static_assert(meeting[node_of(meeting, "int_d").inputs[2]].name == tc::label("int_a"));
static_assert(node_of(meeting, "int_a/converted").format == 1 && node_of(meeting, "float_b/converted").format == 0);
static_assert(node_of(meeting, "int_a/converted").value_origin == 1 &&
              node_of(meeting, "float_b/converted").value_origin == 2);
static_assert(node_of(meeting, "float_b/converted").output == tc::shape{4});

// The order stays one in which each node comes after its inputs.
static_assert([] {
    for (int id = 0; id < meeting.count; ++id)
        for (int i = 0; i < meeting[id].input_count; ++i)
            if (meeting[id].inputs[i] >= id) return false;
    return true;
}());
static_assert(meeting[meeting.outputs[0]].name == tc::label("int_e"));

// Formats of one element need none, and their products and sums are fused.
constexpr auto one_element = [] {
    auto m = tc::make_model([](auto& g) {
        auto x = g.input("vector", {4});
        g.relu(g.add("int_sum", g.linear("other_int", x, 4), x));
    });
    return tc::lower(m, tc::recipe{tc::int8}.with("other*", tc::int8 | tc::dense), tc::lowering::fused);
}();
static_assert(one_element.count_of(tc::op::convert) == 0 && one_element.count_of(tc::op::add) == 0);

// Outputs that are renamed inputs, constants or other outputs are copied, so that each is written.
constexpr auto copied = [] {
    auto m = tc::make_model([](auto& g) {
        auto x = g.input("image", {2, 2, 3});
        auto c = g.constant("table", {5});
        auto y = g.relu("clamped", x);
        g.output(x);
        g.output(c);
        g.output(y);
        g.output("flat", g.flatten("flat", y));
        g.output("flat_input", g.reshape("flat_input", x, {12}));
        g.output("of_its_own", g.flatten("of_its_own", g.sigmoid("s", y)));
    });
    return tc::lower(m, tc::all_fp32, tc::lowering::fused);
}();
static_assert(copied.output_count == 6 && copied.count_of(tc::op::convert) == 4);
static_assert(copied[copied.outputs[0]].name == tc::label("image/copied") &&
              copied[copied.outputs[0]].kind == tc::op::convert);
static_assert(copied[copied.outputs[1]].name == tc::label("table/copied"));
static_assert(copied[copied.outputs[2]].name == tc::label("clamped"));
static_assert(copied[copied.outputs[3]].name == tc::label("flat/copied") &&
              copied[copied.outputs[3]].output == tc::shape{12});
static_assert(copied[copied.outputs[4]].name == tc::label("flat_input/copied"));
static_assert(copied[copied.outputs[5]].name == tc::label("of_its_own"));

// The same value twice, without a label.
constexpr auto twice = [] {
    auto m = tc::make_model([](auto& g) {
        auto y = g.relu("y", g.input("x", {4}));
        g.output(y);
        g.output(y);
    });
    return tc::lower(m, tc::all_fp32, tc::lowering::observed);
}();
static_assert(twice.outputs[0] == 1 && twice.outputs[1] == 2 && twice[2].kind == tc::op::convert);

// What is observed keeps every value, except those that are folded.
constexpr auto observed = [] {
    auto m = tc::make_model([](auto& g) {
        auto x = g.input("image", {4, 4, 3});
        g.relu(g.add("sum", g.batch_norm("norm", g.conv2d("conv", x, 3, 3)), x));
    });
    return tc::lower(m, tc::all_fp32, tc::lowering::observed);
}();
static_assert(observed.count == 4 && observed[1].folded_count == 1 && observed[1].residual == -1);

// A dropout is for training: what runs is what would run without it.
constexpr auto describe_dropouts = [](auto& g, bool drops) {
    const auto drop = [&](tc::label name, auto x) { return drops ? g.dropout(name, x, 0.5f) : x; };
    auto x = drop("first",
                  g.relu(g.batch_norm("norm", drop("inside", g.conv2d("conv", g.input("image", {4, 4, 3}), 6, 3)))));
    g.output("end", drop("last", g.linear("head", drop("rows", g.flatten("flat", drop("again", x))), 2)));
};
constexpr bool same_nodes(const auto& a, const auto& b) {
    if (a.count != b.count || a.output_count != b.output_count || a.outputs[0] != b.outputs[0]) return false;
    for (int id = 0; id < a.count; ++id) {
        const tc::node &m = a[id], &n = b[id];
        if (m.kind != n.kind || !(m.name == n.name) || m.input_count != n.input_count || m.inputs[0] != n.inputs[0] ||
            m.clamp != n.clamp || m.folded_count != n.folded_count || !(m.output == n.output))
            return false;
    }
    return true;
}
static_assert([] {
    const auto with = tc::make_model([](auto& g) { describe_dropouts(g, true); });
    const auto without = tc::make_model([](auto& g) { describe_dropouts(g, false); });
    for (const auto mode : {tc::lowering::fused, tc::lowering::stored, tc::lowering::observed})
        if (!same_nodes(tc::lower(with, tc::all_fp32, mode), tc::lower(without, tc::all_fp32, mode))) return false;
    return with.count_of(tc::op::dropout) == 5;
}());

// A long label stays one of at most 63 characters.
constexpr auto long_label = [] {
    auto m = tc::make_model([](auto& g) {
        g.linear("float_b",
                 g.linear("int_label_of_exactly_sixty_three_characters_as_long_as_it_gets_", g.input("x", {4}), 4), 4);
    });
    return tc::lower(m, mixed, tc::lowering::fused);
}();
static_assert(long_label.count_of(tc::op::convert) == 1 && long_label[2].name.size() <= 63);

TEST_CASE("inserting moves references along", "[graph]") {
    auto m = tc::resized<8>(tc::make_model([](auto& g) {
        auto x = g.input("x", {4});
        auto a = g.linear("a", x, 4);
        g.output("sum", g.add("sum", g.linear("b", a, 4), a));
        g.output(a);
    }));
    m[3].residual = 1;
    tc::node n;
    n.kind = tc::op::convert;
    tc::detail::insert_before(m, 1, n);
    CHECK(m.count == 5);
    CHECK(m[1].kind == tc::op::convert);
    CHECK(m[2].inputs[0] == 0);
    CHECK(m[3].inputs[0] == 2);
    CHECK(m[4].inputs[0] == 3);
    CHECK(m[4].inputs[1] == 2);
    CHECK(m[4].residual == 2);
    CHECK(m.outputs[0] == 4);
    CHECK(m.outputs[1] == 2);
}
