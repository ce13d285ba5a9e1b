// SPDX-License-Identifier: MIT
// LayerNormalization and MatMul of two values: what attention is exported as.
#include <compress/io/onnx.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include <compress/io/model_text.hpp>
#include <compress/net/net.hpp>
#include <compress/tensor/runner.hpp>
#include <compress/transform/convert.hpp>

#include "../catch.hpp"
#include "../data.hpp"
#include "imported_values.hpp"
#include "onnx_writer.hpp"
#include "written_model.hpp"

namespace tc = tensor_compress;
using Catch::Matchers::ContainsSubstring;
using tests::dims;
using tests::import_written;
using tests::kinds;
using tests::last;
using tests::message_of;
using tests::onnx_writer;
using tests::weight;

/// What the imported model is written as, compiled.
namespace imported_attention {
#include "onnx_attention.inc"
}

namespace {

constexpr int tokens = 5, channels = 6, heads = 2, head_channels = 3;
constexpr float first_epsilon = 0.01f;

struct attention_weights {
    std::vector<float> scale, shift, query, key, value, back, back_bias, last_scale;
};
attention_weights some_weights() {
    tests::noise random(7);
    const auto square = [&] { return random.vector(channels * channels, -0.6f, 0.6f); };
    return {random.vector(channels, 0.5f, 1.5f),
            random.vector(channels, -0.5f, 0.5f),
            square(),
            square(),
            square(),
            square(),
            random.vector(channels, -0.5f, 0.5f),
            random.vector(channels, 0.5f, 1.5f)};
}

/// Self-attention of two heads between two layer norms, with a residual, as PyTorch exports it.
onnx_writer attention(const attention_weights& w) {
    onnx_writer file(17);
    file.input("x", {-1, tokens, channels}).output("y", {-1, tokens, channels});
    file.floats("scale", {channels}, w.scale).floats("shift", {channels}, w.shift);
    file.node("LayerNormalization", "/norm/LayerNormalization", {"x", "scale", "shift"}, {"n"},
              {onnx_writer::attribute("axis", std::int64_t{-1}), onnx_writer::attribute("epsilon", first_epsilon)});
    file.integers("split", {0, tokens, heads, head_channels}).integers("joined", {0, tokens, channels});
    const auto head = [&](const std::string& name, const std::vector<float>& matrix, const dims& order) {
        file.floats(name + ".w", {channels, channels}, matrix).node("MatMul", name, {"n", name + ".w"}, {name + ".p"});
        file.node("Reshape", name + "/Reshape", {name + ".p", "split"}, {name + ".s"})
            .node("Transpose", name + "/Transpose", {name + ".s"}, {name}, {onnx_writer::attribute("perm", order)});
    };
    head("query", w.query, {0, 2, 1, 3});
    head("key", w.key, {0, 2, 3, 1});
    head("value", w.value, {0, 2, 1, 3});
    file.floats("root", {}, {std::sqrt(static_cast<float>(head_channels))});
    file.node("MatMul", "scores", {"query", "key"}, {"s"}).node("Div", "scaled", {"s", "root"}, {"d"});
    file.node("Softmax", "weights", {"d"}, {"p"}, {onnx_writer::attribute("axis", std::int64_t{-1})});
    file.node("MatMul", "mixed", {"p", "value"}, {"m"});
    file.node("Transpose", "turn", {"m"}, {"t"}, {onnx_writer::attribute("perm", dims{0, 2, 1, 3})});
    file.node("Reshape", "join", {"t", "joined"}, {"j"}).floats("back.w", {channels, channels}, w.back);
    file.floats("back.b", {channels}, w.back_bias).node("MatMul", "back", {"j", "back.w"}, {"b"});
    file.node("Add", "biased", {"back.b", "b"}, {"a"}).node("Add", "sum", {"x", "a"}, {"r"});
    file.floats("last.scale", {channels}, w.last_scale).node("LayerNormalization", "last", {"r", "last.scale"}, {"y"});
    return file;
}

std::string file_text(const std::string& name) {
    std::ifstream file(std::string(COMPRESS_SOURCE_DIR) + "/tests/io/" + name);
    return {std::istreambuf_iterator<char>(file), {}};
}

// The same in plain loops over the order of the source. A matrix is [rows, columns] in one vector.

using floats = std::vector<float>;

std::size_t at(int row, int column, int columns) { return static_cast<std::size_t>(row * columns + column); }

floats normalized(const floats& x, const floats& scale, const floats& shift, float epsilon) {
    floats y(x.size());
    for (int row = 0; row < tokens; ++row) {
        float mean = 0, variance = 0;
        for (int c = 0; c < channels; ++c) mean += x[at(row, c, channels)] / channels;
        for (int c = 0; c < channels; ++c) variance += std::pow(x[at(row, c, channels)] - mean, 2.0f) / channels;
        for (int c = 0; c < channels; ++c)
            y[at(row, c, channels)] =
                (x[at(row, c, channels)] - mean) / std::sqrt(variance + epsilon) * scale[at(0, c, 0)] +
                shift[at(0, c, 0)];
    }
    return y;
}

floats product(const floats& x, const floats& matrix) {
    floats y(x.size());
    for (int row = 0; row < tokens; ++row)
        for (int o = 0; o < channels; ++o)
            for (int c = 0; c < channels; ++c)
                y[at(row, o, channels)] += x[at(row, c, channels)] * matrix[at(c, o, channels)];
    return y;
}

/// Rows of `value`, weighted by the softmax of how well their key fits the query; each head has three channels.
floats mixed(const floats& query, const floats& key, const floats& value) {
    floats y(query.size());
    for (int head = 0; head < heads; ++head)
        for (int row = 0; row < tokens; ++row) {
            float weights[tokens]{}, sum = 0;
            for (int other = 0; other < tokens; ++other) {
                for (int c = head * head_channels; c < (head + 1) * head_channels; ++c)
                    weights[other] += query[at(row, c, channels)] * key[at(other, c, channels)];
                sum += weights[other] = std::exp(weights[other] / std::sqrt(static_cast<float>(head_channels)));
            }
            for (int c = head * head_channels; c < (head + 1) * head_channels; ++c)
                for (int other = 0; other < tokens; ++other)
                    y[at(row, c, channels)] += weights[other] / sum * value[at(other, c, channels)];
        }
    return y;
}

floats expected_attention(const attention_weights& w, const floats& x) {
    const floats n = normalized(x, w.scale, w.shift, first_epsilon);
    floats y = product(mixed(product(n, w.query), product(n, w.key), product(n, w.value)), w.back);
    for (int row = 0; row < tokens; ++row)
        for (int c = 0; c < channels; ++c)
            y[at(row, c, channels)] += w.back_bias[at(0, c, 0)] + x[at(row, c, channels)];
    return normalized(y, w.last_scale, floats(channels), 1e-5f);
}

onnx_writer normalization(const dims& shape, const dims& scale, const tests::names& attributes = {},
                          const tests::names& results = {"y"}) {
    return onnx_writer(17)
        .input("x", shape)
        .numbered("w", scale)
        .node("LayerNormalization", "/norm", {"x", "w"}, results, attributes)
        .output("y");
}
std::string axis(std::int64_t number) { return onnx_writer::attribute("axis", number); }

onnx_writer product_of(const dims& a, const dims& b) {
    return onnx_writer().input("a", a).input("b", b).node("MatMul", "/product", {"a", "b"}, {"y"}).output("y");
}

}  // namespace

