// SPDX-License-Identifier: MIT
#include <compress/graph/builder.hpp>

#include "../catch.hpp"
#include "complaints.hpp"

namespace tc = tensor_compress;

namespace {

/// Shape of what a describing function returns.
template <class Describe>
constexpr tc::shape shape_of(Describe describe) {
    tc::builder<16> g;
    return g.shape_of(describe(g));
}

/// The same for an operator on an image [10, 7, 6].
template <class Describe>
constexpr tc::shape on_image(Describe describe) {
    return shape_of([&](auto& g) { return describe(g, g.input("x", {10, 7, 6})); });
}

}  // namespace

// Convolutions: same gives ceil(input / stride), valid floor((input - reach) / stride) + 1.
static_assert(on_image([](auto& g, auto x) { return g.conv2d("y", x, 9, {3, 3}); }) == tc::shape{10, 7, 9});
static_assert(on_image([](auto& g, auto x) {
                  return g.conv2d("y", x, 9, {2, 5}, {.stride = 2});
              }) == tc::shape{5, 4, 9});
static_assert(on_image([](auto& g, auto x) {
                  return g.conv2d("y", x, 1, 3, {.stride = {3, 4}});
              }) == tc::shape{4, 2, 1});
static_assert(on_image([](auto& g, auto x) {
                  return g.conv2d("y", x, 9, {3, 2}, {.padding = tc::valid});
              }) == tc::shape{8, 6, 9});
static_assert(on_image([](auto& g, auto x) {
                  return g.conv2d("y", x, 9, 3, {.stride = {2, 3}, .padding = tc::valid});
              }) == tc::shape{4, 2, 9});
static_assert(on_image([](auto& g, auto x) { return g.conv2d("y", x, 9, 3, {.dilation = 2, .padding = tc::valid}); }) ==
              tc::shape{6, 3, 9});
static_assert(on_image([](auto& g, auto x) {
                  return g.conv2d("y", x, 9, {2, 4}, {.dilation = {4, 2}, .padding = tc::valid});
              }) == tc::shape{6, 1, 9});
static_assert(on_image([](auto& g, auto x) { return g.conv2d("y", x, 9, 3, {.dilation = 3}); }) == tc::shape{10, 7, 9});
static_assert(on_image([](auto& g, auto x) { return g.conv2d("y", x, 9, 3, {.padding = 1}); }) == tc::shape{10, 7, 9});
static_assert(on_image([](auto& g, auto x) {
                  return g.conv2d("y", x, 9, 3, {.padding = {0, 1, 2, 3}});
              }) == tc::shape{10, 9, 9});
static_assert(on_image([](auto& g, auto x) {
                  return g.conv2d("y", x, 9, 3, {.stride = 2, .padding = {1, 0, 0, 0}});
              }) == tc::shape{5, 3, 9});
static_assert(on_image([](auto& g, auto x) {
                  return g.conv2d("y", x, 9, {10, 7}, {.padding = tc::valid});
              }) == tc::shape{1, 1, 9});
static_assert(on_image([](auto& g, auto x) { return g.conv2d("y", x, 4, 3, {.groups = 2}); }) == tc::shape{10, 7, 4});
static_assert(on_image([](auto& g, auto x) { return g.depthwise_conv2d("y", x, 3, {.stride = 2}); }) ==
              tc::shape{5, 4, 6});
static_assert(on_image([](auto& g, auto x) {
                  return g.depthwise_conv2d("y", x, {1, 3}, {.padding = tc::valid}, 3);
              }) == tc::shape{10, 5, 18});

// Pools: a stride as large as the kernel and no padding, if nothing else is said.
static_assert(on_image([](auto& g, auto x) { return g.max_pool("y", x, 2); }) == tc::shape{5, 3, 6});
static_assert(on_image([](auto& g, auto x) {
                  return g.max_pool("y", x, {3, 2}, {.padding = tc::same});
              }) == tc::shape{4, 4, 6});
