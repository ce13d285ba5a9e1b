// SPDX-License-Identifier: MIT
#include <compress/graph/channel_groups.hpp>

#include <compress/graph/builder.hpp>

namespace tc = tensor_compress;

namespace {

constexpr auto network = tc::make_model([](auto& g) {
    auto x = g.relu("stem/relu", g.batch_norm("stem/norm", g.conv2d("stem", g.input("image", {8, 8, 3}), 6, {3, 3})));
    auto y = g.relu6("deep/relu", g.depthwise_conv2d("deep", x, {3, 3}));
    y = g.conv2d("back", y, 6, {1, 1});
    x = g.add("sum", x, y);
    auto free = g.conv2d("free", x, 5, {1, 1});
    auto both = g.concat("both", {x, free});
    both = g.max_pool("pool", both, 2);
    auto gate = g.sigmoid("gate/sigmoid", g.linear("gate", g.global_average_pool("mean", both), 11));
    auto wide = g.conv2d("wide", both, 11, {1, 1});
    wide = g.mul("gated", wide, gate);
    wide = g.conv2d("grouped", wide, 22, {3, 3}, {.groups = 11});
    auto last = g.linear("last", g.flatten("flat", g.conv2d("before", wide, 4, {1, 1})), 7);
    g.output(g.linear("head", last, 3));
});
constexpr tc::channel_groups groups(network);

constexpr int id(tc::label name) { return network.find(name); }
constexpr int group(tc::label name, int run = 0) { return groups.group(id(name), run); }

}  // namespace

// A residual add and a depthwise convolution tie what they read.
static_assert(group("stem") == group("stem/norm") && group("stem") == group("stem/relu"));
static_assert(group("stem") == group("deep") && group("stem") == group("deep/relu"));
static_assert(group("stem") == group("back") && group("stem") == group("sum"));
static_assert(groups.is_free(group("stem")));
static_assert(groups.begins(id("stem")) && groups.begins(id("back")) && !groups.begins(id("deep")));

// A concat is its parts, in turn, whatever comes behind it.
static_assert(groups.runs(id("both")) == 2 && groups.runs(id("pool")) == 2 && groups.runs(id("mean")) == 2);
static_assert(group("both", 0) == group("stem") && group("both", 1) == group("free"));
static_assert(group("free") != group("stem") && groups.is_free(group("free")));

// A gate is tied to what it multiplies; a convolution in groups takes all it reads, and gives all it has.
static_assert(group("gate") == group("wide") && group("gated") == group("wide"));
static_assert(!groups.is_free(group("wide")) && !groups.is_free(group("grouped")));

// Of a flattened image each channel is there for every pixel.
static_assert(groups.is_free(group("before")) && group("flat") == group("before"));
static_assert(groups.repeats(id("flat")) == 16 && groups.repeats(id("before")) == 1 && groups.repeats(id("last")) == 1);

// What the outside world sees is as it is.
static_assert(!groups.is_free(group("image")) && !groups.is_free(group("head")) && groups.is_free(group("last")));

static_assert([] {
    int sizes[network.capacity]{};
    for (int i = 0; i < network.count; ++i) sizes[i] = network[i].output.channels();
    for (int i = 0; i < network.count; ++i)
        if (groups.channels(i, sizes) != network[i].output.channels()) return false;
    sizes[group("stem")] = 2;
    return groups.channels(id("both"), sizes) == 7 && groups.channels(id("flat"), sizes) == 64;
}());

namespace {

// What ties nothing together fixes what it reads.
template <class Describe>
constexpr bool is_free(const Describe& describe, tc::label name) {
    const auto m = tc::make_model(describe);
    const tc::channel_groups g(m);
    return g.is_free(g.group(m.find(name)));
}

}  // namespace

static_assert(!is_free([](auto& g) { g.linear("b", g.softmax(g.linear("a", g.input("v", {4}), 5)), 2); }, "a"));
static_assert(!is_free([](auto& g) { g.linear("b", g.layer_norm("n", g.linear("a", g.input("v", {4}), 5)), 2); }, "a"));
static_assert(!is_free(
    [](auto& g) {
        auto x = g.linear("a", g.input("v", {4}), 6);
        g.linear("b", g.reshape("r", x, {2, 3}), 2);
    },
    "a"));
// A residual of the input keeps the input's channels.
static_assert(!is_free(
    [](auto& g) {
        auto x = g.input("v", {4});
        g.linear("b", g.add("sum", x, g.linear("a", x, 4)), 2);
    },
    "a"));
// One number for all channels leaves them free; a constant for each is cut with them.
static_assert(is_free(
    [](auto& g) {
        auto x = g.mul("scaled", g.linear("a", g.input("v", {4}), 5), g.constant("one", {1}));
        g.linear("b", g.add("shifted", x, g.constant("each", {5})), 2);
    },
    "a"));
// Flattened images that are concatenated mix pixels of different lengths.
static_assert(!is_free(
    [](auto& g) {
        auto x = g.input("image", {2, 2, 3});
        auto a = g.flatten(g.conv2d("a", x, 4, {1, 1})), b = g.flatten("f", g.conv2d("b", x, 4, {1, 1}));
        g.linear("c", g.concat("both", {a, b}), 2);
    },
    "a"));
