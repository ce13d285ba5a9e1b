// SPDX-License-Identifier: MIT
#include <compress/io/onnx.hpp>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <compress/graph/cost.hpp>

#include "../catch.hpp"
#include "../data.hpp"
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

namespace {

std::vector<std::string> labels(const tc::imported_model& m) {
    std::vector<std::string> found;
    for (int id = 0; id < m.graph.count; ++id) found.emplace_back(tc::text_of(m.graph[id].name));
    return found;
}
/// Every weight is there with the shape the graph wants, and no other.
void check_weights(const tc::imported_model& m) {
    using extents = std::vector<std::size_t>;
    std::size_t expected = 0;
    const auto check = [&](const tc::node& n, const char* part, const extents& shape) {
        const auto found = m.weights.find(tc::text_of(n.name) + part);
        INFO(tc::text_of(n.name) << part);
        REQUIRE(found != m.weights.end());
        CHECK(tc::shape_of(found->second) == shape);
        ++expected;
    };
    const auto size = [](int n) { return static_cast<std::size_t>(n); };
    for (int id = 0; id < m.graph.count; ++id) {
        const auto& n = m.graph[id];
        const auto outputs = size(n.output.channels());
        const auto inputs = size(m.graph[n.inputs[0]].output.channels());
        if (n.kind == tc::op::conv2d || n.kind == tc::op::depthwise_conv2d)
            check(n, ".weight",
                  {outputs, inputs / size(n.slide.groups), size(n.slide.kernel.height), size(n.slide.kernel.width)});
        if (n.kind == tc::op::linear) check(n, ".weight", {outputs, inputs});
        if (tc::is_product(n.kind) && n.bias) check(n, ".bias", {outputs});
        if (n.kind == tc::op::batch_norm)
            for (const char* part : {".weight", ".bias", ".running_mean", ".running_var"}) check(n, part, {outputs});
        if (n.kind == tc::op::layer_norm)
            for (const char* part : {".weight", ".bias"}) check(n, part, {outputs});
        if (n.kind == tc::op::constant) {
            extents shape;
            for (int axis = 0; axis < n.output.rank; ++axis) shape.push_back(size(n.output[axis]));
            check(n, ".value", shape);
        }
    }
    CHECK(m.weights.size() == expected);
}

}  // namespace