static_assert(on_image([](auto& g, auto x) { return g.avg_pool("y", x, 3, {.stride = 1}); }) == tc::shape{8, 5, 6});
static_assert(on_image([](auto& g, auto x) { return g.avg_pool("y", x, 3, {.stride = 2, .padding = 1}); }) ==
              tc::shape{5, 4, 6});
static_assert(on_image([](auto& g, auto x) {
                  return g.avg_pool("y", x, 3, {.stride = {0, 1}});
              }) == tc::shape{3, 5, 6});
static_assert(on_image([](auto& g, auto x) { return g.global_average_pool("y", x); }) == tc::shape{6});
static_assert(on_image([](auto& g, auto x) { return g.adaptive_avg_pool("y", x, {5, 7}); }) == tc::shape{5, 7, 6});
static_assert(on_image([](auto& g, auto x) { return g.adaptive_avg_pool("y", x, 1); }) == tc::shape{1, 1, 6});

// Layers on vectors and rows of vectors.
static_assert(shape_of([](auto& g) { return g.linear("y", g.input("x", {7}), 3); }) == tc::shape{3});
static_assert(shape_of([](auto& g) { return g.linear("y", g.input("x", {5, 7}), 3); }) == tc::shape{5, 3});

// Products of values, of matrices and of batches of them.
static_assert(shape_of([](auto& g) {
                  return g.matmul("y", g.input("a", {5, 7}), g.input("b", {7, 3}));
              }) == tc::shape{5, 3});
static_assert(shape_of([](auto& g) {
                  return g.matmul("y", g.input("a", {2, 5, 7}), g.input("b", {2, 3, 7}), true);
              }) == tc::shape{2, 5, 3});

// What keeps its shape.
static_assert(shape_of([](auto& g) { return g.layer_norm("y", g.input("x", {5, 7})); }) == tc::shape{5, 7});
static_assert(on_image([](auto& g, auto x) { return g.batch_norm("y", x); }) == tc::shape{10, 7, 6});
static_assert(on_image([](auto& g, auto x) {
                  return g.relu(g.relu6(g.sigmoid(g.tanh(g.hard_swish(g.leaky_relu(g.softmax(x)))))));
              }) == tc::shape{10, 7, 6});

// Broadcasting: a single value, a vector of channels, [1, 1, C]; on either side.
static_assert(on_image([](auto& g, auto x) { return g.add(x, x); }) == tc::shape{10, 7, 6});
static_assert(on_image([](auto& g, auto x) { return g.add(x, g.constant("c", {6})); }) == tc::shape{10, 7, 6});
static_assert(on_image([](auto& g, auto x) { return g.mul(g.constant("c", {1}), x); }) == tc::shape{10, 7, 6});
static_assert(on_image([](auto& g, auto x) { return g.mul(g.constant("c", {1, 1, 6}), x); }) == tc::shape{10, 7, 6});
static_assert(on_image([](auto& g, auto x) { return g.mul(x, g.constant("c", {1, 6})); }) == tc::shape{10, 7, 6});
static_assert(shape_of([](auto& g) { return g.add(g.input("x", {4}), g.input("y", {1})); }) == tc::shape{4});
static_assert(tc::broadcast({10, 7, 6}, {7}).rank == 0 && tc::broadcast({10, 7, 6}, {7, 6}).rank == 0 &&
              tc::broadcast({6}, {7}).rank == 0);
static_assert(tc::broadcast({4, 1}, {4}).rank == 0);  // one channel against a vector of four

// Rearrangements.
static_assert(on_image([](auto& g, auto x) { return g.flatten(x); }) == tc::shape{420});
static_assert(on_image([](auto& g, auto x) { return g.reshape("y", x, {2, 5, 7, 6}); }) == tc::shape{2, 5, 7, 6});
static_assert(on_image([](auto& g, auto x) { return g.transpose("y", x, {2, 0, 1}); }) == tc::shape{6, 10, 7});
static_assert(on_image([](auto& g, auto x) { return g.transpose("y", x, {1, 0, 2}); }) == tc::shape{7, 10, 6});
static_assert(shape_of([](auto& g) {
                  return g.transpose("y", g.input("x", {2, 3, 4, 5}), {3, 1, 0, 2});
              }) == tc::shape{5, 3, 2, 4});
