// SPDX-License-Identifier: MIT
#include <compress/graph/rewrite/keep_channels.hpp>

#include <compress/graph/builder.hpp>
#include <compress/graph/cost.hpp>

namespace tc = tensor_compress;

namespace {

template <int Stem, int Inner, int Last>
constexpr auto block() {
    return tc::make_model([](auto& g) {
        auto x = g.relu(g.batch_norm("norm", g.conv2d("stem", g.input("image", {8, 8, 3}), Stem, {3, 3})));
        auto y = g.relu6(g.conv2d("expand", x, Inner, {1, 1}));
        y = g.relu6(g.depthwise_conv2d("deep", y, {3, 3}));
        x = g.add("sum", g.conv2d("project", y, Stem, {1, 1}), x);
        auto z = g.concat("both", {x, g.conv2d("beside", x, Last, {1, 1}, {.bias = false})});
        z = g.conv2d("last", z, Last, {3, 3}, {.stride = 2});
        g.softmax(g.linear("head", g.flatten(z), 5));
    });
}
constexpr auto full = block<10, 24, 6>();

template <int A, int B>
constexpr bool equal(const tc::model<A>& a, const tc::model<B>& b) {
    if (a.count != b.count) return false;
    for (int id = 0; id < a.count; ++id)
        if (a[id].kind != b[id].kind || a[id].name != b[id].name || a[id].output != b[id].output ||
            a[id].slide != b[id].slide || a[id].bias != b[id].bias)
            return false;
    return true;
}

}  // namespace

// Half of every group, and a single group by one of its layers: the models that are written with so many channels.
static_assert(equal(tc::keep_channels(full, {.ratio = 0.5}), block<5, 12, 3>()));
static_assert(equal(tc::keep_channels(full, {}), block<5, 12, 3>()));
static_assert(equal(tc::keep_channels(full, "project", 7), block<7, 24, 6>()));
static_assert(equal(tc::keep_channels(full, "stem", 7), block<7, 24, 6>()));
static_assert(equal(tc::keep_channels(full, "deep", 1), block<10, 1, 6>()));
static_assert(equal(tc::keep_channels(full, {.ratio = 1}), full));
static_assert(equal(tc::keep_channels(full, "expand", 24), full));

// To the nearest number, or the nearest multiple, and never none.
static_assert(equal(tc::keep_channels(full, {.ratio = 0.7}), block<7, 17, 4>()));
static_assert(equal(tc::keep_channels(full, {.ratio = 0.01}), block<1, 1, 1>()));
static_assert(equal(tc::keep_channels(full, {.ratio = 0.5, .layers = "expand", .multiple = 8}), block<10, 16, 6>()));
static_assert(equal(tc::keep_channels(full, {.ratio = 0.01, .multiple = 8}), block<8, 8, 6>()));
static_assert(tc::multiply_adds(tc::keep_channels(full, {.ratio = 0.5})) * 2 < tc::multiply_adds(full));

// Outputs stay, whatever their layers are called.
static_assert(tc::keep_channels(full, {.ratio = 0.5, .layers = "head"}).nodes[full.find("head")].output.channels() ==
              5);
