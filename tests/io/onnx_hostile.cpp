// SPDX-License-Identifier: MIT
// Small ONNX files that ask for much, and what import_onnx says of them. Sizes are such that work which grows with
// their square would take minutes.
#include <compress/io/onnx.hpp>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "../catch.hpp"
#include "onnx_writer.hpp"
#include "written_model.hpp"

namespace tc = tensor_compress;
using Catch::Matchers::ContainsSubstring;
using tests::dims;
using tests::import_written;
using tests::kinds;
using tests::message_of;
using tests::names;
using tests::onnx_writer;

namespace {

std::string numbered(const std::string& name, int i) { return name + std::to_string(i); }

/// A value of four numbers behind `file`, so that there is something to import.
onnx_writer& with_output(onnx_writer& file) { return file.node("Relu", "act", {"x"}, {"y"}).output("y"); }

}  // namespace

TEST_CASE("a constant that is doubled again and again is refused at its node", "[onnx]") {
    onnx_writer file;
    file.input("x", {1, 4}).integers("p0", {1, 2, 3, 4});
    for (int i = 0; i < 40; ++i)
        file.node("Concat", numbered("double", i), {numbered("p", i), numbered("p", i)}, {numbered("p", i + 1)},
                  {onnx_writer::attribute("axis", std::int64_t{0})});
    file.node("Reshape", "r", {"x", "p40"}, {"y"}).output("y");
    const auto message = message_of(file, "bomb.onnx");
    // 8 + 16 + ... + 2^25 bytes and once more are below 64 MB, the next is not.
    CHECK_THAT(message, ContainsSubstring("bomb.onnx: node 'double20' (Concat): its result would take weights and "
                                          "constants beyond 64 MB (64 MB and 16 times the file)"));
    CHECK_THAT(message, ContainsSubstring("simplify the model before import"));

    onnx_writer wide;  // one node with many operands
    wide.input("x", {1, 4}).integers("p", dims(1000, 1));
    wide.node("Concat", "wide", names(20'000, "p"), {"q"}, {onnx_writer::attribute("axis", std::int64_t{0})});
    wide.node("Reshape", "r", {"x", "q"}, {"y"}).output("y");
    CHECK_THAT(message_of(wide), ContainsSubstring("node 'wide' (Concat): its result would take"));
}

TEST_CASE("nodes that pass a constant on share it", "[onnx]") {
    // 3,000 copies of 400,000 bytes would be 1.2 GB, and more than the limit.
    onnx_writer file;
    file.input("x", {1, 4}).numbered("w0", {4, 25'000}).integers("same", {4, 25'000});
    const auto perm = onnx_writer::attribute("perm", dims{0, 1});
    const auto to = onnx_writer::attribute("to", std::int64_t{1});
    for (int i = 0; i < 3000; ++i) {
        const names in{numbered("w", i)}, out{numbered("w", i + 1)};
        if (i % 4 == 0) file.node("Identity", "", in, out);
        if (i % 4 == 1) file.node("Transpose", "", in, out, {perm});
        if (i % 4 == 2) file.node("Reshape", "", {in[0], "same"}, out);
        if (i % 4 == 3) file.node("Cast", "", in, out, {to});
    }
    file.node("Gemm", "fc", {"x", "w3000"}, {"y"}).output("y", {1, 25'000});
    const auto m = import_written(file);
    CHECK(kinds(m) == "input linear");
    CHECK(tests::weight(m, "fc.weight")[1] == 250.01f);  // [in, out] in the file: row 1 of the first column
}

TEST_CASE("folding and weights have one limit together", "[onnx]") {
    onnx_writer turned;
    turned.input("x", {1, 1000}).numbered("w0", {1000, 1000});
    for (int i = 0; i < 40; ++i)
        turned.node("Transpose", numbered("turn", i), {numbered("w", i)}, {numbered("w", i + 1)});
    turned.node("Gemm", "fc", {"x", "w40"}, {"y"}).output("y");
    CHECK_THAT(message_of(turned), ContainsSubstring("(Transpose): its result would take"));  // 4 MB each, 128 MB

    onnx_writer repeated;  // a weight of all layers
    repeated.input("x", {1, 500}).numbered("w", {500, 500});
    for (int i = 0; i < 200; ++i)
        repeated.node("MatMul", numbered("fc", i), {i == 0 ? "x" : numbered("h", i), "w"}, {numbered("h", i + 1)});
    repeated.output("h200");
    CHECK_THAT(message_of(repeated), ContainsSubstring("(MatMul): its result would take"));

    onnx_writer spread;  // one number for 2^28 channels
    spread.input("x", {1, 1 << 28}).floats("one", {1}, {1});
    spread.node("LayerNormalization", "norm", {"x", "one"}, {"y"}).output("y");
    CHECK_THAT(message_of(spread), ContainsSubstring("node 'norm' (LayerNormalization): its result would take"));
}

TEST_CASE("many inputs, initialisers and nodes take time in proportion", "[onnx]") {
    constexpr int many = 200'000;
    onnx_writer inputs;
    inputs.input("x", {1, 4, 6, 6});
    for (int i = 0; i < many; ++i) inputs.floats(numbered("i", i), {0}, {}).input(numbered("i", i), {0});
    CHECK(kinds(import_written(with_output(inputs))) == "input relu");

    onnx_writer chain;
    chain.input("v0", {1, 4});
    for (int i = 0; i < many; ++i) chain.node("Identity", "", {numbered("v", i)}, {numbered("v", i + 1)});
    chain.node("Relu", "act", {numbered("v", many)}, {"y"}).output("y");
    CHECK(kinds(import_written(chain)) == "input relu");

    onnx_writer refused;
    refused.input("x", {1, 4});
    for (int i = 0; i < many; ++i) refused.node("Frobnicate", numbered("f", i), {"x"}, {numbered("v", i)});
    refused.node("Concat", "all", {"v0", "v1"}, {"y"}).output("y");
    for (int i = 0; i < many; ++i) refused.output(numbered("v", i));
    const auto message = message_of(refused);
    CHECK_THAT(message, ContainsSubstring("node 'f11' and 988 more)\n  and what comes behind these 1000, which was not "
                                          "looked at; replace them"));
    CHECK(message.size() < 1000);
}

TEST_CASE("nodes that each look at a large constant end soon", "[onnx]") {
    // 20,000 nodes times a million numbers are 2 * 10^10.
    constexpr int many = 20'000;
    const std::vector<float> million(1'000'000, 2);
    onnx_writer divided;
    divided.input("x", {1, 4}).floats("k", {1'000'000}, million);
    for (int i = 0; i < many; ++i) divided.node("Div", "", {"x", "k"}, {numbered("v", i)}).output(numbered("v", i));
    CHECK_THAT(message_of(divided), ContainsSubstring("and 988 more)\n  and what comes behind these 1000"));

    onnx_writer reshaped;
    reshaped.input("x", {1, 4}).integers("to", dims(1'000'000, 1));
    for (int i = 0; i < many; ++i)
        reshaped.node("Reshape", "", {"x", "to"}, {numbered("v", i)}).output(numbered("v", i));
    CHECK_THAT(message_of(reshaped),
               ContainsSubstring("the shape 'to' has 1000000 numbers, and up to 64 are supported"));
}

TEST_CASE("a circle is found in one walk", "[onnx]") {
    constexpr int many = 200'000;
    onnx_writer file;
    names inputs;
    file.input("x", {1, 4});
    for (int i = 0; i < many; ++i) {
        file.node("Relu", "", {"x"}, {numbered("v", i)});
        inputs.push_back(numbered("v", i));
    }
    inputs.push_back("b");
    file.node("Sum", "/a", inputs, {"a"}).node("Relu", "/b", {"a"}, {"b"}).output("a");
    CHECK_THAT(message_of(file), ContainsSubstring("circle"));
}

TEST_CASE("tensors and values of many axes are refused", "[onnx]") {
    onnx_writer constant;
    constant.input("x", {1, 4}).floats("w", dims(100'000, 1), {1}).node("Add", "sum", {"x", "w"}, {"y"}).output("y");
    CHECK_THAT(message_of(constant), ContainsSubstring("node 'sum' (Add): tensor 'w' has 100000 axes, and up to 32"));

    onnx_writer grown;
    dims axes;
    for (int i = 0; i < 20; ++i) axes.push_back(i);
    grown.input("x", {1, 4}).integers("axes", axes).floats("w", {1}, {1});
    grown.node("Unsqueeze", "grow", {"w", "axes"}, {"u"}).node("Unsqueeze", "more", {"u", "axes"}, {"v"});
    grown.node("Add", "sum", {"x", "v"}, {"y"}).output("y");
    CHECK_THAT(message_of(grown), ContainsSubstring("node 'more' (Unsqueeze): its result has 41 axes, and up to 32"));

    dims wide(40, 1);
    wide.back() = 4;
    onnx_writer of_values;
    of_values.input("x", {1, 4}).integers("to", wide).node("Reshape", "grow", {"x", "to"}, {"y"}).output("y");
    CHECK_THAT(message_of(of_values), ContainsSubstring("its result has 40 axes; up to 32 are supported"));
}

TEST_CASE("a shape that overflows names file, node and tensor", "[onnx]") {
    const std::int64_t huge = std::numeric_limits<std::int64_t>::max();
    onnx_writer file;
    file.input("x", {1, 4}).raw_initializer(onnx_writer::float_tensor("w", {huge, huge}, {}));
    file.node("Gemm", "/fc", {"x", "w"}, {"y"}).output("y");
    CHECK_THAT(message_of(file, "over.onnx"),
               ContainsSubstring("over.onnx: node '/fc' (Gemm): tensor 'w' names the shape [9223372036854775807, "
                                 "9223372036854775807], of more bytes than memory can have; it is damaged"));
}

TEST_CASE("names from a file reach no terminal as they are", "[onnx]") {
    const std::string kind("Foo\0\x1b[2Jbar", 11), name = "a\nforged: line\x07";
    onnx_writer file;
    file.input("x", {1, 4}).node(kind, name, {"x"}, {"y"}).output("y");
    const auto message = message_of(file, "evil\x1b.onnx");
    CHECK(message == "evil\\x1b.onnx: has nodes that cannot be imported:\n  Foo\\x00\\x1b[2Jbar: the operator is not "
                     "supported (node 'a\\x0aforged: line\\x07'); replace them, or export the model without them");

    onnx_writer longer;
    longer.input("x", {1, 4}).node("Relu", std::string(1'000'000, 'n'), {"x"}, {"y"}).output("y");
    CHECK_THAT(message_of(longer), ContainsSubstring("' of 1000000 bytes, and up to 4096 are supported; rename it"));
}