static_assert(on_image([](auto& g, auto x) { return g.concat("y", {x, x, x}); }) == tc::shape{10, 7, 18});
static_assert(on_image([](auto& g, auto x) {
                  return g.concat("y", {x, g.input("z", {10, 2, 6})}, 1);
              }) == tc::shape{10, 9, 6});
static_assert(on_image([](auto& g, auto x) {
                  return g.concat("y", {g.input("z", {3, 7, 6}), x}, -3);
              }) == tc::shape{13, 7, 6});
static_assert(on_image([](auto& g, auto x) {
                  return g.concat("y", {x, x, x, x, x, x, x, x}, 0);
              }) == tc::shape{80, 7, 6});
static_assert(on_image([](auto& g, auto x) { return g.pad("y", x, {1, 2, 3, 4}); }) == tc::shape{14, 13, 6});

// What nodes remember.
constexpr auto written = tc::make_model([](auto& g) {
    auto x = g.input("image", {9, 9, 4});
    auto a = g.conv2d("conv", x, 8, {3, 2}, {.stride = {2, 1}, .dilation = {1, 2}, .groups = 2, .bias = false});
    auto b = g.conv2d("depthwise", x, 12, 3, {.groups = 4});
    g.leaky_relu(a, 0.25f);
    g.batch_norm("norm", b, 0.5f);
    g.pad("around", x, {.top = 1, .right = 2}, -3.0f);
    g.avg_pool("mean", x, 3, {.padding = {1, 0, 2, 1}, .count_padding = true});
    g.transpose("turned", x, {1, 2, 0});
    g.concat("joined", {x, x}, -2);
});
static_assert(written.count == 9 && written.capacity == 9);  // of exact size
static_assert(written[1].kind == tc::op::conv2d && written[1].inputs[0] == 0 && written[1].input_count == 1 &&
              !written[1].bias);
static_assert(written[1].slide == tc::window{{3, 2}, {2, 1}, {1, 2}, {1, 1, 1, 1}, 2, false});
static_assert(written[2].kind == tc::op::depthwise_conv2d && written[2].slide.groups == 4 && written[2].bias);
static_assert(written[3].kind == tc::op::leaky_relu && written[3].parameter == 0.25f &&
              written[3].name == tc::label("conv/leaky_relu"));
static_assert(written[4].parameter == 0.5f);
static_assert(written[5].cut == tc::margins{1, 0, 0, 2} && written[5].parameter == -3.0f);
static_assert(written[6].slide == tc::window{{3, 3}, {3, 3}, {1, 1}, {1, 0, 2, 1}, 1, true});
static_assert(written[7].order[0] == 1 && written[7].order[1] == 2 && written[7].order[2] == 0);
static_assert(written[8].axis == 1 && written[8].input_count == 2);

// Without a word about outputs, what nothing reads is an output, in the order of writing.
static_assert(written.output_count == 6 && written.outputs[0] == 3 && written.outputs[1] == 4 &&
              written.outputs[5] == 8);

// Labels of what is not named, and of outputs.
constexpr auto named = tc::make_model([](auto& g) {
    auto x = g.input("x", {4});
    auto a = g.relu(x);
    auto b = g.relu(x);
    auto c = g.add(a, b);
    auto d = g.linear("layer", c, 4);
    g.output("result", g.relu(d));
    g.output("layer_result", d);
    g.output("input_again", x);
});
static_assert(named[1].name == tc::label("x/relu") && named[2].name == tc::label("x/relu_2"));
static_assert(named[3].name == tc::label("x/relu/add"));
static_assert(named[5].name == tc::label("result"));
static_assert(named[4].name == tc::label("layer") &&
              named[0].name == tc::label("x"));  // known by the weights, by the caller
static_assert(named.output_count == 3 && named.outputs[0] == 5 && named.outputs[1] == 4 && named.outputs[2] == 0);

// A lambda with a capture gives a model of the whole capacity.
constexpr auto with_capture =
    tc::make_model<12>([channels = 5](auto& g) { g.linear("y", g.input("x", {3}), channels); });