TEST_CASE("attention is imported as it is written by hand", "[onnx]") {
    const auto m = import_written(attention(some_weights()));
    CHECK(kinds(m) ==
          "input layer_norm linear reshape linear reshape linear reshape transpose transpose matmul constant "
          "mul softmax transpose matmul transpose reshape linear constant add add layer_norm");
    const auto& scores = m.graph[m.graph.find(tc::to_label("scores"))];
    CHECK(scores.transposed);
    CHECK(m.graph[scores.inputs[1]].output == tc::shape{heads, tokens, head_channels});
    CHECK_FALSE(m.graph[m.graph.find(tc::to_label("mixed"))].transposed);
    CHECK(weight(m, "norm/LayerNormalization.weight") == some_weights().scale);
    CHECK(weight(m, "norm/LayerNormalization.bias") == some_weights().shift);
    CHECK(weight(m, "last.bias") == floats(channels));
    CHECK(m.graph[1].parameter == first_epsilon);
    CHECK(last(m).parameter == 1e-5f);
    CHECK_FALSE(m.inputs[0].channels_first);
    CHECK_FALSE(m.outputs[0].channels_first);
}

TEST_CASE("imported attention is written as text, and runs as the file says", "[onnx]") {
    const auto w = some_weights();
    const auto m = import_written(attention(w));
    CHECK("// SPDX-License-Identifier: MIT\n" + tc::model_text(m.graph, "read_back") ==
          file_text("onnx_attention.inc"));
    CHECK(tc::model_text(imported_attention::read_back, "read_back") == tc::model_text(m.graph, "read_back"));

    using net = tc::net<imported_attention::read_back>;
    const auto weights = tc::convert<net>(m.weights);
    tc::runner<net> run(weights);
    tests::noise random(8);
    for (int record = 0; record < 3; ++record) {
        const auto x = random.vector(tokens * channels, -2.0f, 2.0f);
        const auto expected = expected_attention(w, x);
        const auto found = run(x);
        REQUIRE(found.size() == expected.size());
        for (std::size_t i = 0; i < expected.size(); ++i) CHECK(found[i] == Approx(expected[i]).margin(2e-5));
    }
}

