// SPDX-License-Identifier: MIT
#include <compress/transform/remove_dead_channels.hpp>

#include <compress/graph/builder.hpp>
#include <compress/tensor/runner.hpp>
#include <compress/transform/convert.hpp>

#include "../catch.hpp"
#include "../numbers.hpp"

namespace tc = tensor_compress;

namespace dead_channels {

/// A residual block with a depthwise convolution and a linear layer behind a flatten, of any width.
template <int Stem, int Inner, int Flat>
constexpr auto block() {
    return tc::make_model([](auto& g) {
        auto x = g.relu(g.conv2d("stem", g.input("image", {6, 6, 2}), Stem, {3, 3}));
        auto y = g.relu(g.conv2d("expand", x, Inner, {1, 1}));
        y = g.relu6(g.depthwise_conv2d("depthwise", y, {3, 3}));
        x = g.relu(g.add("sum", x, g.conv2d("project", y, Stem, {1, 1})));
        x = g.relu(g.conv2d("last", x, Flat, {3, 3}, {.stride = 2}));
        g.linear("head", g.flatten(x), 4);
    });
}
inline constexpr auto full = block<5, 8, 6>();
inline constexpr auto slim = block<4, 5, 4>();

tc::named_tensors random_weights() {
    tc::named_tensors tensors;
    tests::numbers random(7);
    for (const auto& [name, extents] : tc::needed_tensors(full)) {
        auto t = tc::make_array<float>(extents);
        for (float& v : t) v = random.real();
        tensors.emplace(name, t);
    }
    return tensors;
}

template <const auto& Model>
std::vector<float> outputs_of(const tc::named_tensors& tensors) {
    using net = tc::net<Model>;
    const auto weights = tc::convert<net>(tensors);
    tc::runner<net> run(weights);
    std::vector<float> image(72);
    for (std::size_t i = 0; i < image.size(); ++i) image[i] = static_cast<float>(i % 13) * 0.25f - 1.5f;
    const auto result = run(image);
    return {result.begin(), result.end()};
}

}  // namespace dead_channels

TEST_CASE("channels that feed nothing or are always zero are removed, and the outputs stay the same numbers") {
    using namespace dead_channels;
    auto tensors = random_weights();
    const auto clear = [&](const std::string& name, auto where) {
        auto& t = tensors.at(name);
        for (std::size_t i = 0; i < t.size(); ++i)
            if (where(i)) t.data()[i] = 0.0f;
    };
    // Stem channel 2: no reader uses it, neither expand nor, through the sum, last; nor does project write to it.
    clear("expand.weight", [](std::size_t i) { return i % 5 == 2; });
    clear("last.weight", [](std::size_t i) { return i / 9 % 5 == 2; });
    // Inner channels 1 and 6: project does not read them. Inner channel 3: expand makes a constant below zero of it.
    clear("project.weight", [](std::size_t i) { return i % 8 == 1 || i % 8 == 6 || i % 8 == 3; });
    clear("expand.weight", [](std::size_t i) { return i / 5 == 3; });
    tensors.at("expand.bias")(3) = -1.0f;
    // Flat channels 0 and 5 of 3 x 3 x 6: columns of the linear layer.
    clear("head.weight", [](std::size_t i) { return i % 6 == 0 || i % 6 == 5; });
    const auto expected = outputs_of<full>(tensors);

    auto graph = tc::resized<64>(full);
    const auto removed = tc::remove_dead_channels(graph, tensors);
    REQUIRE(graph.count == slim.count);
    for (int id = 0; id < slim.count; ++id) {
        CAPTURE(id, graph[id].name.text);
        CHECK(graph[id].output == slim[id].output);
        CHECK(graph[id].slide.groups == slim[id].slide.groups);
    }
    CHECK(removed.layers.size() == 5);
    tc::expect_weights(slim, tensors, "test");
    CHECK(outputs_of<slim>(tensors) == expected);
}

TEST_CASE("a model without dead channels stays as it is") {
    using namespace dead_channels;
    auto tensors = random_weights();
    const auto before = tensors;
    auto graph = tc::resized<64>(full);
    CHECK(tc::remove_dead_channels(graph, tensors).layers.empty());
    for (const auto& [name, tensor] : before) CHECK((tensors.at(name) == tensor));
}