static_assert(with_capture.capacity == 12 && with_capture.count == 2 && with_capture[1].output == tc::shape{5});

namespace {

/// What a builder says of a wrong description, and of which node.
template <class Describe>
std::pair<std::string, std::string> complaint_of(Describe describe) {
    try {
        tests::run_time_builder<6> g;
        describe(g, g.input("image", {8, 6, 4}));
        static_cast<void>(g.finish());
    } catch (const tests::complaint& c) {
        return {c.sentence, c.name.c_str()};
    }
    return {};
}

}  // namespace

TEST_CASE("models can be written at run time", "[graph]") {
    tests::run_time_builder<> g;
    auto x = g.input("image", {8, 8, 3});
    for (int i = 0; i < 4; ++i) x = g.conv2d(tc::label("layer") / std::to_string(i).c_str(), x, 4, 3);
    const auto m = g.finish();
    CHECK(m.count == 5);
    CHECK(m.find("layer/3") == 4);
    CHECK(m[4].output == tc::shape{8, 8, 4});
}

TEST_CASE("complaints name the node", "[graph]") {
    using pair = std::pair<std::string, std::string>;
    CHECK(complaint_of([](auto& g, auto x) { g.relu(x); }) == pair{});
    CHECK(complaint_of([](auto& g, auto x) {
              g.conv2d("a", x, 8, {9, 1}, {.padding = tc::valid});
          }) == pair("the_kernel_is_larger_than_the_padded_input", "a"));
    CHECK(complaint_of([](auto& g, auto x) { g.add("b", x, g.flatten(x)); }) ==
          pair("these_operands_have_different_shapes", "b"));
    CHECK(complaint_of([](auto& g, auto x) { g.matmul("c", x, g.input("vector", {6})); }) ==
          pair("these_matrices_cannot_be_multiplied", "c"));
    CHECK(complaint_of([](auto& g, auto x) { g.conv2d("c", x, 7, 3, {.groups = 2}); }) ==
          pair("channels_must_be_divisible_by_groups", "c"));
    CHECK(complaint_of([](auto& g, auto x) { g.linear("d", x, 2); }) == pair("this_operator_needs_a_vector", "d"));
    CHECK(complaint_of([](auto& g, auto x) { g.max_pool("e", g.flatten(x), 2); }) ==
          pair("this_operator_needs_an_image", "e"));
    CHECK(complaint_of([](auto& g, auto x) { g.relu("image", x); }) == pair("this_label_is_used_twice", "image"));
    CHECK(complaint_of([](auto& g, auto x) { g.relu("a=b", x); }) ==
          pair("a_label_contains_a_character_reserved_for_recipes", "a=b"));
    CHECK(complaint_of([](auto& g, auto) { g.relu("f", tc::value{5}); }) ==
          pair("this_value_belongs_to_no_earlier_node", "f"));
    CHECK(complaint_of([](auto& g, auto x) {
              for (int i = 0; i < 6; ++i) x = g.relu(x);
          }) == pair("the_model_has_more_nodes", ""));
    CHECK(complaint_of([](auto& g, auto x) { g.conv2d("g", x, -4, 3); }) ==
          pair("kernel_stride_dilation_and_groups_must_be_positive", "g"));
    CHECK(complaint_of([](auto& g, auto x) { g.depthwise_conv2d("h", x, 3, {}, 0); }).second == "h");
    CHECK(complaint_of([](auto& g, auto x) { g.concat("i", {x, g.global_average_pool("p", x)}, 0); }).second == "i");
    CHECK(complaint_of([](auto& g, auto x) {
              g.concat("j", {x, x, x, x, x, x, x, x, x});
          }) == pair("concat_joins_2_to_8_values", "j"));
}

TEST_CASE("up to nine unnamed values of one kind get names of their own", "[graph]") {
    tests::run_time_builder<> g;
    const auto x = g.input("x", {4});
    for (int i = 0; i < 9; ++i) g.relu(x);
    CHECK(g.label_of(tc::value{9}) == tc::label("x/relu_9"));
    CHECK_THROWS_AS(g.relu(x), tests::complaint);
}