TEST_CASE("flipped bits of an attention are imported or refused", "[onnx]") {
    const auto whole = attention(some_weights()).bytes();
    std::mt19937 random(20240611);
    int imported = 0, refused = 0;
    for (int round = 0; round < 3000; ++round) {
        auto damaged = whole;
        damaged[random() % damaged.size()] ^= static_cast<std::uint8_t>(1u << random() % 8);
        try {
            static_cast<void>(tc::import_onnx(damaged, "damaged.onnx"));
            ++imported;
        } catch (const tc::error&) {
            ++refused;
        }
    }
    CHECK(imported > 0);
    CHECK(refused > 500);
}

TEST_CASE("a transpose is part of a product only where that moves nothing", "[onnx]") {
    const auto swapped = onnx_writer::attribute("perm", dims{0, 2, 1});
    onnx_writer file;
    file.input("x", {1, 4, 6}).node("Transpose", "t", {"x"}, {"k"}, {swapped});
    file.node("MatMul", "scores", {"x", "k"}, {"s"}).node("MatMul", "back", {"k", "s"}, {"y"});
    file.output("y", {1, 6, 4});
    const auto m = import_written(file);
    // The second reader has it on the left, where it is a node.
    CHECK(kinds(m) == "input matmul transpose matmul");
    CHECK(m.graph[1].transposed);
    CHECK(m.graph[1].output == tc::shape{4, 4});
    CHECK_FALSE(last(m).transposed);
    CHECK(tc::text_of(m.graph[2].name) == "t");

    const auto plain = import_written(product_of({1, 4, 6}, {1, 6, 3}));
    CHECK(kinds(plain) == "input input matmul");
    CHECK_FALSE(last(plain).transposed);

    // The result of a product is turned again: the graph has [3, 4] and sums over its 4.
    onnx_writer twice;
    twice.input("a", {1, 3, 5}).input("b", {1, 5, 4}).node("MatMul", "ab", {"a", "b"}, {"p"});
    twice.node("Transpose", "", {"p"}, {"q"}, {swapped}).node("Relu", "r", {"q"}, {"s"});
    twice.input("c", {1, 2, 4}).node("MatMul", "cq", {"c", "s"}, {"y"}).output("y", {1, 2, 3});
    CHECK(kinds(import_written(twice)) == "input input input matmul relu matmul");
    CHECK(last(import_written(twice)).transposed);
}

TEST_CASE("three axes behind the batch are multiplied in the order of the source", "[onnx]") {
    const auto m = import_written(product_of({1, 2, 3, 4}, {1, 2, 4, 5}));
    CHECK(kinds(m) == "input input transpose transpose matmul");
    CHECK(last(m).output == tc::shape{2, 3, 5});
    tests::tensor a(24), b(40);
    for (std::size_t i = 0; i < a.size(); ++i) a[i] = static_cast<double>(i % 7) - 3;
    for (std::size_t i = 0; i < b.size(); ++i) b[i] = static_cast<double>(i % 5) - 2;
    tests::tensor expected(30);
    for (std::size_t c = 0; c < 2; ++c)
        for (std::size_t row = 0; row < 3; ++row)
            for (std::size_t column = 0; column < 5; ++column)
                for (std::size_t k = 0; k < 4; ++k)
                    expected[c * 15 + row * 5 + column] += a[c * 12 + row * 4 + k] * b[c * 20 + k * 5 + column];
    const auto values =
        tests::imported_values(m, {tests::in_graph_layout(m.inputs[0], a), tests::in_graph_layout(m.inputs[1], b)});
    CHECK(values.back() == expected);
}

