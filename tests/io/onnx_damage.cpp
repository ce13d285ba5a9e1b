// SPDX-License-Identifier: MIT
// What import_onnx says of wrong files, and that no bytes make it crash.
#include <compress/io/onnx.hpp>

#include <cstdint>
#include <limits>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "../catch.hpp"
#include "../data.hpp"
#include "onnx_writer.hpp"
#include "written_model.hpp"

namespace tc = tensor_compress;
using Catch::Matchers::ContainsSubstring;
using tests::dims;
using tests::message_of;
using tests::onnx_writer;

namespace {

using bytes = std::vector<std::uint8_t>;

/// Whether the bytes are imported; an error is fine, anything else fails the test.
bool imports(std::span<const std::uint8_t> file) {
    try {
        static_cast<void>(tc::import_onnx(file, "damaged.onnx"));
        return true;
    } catch (const tc::error&) {
        return false;
    }
}

/// Every kind of message and attribute in few bytes, so that a flipped bit rarely hits only a weight.
onnx_writer small_network() {
    using writer = onnx_writer;
    onnx_writer file;
    file.input("x", {-1, 2, 6, 6})
        .numbered("w", {4, 1, 2, 2})
        .numbered("b", {4})
        .numbered("g", {4})
        .numbered("fc", {2, 16});
    file.node("Conv", "/c", {"x", "w", "b"}, {"a"},
              {writer::attribute("pads", dims{0, 1, 1, 0}), writer::attribute("group", std::int64_t{2})});
    file.node("BatchNormalization", "/n", {"a", "g", "g", "g", "g"}, {"n"}, {writer::attribute("epsilon", 0.001f)});
    file.node("MaxPool", "/p", {"n"}, {"p"},
              {writer::attribute("kernel_shape", dims{2, 2}), writer::attribute("strides", dims{3, 3})});
    file.node("Mul", "/m", {"p", "p"}, {"m"}).node("Add", "", {"m", "b1"}, {"s"}).numbered("b1", {4, 1, 1});
    file.node("Transpose", "/t", {"s"}, {"t"}, {writer::attribute("perm", dims{0, 1, 3, 2})})
        .integers("shape", {0, -1});
    file.node("Reshape", "/r", {"t", "shape"}, {"r"})
        .node("Gemm", "/fc", {"r", "fc"}, {"f"}, {writer::attribute("transB", std::int64_t{1})});
    file.node("Softmax", "", {"f"}, {"y"}, {writer::attribute("axis", std::int64_t{-1})}).output("y", {-1, 2});
    return file;
}

onnx_writer one_node(const std::string& kind, const tests::names& inputs = {"x"}, const tests::names& attributes = {}) {
    return onnx_writer().input("x", {1, 4, 5, 5}).node(kind, "/it", inputs, {"y"}, attributes).output("y");
}

}  // namespace

TEST_CASE("a truncated file is an error at every length", "[onnx]") {
    const auto whole = small_network().bytes();
    REQUIRE(imports(whole));
    for (std::size_t length = 0; length < whole.size(); ++length) CHECK_FALSE(imports(std::span(whole).first(length)));

    const auto data = tests::data_directory();
    if (!data) return tests::skip_notice("truncation of a trained model");
    const auto trained = tc::read_file(*data / "models/kws_sm_fp32.onnx");
    for (std::size_t length = 1; length < trained.size(); length += 97)
        CHECK_FALSE(imports(std::span(trained).first(length)));
}

TEST_CASE("flipped bits are imported or refused", "[onnx]") {
    const auto whole = small_network().bytes();
    std::mt19937 random(20240607);
    int imported = 0, refused = 0;
    for (int round = 0; round < 6000; ++round) {
        auto damaged = whole;
        const int flips = 1 + round % 3;
        for (int i = 0; i < flips; ++i)
            damaged[random() % damaged.size()] ^= static_cast<std::uint8_t>(1u << random() % 8);
        ++(imports(damaged) ? imported : refused);
    }
    CHECK(imported > 0);
    CHECK(refused > 1000);

    const auto data = tests::data_directory();
    if (!data) return tests::skip_notice("flipped bits in a trained model");
    const auto trained = tc::read_file(*data / "models/kws_sm_fp32.onnx");
    for (int round = 0; round < 600; ++round) {
        auto damaged = trained;
        const std::size_t at = random() % 4000;
        damaged[round % 2 == 0 ? at : damaged.size() - 1 - at] ^= static_cast<std::uint8_t>(1u << random() % 8);
        static_cast<void>(imports(damaged));
    }
}

TEST_CASE("files that are no ONNX model are named", "[onnx]") {
    const std::string text = "hello, this is no model at all";
    const bytes file(text.begin(), text.end());
    CHECK_THROWS_WITH(tc::import_onnx(file, "notes.txt"), ContainsSubstring("notes.txt: "));
    CHECK_THROWS_WITH(tc::import_onnx(bytes{}, "empty.onnx"), ContainsSubstring("holds no graph"));
    CHECK_THROWS_WITH(tc::import_onnx("/nowhere/at/all.onnx"),
                      ContainsSubstring("/nowhere/at/all.onnx: does not exist"));
    CHECK_THAT(message_of(onnx_writer(5).input("x", {1, 2}).output("x")), ContainsSubstring("opset 5"));
    CHECK_THAT(message_of(onnx_writer(99).input("x", {1, 2}).output("x")), ContainsSubstring("opset 99"));
}

