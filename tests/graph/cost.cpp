// SPDX-License-Identifier: MIT
#include <compress/graph/cost.hpp>

#include <compress/graph/builder.hpp>
#include <compress/graph/memory_plan.hpp>
#include <compress/graph/recipe.hpp>

#include "../catch.hpp"

namespace tc = tensor_compress;

namespace {

struct cost {
    long long multiply_adds, parameters;
    friend constexpr bool operator==(const cost&, const cost&) = default;
};

/// Of the last node of a description.
template <class Describe>
constexpr cost cost_of(Describe describe) {
    const auto m = tc::make_model(describe);
    return {tc::multiply_adds(m, m[m.count - 1]), tc::parameters(m, m[m.count - 1])};
}

}  // namespace

static_assert(cost_of([](auto& g) { g.conv2d("y", g.input("x", {32, 32, 3}), 16, 3); }) == cost{442368, 448});
static_assert(cost_of([](auto& g) {
                  g.conv2d("y", g.input("x", {224, 224, 3}), 64, 7, {.stride = 2, .padding = 3, .bias = false});
              }) == cost{118013952, 9408});  // the first of ResNet-50
static_assert(cost_of([](auto& g) { g.conv2d("y", g.input("x", {56, 56, 64}), 256, 1); }) == cost{51380224, 16640});
static_assert(cost_of([](auto& g) {
                  g.conv2d("y", g.input("x", {8, 8, 16}), 32, 3, {.groups = 4});
              }) == cost{73728, 1184});
static_assert(cost_of([](auto& g) { g.depthwise_conv2d("y", g.input("x", {112, 112, 32}), 3); }) == cost{3612672, 320});
static_assert(cost_of([](auto& g) { g.depthwise_conv2d("y", g.input("x", {8, 8, 4}), 3, {}, 2); }) == cost{4608, 80});
static_assert(cost_of([](auto& g) { g.linear("y", g.input("x", {2048}), 1000); }) == cost{2048000, 2049000});
static_assert(cost_of([](auto& g) { g.linear("y", g.input("x", {7, 10}), 4, false); }) == cost{280, 40});
static_assert(cost_of([](auto& g) { g.relu(g.input("x", {10})); }) == cost{0, 0});
static_assert(cost_of([](auto& g) { g.input("x", {10}), g.constant("y", {3, 4}); }) == cost{0, 12});

// The image classifier of MLPerf Tiny.
constexpr auto resnet8 = tc::make_model([](auto& g) {
    auto block = [&](tc::label name, auto x, int channels, int stride) {
        auto skip = stride == 1 ? x : g.conv2d(name / "skip", x, channels, {1, 1}, {.stride = stride});
        auto y = g.relu(g.conv2d(name / "conv1", x, channels, {3, 3}, {.stride = stride}));
        return g.relu(g.add(name / "add", g.conv2d(name / "conv2", y, channels, {3, 3}), skip));
    };
    auto x = g.relu(g.conv2d("stem", g.input("image", {32, 32, 3}), 16, {3, 3}));
    x = block("block1", x, 16, 1);
    x = block("block2", x, 32, 2);
    x = block("block3", x, 64, 2);
    g.softmax("probabilities", g.linear("head", g.global_average_pool("pool", x), 10));
});
static_assert(tc::multiply_adds(resnet8) == 12501632);

constexpr auto lowered_int8 = tc::lower(resnet8, tc::recipe{tc::int8}, tc::lowering::fused);
static_assert(tc::multiply_adds(lowered_int8) == 12501632);  // fusing changes nothing
static_assert(lowered_int8.count == 13);                     // the input, nine convolutions, pool, head and softmax
constexpr auto plan_int8 =
    tc::plan_memory(lowered_int8, tc::recipe<tc::format<tc::tag::int8, tc::tag::dense>>::elements);
static_assert(plan_int8.arena_bytes == 32768);  // two images of 32 * 32 * 16

constexpr auto lowered_fp32 = tc::lower(resnet8, tc::all_fp32, tc::lowering::fused);
constexpr auto plan_fp32 = tc::plan_memory(lowered_fp32, tc::all_fp32.elements);
static_assert(plan_fp32.arena_bytes == 4 * 32768);

TEST_CASE("ResNet-8 has the parameters of its paper", "[graph]") {
    long long parameters = 0;
    for (int id = 0; id < resnet8.count; ++id) parameters += tc::parameters(resnet8, resnet8[id]);
    // 448 + 2 * 2320 + (4640 + 9248 + 544) + (18496 + 36928 + 2112) + 650
    CHECK(parameters == 77706);
}