TEST_CASE("the axis that is normalised is the last of the graph", "[onnx]") {
    SECTION("channels of an image between two transposes, as ConvNeXt has it") {
        onnx_writer file(17);
        file.input("x", {1, 3, 4, 4}).numbered("w", {3});
        file.node("Transpose", "", {"x"}, {"t"}, {onnx_writer::attribute("perm", dims{0, 2, 3, 1})});
        file.node("LayerNormalization", "n", {"t", "w", "w"}, {"u"}, {axis(3)});
        file.node("Transpose", "", {"u"}, {"y"}, {onnx_writer::attribute("perm", dims{0, 3, 1, 2})});
        const auto m = import_written(file.output("y", {1, 3, 4, 4}));
        CHECK(kinds(m) == "input layer_norm");
        CHECK(last(m).output == tc::shape{4, 4, 3});
        CHECK(m.outputs[0].channels_first);
    }
    SECTION("the width of an image") {
        const auto m = import_written(normalization({1, 3, 4, 5}, {5}).output("y", {1, 3, 4, 5}));
        CHECK(kinds(m).starts_with("input transpose layer_norm"));
        CHECK(m.graph[2].output.channels() == 5);
    }
    SECTION("a vector, a scale that is one number, and axes of extent 1") {
        CHECK(kinds(import_written(normalization({-1, 4}, {4}))) == "input layer_norm");
        const auto m = import_written(normalization({1, 3, 4, 1}, {1}, {axis(2)}));
        CHECK(m.graph[m.graph.find(tc::to_label("norm"))].output.channels() == 4);
        CHECK(weight(m, "norm.weight") == floats(4, 0.01f));
        CHECK(weight(m, "norm.bias") == floats(4));
    }
    SECTION("statistics that nobody reads") {
        CHECK(kinds(import_written(normalization({1, 3, 4}, {4}, {}, {"y", "mean", "deviation"}))) ==
              "input layer_norm");
    }
}

TEST_CASE("normalisations that the graph cannot say name the node and what can be done", "[onnx]") {
    CHECK_THAT(message_of(normalization({1, 3, 4}, {3, 4}, {axis(1)})),
               ContainsSubstring("LayerNormalization: it normalises over 2 axes at once; one is supported, give it "
                                 "axis = -1 or reshape them to one before it (node '/norm')"));
    CHECK_THAT(message_of(normalization({3, 4}, {3, 4}, {axis(0)})),
               ContainsSubstring("it normalises over the batch; the last axis is supported, give it axis = -1"));
    CHECK_THAT(message_of(normalization({3, 4}, {4}, {axis(2)})), ContainsSubstring("it names axis 2"));
    const auto statistics = [](const char* used) {
        return message_of(normalization({1, 3, 4}, {4}, {}, {"y", "mean", "deviation"}).output(used));
    };
    CHECK_THAT(statistics("mean"),
               ContainsSubstring("its result Mean is used; the normalised values alone are supported, compute it with "
                                 "other nodes (node '/norm')"));
    CHECK_THAT(statistics("deviation"), ContainsSubstring("its result InvStdDev is used"));
    CHECK_THAT(
        message_of(
            normalization({1, 3, 4}, {4}, {}, {"y", "mean"}).node("Relu", "/reader", {"mean"}, {"z"}).output("z")),
        ContainsSubstring("its result Mean is used"));
    CHECK_THAT(
        message_of(normalization({1, 4, 4}, {4, 1})),
        ContainsSubstring("the scale 'w' has the shape [4, 1]; one number for each of the 4 that are normalised"));
    CHECK_THAT(message_of(normalization({1, 3, 4}, {3})), ContainsSubstring("'w' [3] is larger than its other"));
    CHECK_THAT(message_of(normalization({1, 3, 4}, {4}, {onnx_writer::attribute("epsilon", -1.0f)})),
               ContainsSubstring("node '/norm' (LayerNormalization): its epsilon is -1, and it must be positive"));
    CHECK_THAT(message_of(onnx_writer(17)
                              .input("x", {1, 4})
                              .input("w", {4})
                              .node("LayerNormalization", "/norm", {"x", "w"}, {"y"})
                              .output("y")),
               ContainsSubstring("the scale 'w' is computed by the model"));
}

TEST_CASE("products that the graph cannot say name the node and both shapes", "[onnx]") {
    CHECK_THAT(message_of(product_of({1, 4}, {1, 4, 3})),
               ContainsSubstring("MatMul: it multiplies [4] by [4, 3] in each record; matrices are supported, reshape "
                                 "vectors to them (node '/product')"));
    CHECK_THAT(message_of(product_of({1, 2, 3, 4}, {1, 1, 4, 5})),
               ContainsSubstring("it multiplies [2, 3, 4] by [1, 4, 5] in each record, which repeats matrices; equal "
                                 "extents before the last two are supported (node '/product')"));
    CHECK_THAT(message_of(product_of({1, 2, 3, 4}, {1, 4, 5})), ContainsSubstring("which repeats matrices"));
    CHECK_THAT(
        message_of(product_of({1, 3, 4}, {1, 5, 2})),
        ContainsSubstring("node '/product' (MatMul): it multiplies [3, 4] by [5, 2] in each record, and the last "
                          "extent of the first is not the last but one of the second"));
    CHECK_THAT(message_of(onnx_writer()
                              .input("x", {1, 3, 4})
                              .numbered("w", {3, 3})
                              .node("MatMul", "/m", {"w", "x"}, {"y"})
                              .output("y")),
               ContainsSubstring("its input 'w' is a constant"));
}