TEST_CASE("all nodes that are not supported are named at once", "[onnx]") {
    onnx_writer file;
    file.input("x", {1, 4}).node("Frobnicate", "/first", {"x"}, {"a"}).node("Relu", "/fine", {"a"}, {"b"});
    file.node("LSTM", "/second", {"b"}, {"c"})
        .node("Elu", "/third", {"x"}, {"d"})
        .node("Relu", "/other", {"d"}, {"e"}, {}, "com.example");
    file.node("Add", "/sum", {"c", "e"}, {"y"}).output("y", {1, 4});
    const auto message = message_of(file, "wrong.onnx");
    for (const char* part :
         {"wrong.onnx: ", "Frobnicate", "'/first'", "LSTM", "'/second'", "Elu", "'/third'", "'/other'", "com.example"})
        CHECK_THAT(message, ContainsSubstring(part));
    CHECK(message.find("/fine") == std::string::npos);
    CHECK(message.find("/sum") == std::string::npos);
}

TEST_CASE("uses that are not supported name the node and the reason", "[onnx]") {
    const auto kernel = onnx_writer::attribute("kernel_shape", dims{2, 2});
    CHECK_THAT(message_of(one_node("Clip", {"x", "low"}).floats("low", {}, {1})), ContainsSubstring("it clips to"));
    CHECK_THAT(message_of(one_node("MaxPool", {"x"}, {kernel, onnx_writer::attribute("dilations", dims{2, 2})})),
               ContainsSubstring("dilation"));
    CHECK_THAT(message_of(one_node("Softmax", {"x"}, {onnx_writer::attribute("axis", std::int64_t{0})})),
               ContainsSubstring("batch"));
    CHECK_THAT(message_of(one_node("Transpose", {"x"})),
               ContainsSubstring("it moves the batch, axis 0, to axis 3 (perm [3, 2, 1, 0])"));
    CHECK_THAT(message_of(one_node("Conv", {"x", "x"})), ContainsSubstring("the weight 'x' is computed by the model"));
    CHECK_THAT(message_of(one_node("HardSigmoid", {"x"})), ContainsSubstring("HardSigmoid"));
    CHECK_THAT(message_of(one_node("ReduceMean", {"x"}, {onnx_writer::attribute("axes", dims{1})})),
               ContainsSubstring("height and width"));
    CHECK_THAT(message_of(one_node("Div", {"x", "x"})), ContainsSubstring("divides by a value"));
    CHECK_THAT(message_of(one_node("QuantizeLinear", {"x"})), ContainsSubstring("quantised"));
}

TEST_CASE("circles, missing values and double names are errors", "[onnx]") {
    onnx_writer circle;
    circle.input("x", {1, 4})
        .node("Relu", "/before", {"x"}, {"p"})
        .node("Add", "/a", {"p", "c"}, {"a"})
        .node("Relu", "/b", {"a"}, {"b"});
    circle.node("Tanh", "/c", {"b"}, {"c"}).node("Relu", "/after", {"c"}, {"y"}).output("y", {1, 4});
    const auto message = message_of(circle);
    CHECK_THAT(message, ContainsSubstring("circle"));
    CHECK((message.find("'/a'") != std::string::npos || message.find("'/b'") != std::string::npos ||
           message.find("'/c'") != std::string::npos));

    CHECK_THAT(message_of(one_node("Conv", {"x", "missing"})),
               ContainsSubstring("node '/it' (Conv) needs the value 'missing'"));
    CHECK_THAT(message_of(one_node("Relu").node("Relu", "/again", {"x"}, {"y"})),
               ContainsSubstring("'/again' (Relu) writes the value 'y'"));
    CHECK_THAT(message_of(one_node("Relu").numbered("w", {1}).numbered("w", {1})),
               ContainsSubstring("'w' is there twice"));
    CHECK_THAT(message_of(onnx_writer().input("x", {1, 4}).output("z")),
               ContainsSubstring("the output needs the value 'z'"));
    CHECK_THAT(message_of(one_node("Relu", {})), ContainsSubstring("it has no input 0"));
}

