// SPDX-License-Identifier: MIT
#include <compress/graph/rewrite/low_rank.hpp>

#include <compress/graph/builder.hpp>

#include "nodes.hpp"

namespace tc = tensor_compress;

namespace {

constexpr auto written = tc::make_model([](auto& g) {
    auto x = g.input("image", {9, 7, 6});
    x = g.relu(g.conv2d("stem", x, 20, {3, 5}, {.stride = {2, 1}, .dilation = {1, 1}, .padding = {1, 2, 0, 1}}));
    x = g.add("sum", g.conv2d("bare", x, 20, {3, 3}, {.bias = false}), x);
    g.linear("head", g.flatten("flat", x), 10);
});

/// Whether everything but ids of nodes is the same.
constexpr bool same_operator(const tc::node& a, const tc::node& b) {
    return a.kind == b.kind && a.name == b.name && a.input_count == b.input_count && a.output == b.output &&
           a.slide == b.slide && a.bias == b.bias;
}

using tests::is_in_order;
using tests::source_of;

}  // namespace

static_assert(tc::low_rank_label("block/a") == tc::label("block/a/low_rank"));

// A convolution: its window goes to the first of the two, its bias stays with the second.
constexpr auto stem = tc::low_rank(written, "stem", 7);
static_assert(stem.count == written.count + 1 && is_in_order(stem));
static_assert(stem[1].kind == tc::op::conv2d && stem[1].name == tc::label("stem/low_rank"));
static_assert(stem[1].slide == written[1].slide && !stem[1].bias);
static_assert(stem[1].output == tc::shape{written[1].output[0], written[1].output[1], 7});
static_assert(stem[2].kind == tc::op::conv2d && stem[2].name == tc::label("stem"));
static_assert(stem[2].slide == tc::window{} && stem[2].bias && stem[2].output == written[1].output);
static_assert(source_of(stem, "stem/low_rank") == tc::label("image"));
static_assert(source_of(stem, "stem") == tc::label("stem/low_rank"));
static_assert(source_of(stem, "stem/relu") == tc::label("stem"));
static_assert(stem.consumers(1) == 1);

// All other nodes are as they were, and read what they read.
static_assert([] {
    for (int id = 2; id < written.count; ++id) {
        if (!same_operator(written[id], stem[id + 1])) return false;
        for (int i = 0; i < written[id].input_count; ++i)
            if (!(written[written[id].inputs[i]].name == stem[stem[id + 1].inputs[i]].name)) return false;
    }
    return true;
}());
static_assert(stem.output_count == 1 && stem[stem.outputs[0]].name == tc::label("head"));

static_assert(tc::multiply_adds(stem, stem[1]) == stem[1].output.elements() * 3 * 5 * 6);
static_assert(tc::multiply_adds(stem, stem[2]) == stem[2].output.elements() * 7);
static_assert(tc::multiply_adds(stem) < tc::multiply_adds(written));
static_assert(tc::parameters(stem, stem[1]) == 7 * 3 * 5 * 6 && tc::parameters(stem, stem[2]) == (7 + 1) * 20);

// A layer without a bias gets none.
constexpr auto bare = tc::low_rank(written, "bare", 4);
static_assert(!bare[bare.find("bare")].bias && !bare[bare.find("bare/low_rank")].bias);
static_assert(source_of(bare, "sum") == tc::label("bare") && source_of(bare, "sum", 1) == tc::label("stem/relu"));

// The layer that is the output stays the output; twice on one model, in either order.
constexpr auto head = tc::low_rank(written, "head", 3);
static_assert(head.output_count == 1 && head[head.outputs[0]].name == tc::label("head"));
static_assert(head[head.outputs[0]].output == tc::shape{10} && head[head.outputs[0]].bias);
static_assert(head[head.find("head/low_rank")].kind == tc::op::linear);
static_assert(head[head.find("head/low_rank")].output == tc::shape{3} && !head[head.find("head/low_rank")].bias);
static_assert(tc::multiply_adds(head, head[head.find("head/low_rank")]) == 3 * written[written.find("flat")].output[0]);
static_assert(tc::multiply_adds(head, head[head.find("head")]) == 3 * 10);

constexpr auto both = tc::low_rank(stem, "head", 3), reversed = tc::low_rank(head, "stem", 7);
static_assert(both.count == written.count + 2 && is_in_order(both) && is_in_order(reversed));
static_assert([] {
    for (int id = 0; id < both.count; ++id) {
        if (!same_operator(both[id], reversed[id])) return false;
        for (int i = 0; i < both[id].input_count; ++i)
            if (both[id].inputs[i] != reversed[id].inputs[i]) return false;
    }
    return both.outputs[0] == reversed.outputs[0] && both.outputs[0] == both.count - 1;
}());
static_assert(tc::multiply_adds(both) == tc::multiply_adds(written) -
                                             (tc::multiply_adds(written) - tc::multiply_adds(stem)) -
                                             (tc::multiply_adds(written) - tc::multiply_adds(head)));

// The first part of a split layer can be split again.
constexpr auto thrice = tc::low_rank(both, "stem/low_rank", 2);
static_assert(thrice.count == written.count + 3 && is_in_order(thrice));
static_assert(source_of(thrice, "stem") == tc::label("stem/low_rank") &&
              source_of(thrice, "stem/low_rank") == tc::label("stem/low_rank/low_rank"));

// A linear layer over rows of vectors keeps the rows; an output that is read by others, and one of several.
constexpr auto rows = tc::make_model([](auto& g) {
    auto x = g.linear("first", g.input("rows", {5, 12}), 16);
    auto y = g.relu("clamped", x);
    g.output(y);
    g.output(x);
    g.output(g.linear("last", y, 8));
});
constexpr auto split_rows = tc::low_rank(rows, "first", 6);
static_assert(split_rows[split_rows.find("first/low_rank")].output == tc::shape{5, 6});
static_assert(split_rows[split_rows.find("first")].output == tc::shape{5, 16});
static_assert(split_rows.output_count == 3);
static_assert(split_rows[split_rows.outputs[0]].name == tc::label("clamped"));
static_assert(split_rows[split_rows.outputs[1]].name == tc::label("first"));
static_assert(split_rows[split_rows.outputs[2]].name == tc::label("last"));

// Weights as a matrix, and the largest rank with fewer weights.
static_assert(tc::matrix_of(written, written[1]) == tc::extent2(20, 3 * 5 * 6));
static_assert(tc::matrix_of(rows, rows[1]) == tc::extent2(16, 12));
static_assert(tc::break_even_rank({256, 256}) == 127);
static_assert(tc::break_even_rank({10, 10}) == 4);
static_assert(tc::break_even_rank({1, 100}) == 0);
static_assert([] {
    for (int outputs = 1; outputs < 20; ++outputs)
        for (int terms = 1; terms < 20; ++terms) {
            const int rank = tc::break_even_rank({outputs, terms});
            if (rank * (outputs + terms) >= outputs * terms) return false;
            if ((rank + 1) * (outputs + terms) < outputs * terms) return false;
        }
    return true;
}());
