// SPDX-License-Identifier: MIT
#include <compress/io/model_text.hpp>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>

#include "../catch.hpp"

namespace tc = tensor_compress;
using Catch::Matchers::ContainsSubstring;

namespace {

/// Every operator, with and without its options.
inline constexpr auto written = tc::make_model([](auto& g) {
    auto x = g.input("image", {16, 16, 3});
    auto y = g.relu(g.batch_norm("stem/norm", g.conv2d("stem", x, 8, {3, 3}, {.stride = 2, .bias = false}), 0.001f));
    y = g.relu6("6 of it", g.depthwise_conv2d("wise", y, {3, 5}, {.dilation = {2, 1}, .padding = {1, 0, 1, 0}}, 2));
    y = g.hard_swish(g.conv2d("grouped", y, 8, {1, 1}, {.padding = 1, .groups = 4}));
    auto z = g.leaky_relu(g.leaky_relu(g.max_pool("pool", y, {2, 2})), 0.2f);
    z = g.avg_pool("mean", z, {3, 3}, {.stride = {1, 2}, .padding = 1, .count_padding = true});
    z = g.pad("pad", g.pad("pad again", z, {0, 1, 0, 1}), {1, 0, 1, 0}, -1.5f);
    auto joined = g.concat("double", {z, g.tanh(z)});
    joined = g.concat("int", {joined, joined}, 0);
    joined = g.transpose("turn", joined, {2, 0, 1});
    auto image = g.reshape("reshape", joined, {4, 2, g.shape_of(joined).elements() / 8});
    auto gate = g.sigmoid(g.global_average_pool("gate", image));
    image = g.mul(image, gate);
    image = g.add("sum", image, g.constant("offset\"\\\t", {1}));
    image = g.dropout("drop again", g.dropout("drop", image), 0.125f);
    g.output(g.softmax(g.linear("head", g.linear("hidden", g.flatten(image), 12, false), 4)));
    g.output(gate);
    auto rows = g.layer_norm("norm", g.layer_norm("first norm", g.input("rows", {4, 6})), 0.01f);
    g.output(g.matmul("square", g.matmul("scores", rows, rows, true), rows));
});

/// What model_text wrote for it, compiled.
#include "model_text.inc"

std::string file_text(const std::string& name) {
    std::ifstream file(std::string(COMPRESS_SOURCE_DIR) + "/tests/io/" + name);
    return {std::istreambuf_iterator<char>(file), {}};
}

void check_equal(const tc::node& a, const tc::node& b) {
    INFO(tc::text_of(a.name));
    CHECK(a.kind == b.kind);
    CHECK(a.name == b.name);
    CHECK(a.output == b.output);
    CHECK(a.slide == b.slide);
    CHECK(a.bias == b.bias);
    CHECK(a.parameter == b.parameter);
    CHECK(a.axis == b.axis);
    CHECK(a.transposed == b.transposed);
    CHECK(a.cut == b.cut);
    CHECK(std::equal(std::begin(a.order), std::end(a.order), std::begin(b.order)));
    CHECK(a.input_count == b.input_count);
    CHECK(std::equal(std::begin(a.inputs), std::end(a.inputs), std::begin(b.inputs)));
}

}  // namespace

TEST_CASE("the text of a model builds an equal model", "[model_text]") {
    REQUIRE(read_back.count == written.count);
    for (int id = 0; id < written.count; ++id) check_equal(read_back[id], written[id]);
    REQUIRE(read_back.output_count == written.output_count);
    for (int i = 0; i < written.output_count; ++i) CHECK(read_back.outputs[i] == written.outputs[i]);
    for (int kind = 0; kind < static_cast<int>(tc::op::convert); ++kind) {
        INFO(tc::name_of(static_cast<tc::op>(kind)));
        CHECK(written.count_of(static_cast<tc::op>(kind)) > 0);
    }
}

TEST_CASE("the text of a model is what it was", "[model_text]") {
    CHECK("// SPDX-License-Identifier: MIT\n" + tc::model_text(written, "read_back") == file_text("model_text.inc"));
    CHECK(tc::model_text(read_back, "read_back") == tc::model_text(written, "read_back"));
}

TEST_CASE("variables have the names of the labels where C++ allows it", "[model_text]") {
    static constexpr auto named = tc::make_model([](auto& g) {
        auto x = g.input("net", {2, 2, 1});
        for (const char* name : {"g", "class", "EOF", "__a__b", "3", "a b", "a/b", "-"}) x = g.tanh(name, x);
        g.relu("unread", x);
        g.output(x);
    });
    const auto text = tc::model_text(named, "net");
    for (const char* part : {"auto net_2 = g.input(\"net\"", "auto g_2 = ", "auto x_class = ", "auto x_EOF = ",
                             "auto a_b = ", "auto x3 = ", "auto a_b_2 = ", "auto a_b_3 = ", "auto x = g.tanh(\"-\"",
                             "    g.relu(\"unread\", x);", "    g.output(x);"})
        CHECK_THAT(text, ContainsSubstring(part));
}

TEST_CASE("what is no identifier or was lowered has no text", "[model_text]") {
    for (const char* name : {"", "2nd", "a-b", "class", "NET"})
        CHECK_THROWS_WITH(tc::model_text(written, name), ContainsSubstring("identifier"));
    auto fused = written;
    fused[1].clamp = tc::clamp_kind::relu;
    CHECK_THROWS_WITH(tc::model_text(fused, "net"), ContainsSubstring("node 'stem' was fused"));
}