TEST_CASE("weights that do not fit are errors", "[onnx]") {
    CHECK_THAT(message_of(one_node("Conv", {"x", "w"}).numbered("w", {4, 3, 1, 1})),
               ContainsSubstring("node '/it' (Conv): its weight 'w' has the shape [4, 3, 1, 1]"));
    CHECK_THAT(message_of(one_node("Conv", {"x", "w", "b"}).numbered("w", {6, 4, 1, 1}).numbered("b", {5})),
               ContainsSubstring("the bias 'b' has the shape [5]"));
    CHECK_THAT(message_of(one_node("Conv", {"x", "w"}).numbered("w", {2, 4, 7, 7})),
               ContainsSubstring("larger than its padded input"));
    CHECK_THAT(message_of(one_node("Flatten").numbered("w", {4, 9}).node("Gemm", "/fc", {"y", "w"}, {"z"}).output("z")),
               ContainsSubstring("takes 4 numbers and gives 9, but its input has 100"));
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
        const auto message =
            message_of(one_node("Conv", {"x", "w"}).floats("w", {1, 4, 1, 1}, {1, 2, bad, 4}), "wrong.onnx");
        CHECK_THAT(message, ContainsSubstring("wrong.onnx: node '/it' (Conv): tensor 'w' [1, 4, 1, 1] holds a NaN or "
                                              "an infinity at index [0, 2, 0, 0]"));
    }
    CHECK_THAT(message_of(one_node("LeakyRelu", {"x"},
                                   {onnx_writer::attribute("alpha", std::numeric_limits<float>::infinity())})),
               ContainsSubstring("'alpha' is NaN or infinite"));
}

TEST_CASE("sizes that overflow are errors", "[onnx]") {
    const std::int64_t huge = std::numeric_limits<std::int64_t>::max();
    CHECK_THAT(message_of(onnx_writer().input("x", {1, 1 << 20, 1 << 20}).node("Relu", "r", {"x"}, {"y"}).output("y")),
               ContainsSubstring("2^29 elements"));
    CHECK_THAT(message_of(onnx_writer().input("x", {1, huge}).node("Relu", "r", {"x"}, {"y"}).output("y")),
               ContainsSubstring("outside"));
    CHECK_THAT(message_of(one_node("MaxPool", {"x"}, {onnx_writer::attribute("kernel_shape", dims{huge, 2})})),
               ContainsSubstring("outside"));
    CHECK_THAT(message_of(one_node("Pad", {"x", "p"}).integers("p", {0, 0, huge, 0, 0, 0, huge, 0})),
               ContainsSubstring("outside"));
    for (const auto& shape : {dims{huge, huge}, dims{-1, 4}, dims{1 << 20, 1 << 20}, dims{4, 4, 1, 2}}) {
        const auto tensor = onnx_writer::float_tensor("w", shape, {1, 2, 3});
        CHECK_THAT(message_of(one_node("Conv", {"x", "w"}).raw_initializer(tensor)), ContainsSubstring("tensor 'w'"));
    }
    CHECK_THAT(message_of(one_node("Reshape", {"x", "s"}).integers("s", {1, huge, huge})),
               ContainsSubstring("reshapes to an extent"));
    CHECK_THAT(message_of(one_node("Mul", {"s", "s"}).integers("s", {huge})), ContainsSubstring("overflows"));
}

TEST_CASE("tensors in other files or of other types are named", "[onnx]") {
    std::string external = onnx_writer::float_tensor("w", {1}, {});
    protozero::pbf_writer(external).add_int32(14, 1);
    CHECK_THAT(message_of(one_node("Conv", {"x", "w"}).raw_initializer(external)),
               ContainsSubstring("tensor 'w' is stored in another file"));
    std::string text;
    protozero::pbf_writer(text).add_int32(2, 8);
    protozero::pbf_writer(text).add_string(8, "w");
    CHECK_THAT(message_of(one_node("Conv", {"x", "w"}).raw_initializer(text)), ContainsSubstring("element type 8"));
    CHECK_THAT(message_of(onnx_writer().input("x", {1, 4}, 7).node("Relu", "r", {"x"}, {"y"}).output("y")),
               ContainsSubstring("element type 7"));
    CHECK_THAT(message_of(onnx_writer().input("x", {1, 3, -1, 8}).node("Relu", "r", {"x"}, {"y"}).output("y")),
               ContainsSubstring("leaves dimension 2 open"));
}

TEST_CASE("float16, float64 and packed bytes are read as floats", "[onnx]") {
    const auto tensor = [](int type, const std::string& raw) {
        std::string data;
        protozero::pbf_writer t(data);
        t.add_int64(1, 2);
        t.add_int32(2, type);
        t.add_string(8, "w");
        t.add_bytes(9, raw);
        return data;
    };
    const std::string one_and_minus_two[] = {std::string("\x00\x3c\x00\xc0", 4), std::string("\x80\x3f\x00\xc0", 4),
                                             std::string("\0\0\0\0\0\0\xf0\x3f\0\0\0\0\0\0\x00\xc0", 16),
                                             std::string("\0\0\x80\x3f\0\0\0\xc0", 8)};
    const int types[] = {10, 16, 11, 1};
    for (int i = 0; i < 4; ++i) {
        onnx_writer file;
        file.input("x", {1, 2})
            .raw_initializer(tensor(types[i], one_and_minus_two[i]))
            .node("Add", "a", {"x", "w"}, {"y"})
            .output("y");
        const auto m = tc::import_onnx(file.bytes(), "halves.onnx");
        const auto& value = m.weights.at("a/constant.value");
        CHECK(value.data()[0] == 1.0f);
        CHECK(value.data()[1] == -2.0f);
    }
    CHECK_THAT(message_of(one_node("Add", {"x", "w"}).raw_initializer(tensor(1, "abc"))), ContainsSubstring("3 bytes"));
}