TEST_CASE("the models of the data folder are imported", "[onnx]") {
    const auto data = tests::data_directory();
    if (!data) return tests::skip_notice("import of the trained ONNX models");
    struct expectation {
        const char* file;
        int nodes;
        long long multiply_adds;
        std::size_t weights;
        std::vector<std::size_t> input, output;
        const char* output_label;
    };
    const std::vector<expectation> models{
        {"ad_fp32", 20, 264'192, 20, {640}, {640}, "fc10"},
        {"kws_fp32", 22, 2'656'768, 20, {1, 49, 10}, {12}, "softmax1"},
        {"kws_sm_fp32", 22, 2'656'768, 20, {1, 49, 10}, {12}, "softmax"},
        {"kws_sm_bn_fp32", 32, 2'656'768, 56, {1, 49, 10}, {12}, "softmax"},
        {"mnist_mlp", 6, 268'800, 6, {784}, {10}, "fc3/Gemm"},
        {"mnist_tinycnn", 8, 14'686'720, 6, {1, 28, 28}, {10}, "classifier/Gemm"},
        {"mobilenetv2_fp32", 100, 300'774'272, 106, {3, 224, 224}, {1000}, nullptr},
        {"resnet8_fp32", 23, 12'501'632, 20, {3, 32, 32}, {10}, nullptr},
        {"resnet8_bn_fp32", 31, 12'501'632, 48, {3, 32, 32}, {10}, "softmax"},
    };
    for (const auto& e : models) {
        INFO(e.file);
        const auto m = tc::import_onnx(*data / "models" / (std::string(e.file) + ".onnx"));
        CHECK(m.graph.count == e.nodes);
        CHECK(tc::multiply_adds(m.graph) == e.multiply_adds);
        CHECK(m.weights.size() == e.weights);
        check_weights(m);
        REQUIRE(m.inputs.size() == 1);
        CHECK(m.inputs[0].label == m.inputs[0].name);
        CHECK(tc::text_of(m.graph[0].name) == m.inputs[0].label);
        CHECK(m.inputs[0].shape == e.input);
        CHECK(m.inputs[0].channels_first == (e.input.size() == 3));
        REQUIRE(m.outputs.size() == 1);
        CHECK(m.outputs[0].shape == e.output);
        CHECK_FALSE(m.outputs[0].channels_first);
        CHECK(tc::text_of(m.graph[m.graph.outputs[0]].name) == m.outputs[0].label);
        if (e.output_label != nullptr) CHECK(m.outputs[0].label == e.output_label);
    }
}

TEST_CASE("asymmetric padding and depthwise convolutions keep their geometry", "[onnx]") {
    const auto data = tests::data_directory();
    if (!data) return tests::skip_notice("geometry of the keyword spotting model");
    const auto m = tc::import_onnx(*data / "models/kws_sm_fp32.onnx");
    const auto& stem = m.graph[m.graph.find(tc::to_label("conv1"))];
    CHECK(stem.kind == tc::op::conv2d);
    CHECK(stem.slide.kernel == tc::extent2{10, 4});
    CHECK(stem.slide.stride == tc::extent2{2, 2});
    CHECK(stem.slide.padding == tc::margins{4, 1, 5, 1});
    CHECK(stem.output == tc::shape{25, 5, 64});
    CHECK(m.graph[m.graph.find(tc::to_label("dwconv1"))].kind == tc::op::depthwise_conv2d);
    CHECK(m.graph.count_of(tc::op::flatten) == 0);  // the flatten of a vector is no node
}

TEST_CASE("a linear layer behind a flattened image has its columns in the graph's order", "[onnx]") {
    const auto data = tests::data_directory();
    if (!data) return tests::skip_notice("columns of mnist_tinycnn");
    const auto file = *data / "models/mnist_tinycnn.onnx";
    const auto m = tc::import_onnx(file);
    const auto& flat = m.graph[m.graph.find(tc::to_label("Flatten"))];
    CHECK(flat.kind == tc::op::flatten);
    CHECK(m.graph[flat.inputs[0]].output == tc::shape{4, 4, 64});

    const auto bytes = tc::read_file(file);
    const auto source = tc::onnx::parse_model({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    const auto found = std::find_if(source.initializers.begin(), source.initializers.end(),
                                    [](const auto& t) { return t.name == "classifier.weight"; });
    REQUIRE(found != source.initializers.end());
    const auto original = tc::onnx::decode(*found);
    const auto imported = weight(m, "classifier/Gemm.weight");
    REQUIRE(imported.size() == 10 * 1024);
    std::size_t wrong = 0;
    for (std::size_t o = 0; o < 10; ++o)
        for (std::size_t c = 0; c < 64; ++c)
            for (std::size_t y = 0; y < 4; ++y)
                for (std::size_t x = 0; x < 4; ++x)
                    wrong += imported[o * 1024 + (y * 4 + x) * 64 + c] != original.floats[o * 1024 + c * 16 + y * 4 + x]
                                 ? 1u
                                 : 0u;
    CHECK(wrong == 0);
}

TEST_CASE("conformance models are imported or refused by name", "[onnx]") {
    const auto folder = tests::conformance_directory();
    if (!folder) return tests::skip_notice("import of the ONNX conformance models");
    int imported = 0, refused = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(*folder / "onnx")) {
        if (entry.path().filename() != "model.onnx") continue;
        INFO(entry.path().string());
        try {
            const auto m = tc::import_onnx(entry.path());
            check_weights(m);
            CHECK(m.graph.count > 0);
            ++imported;
        } catch (const tc::error& e) {
            CHECK_THAT(std::string(e.what()), ContainsSubstring("model.onnx: "));
            ++refused;
        }
    }
    CHECK(imported >= 92);
    CHECK(imported + refused >= 590);
}

TEST_CASE("labels are node names", "[onnx]") {
    const std::string longer = "/encoder/" + std::string(80, 'x') + "/final/Relu";
    const auto m = import_written(onnx_writer()
                                      .input("in put", {1, 4})
                                      .node("Relu", "/a[0]*?;=/Relu", {"in put"}, {"a"})
                                      .node("Sigmoid", "/a[0]*?;=/Relu", {"a"}, {"b"})
                                      .node("Tanh", "", {"b"}, {"c"})
                                      .node("Relu", longer, {"c"}, {"d"})
                                      .numbered("w", {4, 2})
                                      .node("MatMul", "", {"d", "w"}, {"e"})
                                      .output("e", {1, 2}));
    const auto found = labels(m);
    REQUIRE(found.size() == 6);
    CHECK(found[0] == "in put");
    CHECK(found[1] == "a_0_____/Relu");
    CHECK(found[2] == "a_0_____/Relu_2");
    CHECK(found[3] == "a_0_____/Relu_2/tanh");
    CHECK(found[4].size() == 63);
    CHECK(found[4].ends_with("xxx/final/Relu"));
    CHECK(found[5] == "matmul_4");
    CHECK(m.weights.contains("matmul_4.weight"));
    CHECK(tc::label_text(longer) != tc::label_text(longer + "x"));
    CHECK(tc::label_text(longer) == tc::label_text(longer));
}

TEST_CASE("a flatten costs nothing where its reader's weights can follow", "[onnx]") {
    // [2, 1, 3] in the source is [1, 3, 2] in the graph: source columns 0..5 are at graph columns 0, 2, 4, 1, 3, 5.
    onnx_writer file;
    file.input("x", {-1, 2, 1, 3})
        .node("Flatten", "flat", {"x"}, {"f"}, {onnx_writer::attribute("axis", std::int64_t{1})});
    file.node("Relu", "act", {"f"}, {"r"})
        .numbered("w", {1, 6})
        .node("Gemm", "fc", {"r", "w"}, {"y"}, {onnx_writer::attribute("transB", std::int64_t{1})});
    file.output("y", {-1, 1});
    const auto m = import_written(file);
    CHECK(kinds(m) == "input relu flatten linear");
    const std::vector<float> columns{0.01f, 0.04f, 0.02f, 0.05f, 0.03f, 0.06f};
    CHECK(weight(m, "fc.weight") == columns);
    CHECK_FALSE(last(m).bias);
}

TEST_CASE("a flatten that others read keeps the order of the source", "[onnx]") {
    onnx_writer file;
    file.input("x", {-1, 2, 1, 3}).node("Flatten", "flat", {"x"}, {"f"});
    file.node("Softmax", "p", {"f"}, {"y"}).output("y", {-1, 6});
    const auto m = import_written(file);
    CHECK(kinds(m) == "input transpose flatten softmax");
    CHECK(m.graph[1].output == tc::shape{2, 1, 3});
    CHECK(m.graph[1].order[0] == 2);
    CHECK(m.graph[1].order[1] == 0);
    CHECK(m.graph[1].order[2] == 1);
    CHECK(labels(m) == std::vector<std::string>{"x", "flat/transpose", "flat", "p"});
}

TEST_CASE("images of one channel or one pixel need no transpose", "[onnx]") {
    for (const auto& shape : {dims{1, 1, 4, 5}, dims{1, 20, 1, 1}}) {
        onnx_writer file;
        file.input("x", shape).integers("to", {0, -1}).node("Reshape", "flat", {"x", "to"}, {"f"});
        file.node("Softmax", "p", {"f"}, {"y"}).output("y", {1, 20});
        CHECK(kinds(import_written(file)) == "input flatten softmax");
    }
}

TEST_CASE("transposes and reshapes that cancel out are no nodes", "[onnx]") {
    onnx_writer file;
    file.input("x", {1, 5, 4, 3});  // NHWC, as TensorFlow exports it
    file.node("Transpose", "to_nchw", {"x"}, {"t"}, {onnx_writer::attribute("perm", dims{0, 3, 1, 2})});
    file.node("MaxPool", "pool", {"t"}, {"p"}, {onnx_writer::attribute("kernel_shape", dims{2, 2})});
    file.node("Transpose", "to_nhwc", {"p"}, {"u"}, {onnx_writer::attribute("perm", dims{0, 2, 3, 1})});
    file.integers("flat", {0, 36}).integers("back", {0, 4, 3, 3}).node("Reshape", "r1", {"u", "flat"}, {"v"});
    file.node("Reshape", "r2", {"v", "back"}, {"y"}).output("y", {1, 4, 3, 3});
    const auto m = import_written(file);
    CHECK(kinds(m) == "input max_pool");
    CHECK_FALSE(m.inputs[0].channels_first);
    CHECK(m.graph[0].output == tc::shape{5, 4, 3});
    CHECK_FALSE(m.outputs[0].channels_first);
    CHECK(m.outputs[0].shape == std::vector<std::size_t>{4, 3, 3});
}

TEST_CASE("a global average pool is a vector until an image is wanted", "[onnx]") {
    onnx_writer file;
    file.input("x", {1, 6, 4, 4}).node("GlobalAveragePool", "squeeze", {"x"}, {"s"});
    file.numbered("w", {6, 6, 1, 1}).node("Conv", "excite", {"s", "w"}, {"e"}).node("Sigmoid", "gate", {"e"}, {"g"});
    file.node("Mul", "scale", {"x", "g"}, {"m"});
    file.node("ReduceMean", "mean", {"m"}, {"v"},
              {onnx_writer::attribute("axes", dims{2, 3}), onnx_writer::attribute("keepdims", std::int64_t{0})});
    file.output("v", {1, 6}).output("s", {1, 6, 1, 1});
    const auto m = import_written(file);
    CHECK(kinds(m) == "input global_average_pool reshape conv2d sigmoid mul global_average_pool");
    CHECK(m.graph[2].output == tc::shape{1, 1, 6});
    CHECK(m.graph.find(tc::to_label("squeeze/reshape")) == 2);
    CHECK(m.graph[1].output == tc::shape{6});
    REQUIRE(m.outputs.size() == 2);
    CHECK(m.outputs[1].label == "squeeze");
    CHECK(m.outputs[1].shape == std::vector<std::size_t>{6, 1, 1});
}

TEST_CASE("constants are a number, a vector of channels or a whole tensor in the graph's layout", "[onnx]") {
    onnx_writer file;
    file.input("x", {1, 2, 1, 3}).numbered("channel", {2, 1, 1}).numbered("all", {2, 1, 3}).floats("half", {}, {2.0f});
    file.node("Sub", "shift", {"x", "channel"}, {"a"})
        .node("Mul", "weigh", {"a", "all"}, {"b"})
        .node("Div", "halve", {"b", "half"}, {"y"});
    file.output("y", {1, 2, 1, 3});
    const auto m = import_written(file);
    CHECK(kinds(m) == "input constant add constant mul constant mul");
    CHECK(weight(m, "shift/constant.value") == std::vector<float>{-0.01f, -0.02f});
    CHECK(weight(m, "weigh/constant.value") == std::vector<float>{0.01f, 0.04f, 0.02f, 0.05f, 0.03f, 0.06f});
    CHECK(weight(m, "halve/constant.value") == std::vector<float>{0.5f});
    CHECK(m.outputs[0].channels_first);
    check_weights(m);
}

TEST_CASE("clips, gates and shape arithmetic become what they mean", "[onnx]") {
    onnx_writer file(12);
    file.input("x", {-1, 2, 2, 2}).floats("zero", {}, {0}).floats("six", {}, {6});
    file.node("Clip", "", {"x", "zero", "six"}, {"a"})
        .node("Clip", "", {"a", "zero"}, {"b"})
        .node("Clip", "", {"b"}, {"c"});
    file.node("HardSigmoid", "", {"c"}, {"h"}, {onnx_writer::attribute("alpha", 1.0f / 6.0f)})
        .node("Mul", "swish", {"h", "c"}, {"d"});
    file.integers("first", {0})
        .integers("rest", {-1})
        .node("Shape", "", {"d"}, {"shape"})
        .node("Gather", "", {"shape", "first"}, {"n"});
    file.node("Concat", "", {"n", "rest"}, {"to"}, {onnx_writer::attribute("axis", std::int64_t{0})})
        .node("Reshape", "", {"d", "to"}, {"f"});
    file.numbered("w", {8, 3}).numbered("bias", {3});
    file.node("Gemm", "fc", {"f", "w", "bias"}, {"y"},
              {onnx_writer::attribute("alpha", 0.5f), onnx_writer::attribute("beta", 2.0f)});
    file.output("y", {-1, 3});
    const auto m = import_written(file);
    CHECK(kinds(m) == "input relu6 relu hard_swish flatten linear");
    CHECK(labels(m)[2] == "x/relu6/relu");
    // Output 0 reads column 0 of [8, 3]; its second graph column is channel 1 of the first pixel, source row 4.
    CHECK(weight(m, "fc.weight")[1] == Approx(0.5 * 0.13));
    CHECK(weight(m, "fc.bias")[2] == Approx(0.06));
}

TEST_CASE("windows with automatic padding and ceiling become explicit margins", "[onnx]") {
    onnx_writer file;
    const auto kernel = onnx_writer::attribute("kernel_shape", dims{3, 3}),
               stride = onnx_writer::attribute("strides", dims{2, 2});
    std::string lower;
    protozero::pbf_writer(lower).add_string(1, "auto_pad");
    protozero::pbf_writer(lower).add_string(4, "SAME_LOWER");
    file.input("x", {1, 3, 8, 8}).node("AveragePool", "same", {"x"}, {"a"}, {kernel, stride, lower});
    file.node("MaxPool", "ceil", {"x"}, {"b"}, {kernel, stride, onnx_writer::attribute("ceil_mode", std::int64_t{1})});
    file.node("Concat", "both", {"a", "b"}, {"y"}, {onnx_writer::attribute("axis", std::int64_t{1})})
        .output("y", {1, 6, 4, 4});
    const auto m = import_written(file);
    CHECK(m.graph[m.graph.find(tc::to_label("same"))].slide.padding == tc::margins{1, 1, 0, 0});
    CHECK(m.graph[m.graph.find(tc::to_label("ceil"))].slide.padding == tc::margins{0, 0, 1, 1});
    CHECK(last(m).output == tc::shape{4, 4, 6});
    CHECK(last(m).axis == 2);
}

TEST_CASE("nodes are sorted, those nobody needs are left out", "[onnx]") {
    onnx_writer file;
    file.node("Relu", "second", {"a"}, {"y"})
        .node("Tanh", "first", {"x"}, {"a"})
        .node("Frobnicate", "unused", {"x"}, {"z"});
    file.input("x", {-1, 4}).output("y", {-1, 4});
    CHECK(labels(import_written(file)) == std::vector<std::string>{"x", "first", "second"});
}

TEST_CASE("a fixed batch is one record", "[onnx]") {
    onnx_writer file;
    file.input("x", {8, 2, 3}).integers("to", {8, 6}).node("Reshape", "r", {"x", "to"}, {"f"}).numbered("w", {6, 2});
    file.node("MatMul", "m", {"f", "w"}, {"y"}).output("y", {8, 2});
    const auto m = import_written(file);
    CHECK(m.graph[0].output == tc::shape{2, 3});
    CHECK(last(m).output == tc::shape{2});
    CHECK_THAT(message_of(onnx_writer().input("x", {8, 2}).node("Relu", "r", {"x"}, {"y"}).output("y", {4, 2})),
               ContainsSubstring("declared as [4, 2]"));
    CHECK_THAT(
        message_of(onnx_writer().input("x", {8, 2}).input("z", {4, 2}).node("Add", "r", {"x", "z"}, {"y"}).output("y")),
        ContainsSubstring("another batch"));
}
