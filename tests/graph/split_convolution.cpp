// SPDX-License-Identifier: MIT
#include <compress/graph/rewrite/spatial_low_rank.hpp>
#include <compress/graph/rewrite/tucker.hpp>

#include <compress/graph/builder.hpp>

#include "nodes.hpp"

namespace tc = tensor_compress;

namespace {

constexpr auto written = tc::make_model([](auto& g) {
    auto x = g.input("image", {9, 14, 6});
    x = g.relu(g.conv2d("stem", x, 20, {3, 5}, {.stride = {2, 1}, .dilation = {1, 2}, .padding = {1, 2, 0, 1}}));
    x = g.add("sum", g.conv2d("bare", x, 20, {3, 3}, {.bias = false}), x);
    g.linear("head", g.flatten("flat", g.conv2d("strided", x, 24, {3, 3}, {.stride = 2})), 10);
});
constexpr tc::node stem = written[written.find("stem")], strided = written[written.find("strided")];

template <int Capacity>
constexpr tc::node node_of(const tc::model<Capacity>& m, tc::label name) {
    return m[m.find(name)];
}
/// As it was but for the parts that were put in: the head is still the one output.
template <int Capacity>
constexpr bool is_in_order(const tc::model<Capacity>& m) {
    return tests::is_in_order(m) && m.output_count == 1 && m[m.outputs[0]].name == tc::label("head");
}
using tests::source_of;

}  // namespace

// A window in two: what goes down is the first part's, what goes across the second's.
constexpr auto spatial = tc::spatial_low_rank(written, "stem", 7);
constexpr tc::node down = node_of(spatial, "stem/rows"), across = node_of(spatial, "stem");
static_assert(spatial.count == written.count + 1 && is_in_order(spatial));
static_assert(down.slide == tc::window{.kernel = {3, 1}, .stride = {2, 1}, .padding = {1, 0, 0, 0}});
static_assert(across.slide == tc::window{.kernel = {1, 5}, .dilation = {1, 2}, .padding = {0, 2, 0, 1}});
static_assert(down.output == tc::shape{stem.output.height(), 14, 7} && across.output == stem.output);
static_assert(!down.bias && across.bias);
static_assert(source_of(spatial, "stem/rows") == tc::label("image") &&
              source_of(spatial, "stem") == tc::label("stem/rows"));
static_assert(source_of(spatial, "stem/relu") == tc::label("stem"));
static_assert(!node_of(tc::spatial_low_rank(written, "bare", 2), "bare").bias);

// The largest rank has fewer of both, the next one does not.
static_assert([] {
    for (const char* name : {"stem", "bare", "strided"}) {
        const tc::node n = node_of(written, name);
        const int largest = tc::largest_spatial_rank(written, n);
        const auto counts = [&](int rank) {
            const long long inputs = written[n.inputs[0]].output.channels();
            const long long first = rank * inputs * n.slide.kernel.height,
                            second = n.output.channels() * rank * n.slide.kernel.width;
            const long long height = n.output.height(), width = written[n.inputs[0]].output.width();
            return first + second < tc::parameters(written, n) - (n.bias ? n.output.channels() : 0) &&
                   first * height * width + second * height * n.output.width() < tc::multiply_adds(written, n);
        };
        if (largest < 1 || !counts(largest) || counts(largest + 1)) return false;
    }
    return true;
}());
// A stride from side to side lets the first part compute columns that nothing reads.
static_assert(tc::largest_spatial_rank(written, strided) < (20 * 24 * 9 - 1) / (20 * 3 + 24 * 3));
static_assert(tc::multiply_adds(tc::spatial_low_rank(written, "strided", tc::largest_spatial_rank(written, strided))) <
              tc::multiply_adds(written));

// Three parts: the kernel is in the middle.
constexpr auto three = tc::tucker(written, "strided", {8, 10});
constexpr tc::node inner = node_of(three, "strided/inputs"), core = node_of(three, "strided/core"),
                   outer = node_of(three, "strided");
static_assert(three.count == written.count + 2 && is_in_order(three));
static_assert(inner.slide == tc::window{} && core.slide == strided.slide && outer.slide == tc::window{});
static_assert(inner.output ==
              tc::shape{written[strided.inputs[0]].output.height(), written[strided.inputs[0]].output.width(), 8});
static_assert(core.output == tc::shape{strided.output.height(), strided.output.width(), 10} &&
              outer.output == strided.output);
static_assert(!inner.bias && !core.bias && outer.bias);
static_assert(source_of(three, "strided/inputs") == tc::label("sum") &&
              source_of(three, "strided/core") == inner.name && source_of(three, "strided") == core.name &&
              source_of(three, "flat") == outer.name);
static_assert(tc::channels_of(written, strided) == tc::tucker_ranks{20, 24});

// Ranks that save are those with fewer weights and fewer multiply-adds.
static_assert([] {
    const tc::node n = node_of(written, "bare");
    for (int inputs = 1; inputs <= 20; ++inputs)
        for (int outputs = 1; outputs <= 20; ++outputs) {
            const long long weights = 20 * inputs + 9 * inputs * outputs + outputs * 20;
            if (tc::saves(written, n, {inputs, outputs}) != (weights < 9 * 20 * 20)) return false;
        }
    return true;
}());
static_assert(!tc::saves(written, strided, {20, 20}) && tc::saves(written, strided, {10, 12}));

// Parts can be split again, and the two ways meet in one model.
constexpr auto both = tc::low_rank(tc::spatial_low_rank(three, "bare", 9), "head", 4);
static_assert(both.count == written.count + 4 && is_in_order(both));
