// SPDX-License-Identifier: MIT
// Models that exporters write and import_onnx refuses: the message gives the reason, once, and what to write instead.
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
using tests::onnx_writer;

namespace {

onnx_writer one_node(const std::string& kind, const tests::names& inputs, const tests::names& attributes = {}) {
    return onnx_writer().input("x", {1, 3, 5, 5}).node(kind, "/it", inputs, {"y"}, attributes).output("y");
}

}  // namespace

TEST_CASE("only what is refused by itself is a reason", "[onnx]") {
    // The pads of nn.ZeroPad2d as torch.onnx.export computes them in the graph.
    onnx_writer file;
    file.input("x", {1, 3, 5, 5}).integers("count", {4}).integers("given", {0, 1, 0, 1}).integers("rows", {-1, 2});
    file.node("ConstantOfShape", "/zeros", {"count"}, {"z"});
    file.node("Concat", "/join", {"given", "z"}, {"j"}, {onnx_writer::attribute("axis", std::int64_t{0})});
    file.node("Reshape", "/pairs", {"j", "rows"}, {"p"}).node("Transpose", "/turn", {"p"}, {"t"});
    file.node("Cast", "/cast", {"t"}, {"c"}, {onnx_writer::attribute("to", std::int64_t{7})});
    file.node("Pad", "/pad", {"x", "c"}, {"y"}).output("y");
    CHECK(message_of(file) ==
          "written.onnx: has nodes that cannot be imported:\n"
          "  ConstantOfShape: the operator is not supported; all that it reads is known, so simplify the model before "
          "import, with onnxsim for instance (node '/zeros')\n"
          "  5 more nodes that need their results; replace them, or export the model without them");
}

TEST_CASE("a value that only training gives is named", "[onnx]") {
    onnx_writer file;
    file.input("x", {1, 4}).node("Dropout", "drop", {"x"}, {"d", "mask"}).node("Relu", "act", {"mask"}, {"y"});
    CHECK_THAT(message_of(file.output("y")),
               ContainsSubstring("Relu: it reads 'mask', a further result of a node of which only the first"));
}

TEST_CASE("dividing by a constant that is 0 is called that", "[onnx]") {
    CHECK_THAT(message_of(one_node("Div", {"x", "k"}).floats("k", {3, 1, 1}, {2, 0, 4})),
               ContainsSubstring("node '/it' (Div): it divides by the constant 'k' [3, 1, 1], which is 0 at index "
                                 "[1, 0, 0]; give it no zeros"));
    auto folded = one_node("Add", {"x", "q"}).floats("a", {3, 1, 1}, {1, 2, 3}).floats("k", {}, {-0.0f});
    CHECK_THAT(message_of(folded.node("Div", "/fold", {"a", "k"}, {"q"})),
               ContainsSubstring("node '/fold' (Div): it divides by the constant 'k' [], which is 0 at index []"));
}

TEST_CASE("bounds of Clip are numbers that people read", "[onnx]") {
    const auto clip = [](const tests::names& inputs) {
        return message_of(
            one_node("Clip", inputs).floats("zero", {}, {0}).floats("one", {}, {1}).floats("small", {}, {-0.1f}));
    };
    CHECK_THAT(clip({"x", "zero", "one"}),
               ContainsSubstring("Clip: it clips to values with lower bound 0 and upper bound 1; from 0 to 6 (ReLU6) "
                                 "and from 0 on (ReLU) are supported"));
    CHECK_THAT(clip({"x", "", "one"}), ContainsSubstring("with no lower bound and upper bound 1;"));
    CHECK_THAT(clip({"x", "small"}), ContainsSubstring("with lower bound -0.1 and no upper bound;"));
}

TEST_CASE("a transpose that moves the batch says where to", "[onnx]") {
    onnx_writer file;
    file.input("x", {1, 6, 8}).node("Transpose", "/mha", {"x"}, {"t"}, {onnx_writer::attribute("perm", dims{1, 0, 2})});
    file.node("Relu", "/later", {"t"}, {"y"}).output("y");
    const auto message = message_of(file);
    CHECK_THAT(message,
               ContainsSubstring("Transpose: it moves the batch, axis 0, to axis 1 (perm [1, 0, 2]); the batch "
                                 "stays first here, so write the model without that: attention from linear"));
    CHECK_THAT(message, ContainsSubstring("1 more node that needs their results"));
}

TEST_CASE("a gate of HardSigmoid by another value says how to write it", "[onnx]") {
    onnx_writer file;
    file.input("x", {1, 3, 5, 5}).input("r", {1, 3, 5, 5});
    file.node("HardSigmoid", "/gate", {"r"}, {"s"}, {onnx_writer::attribute("alpha", 1.0f / 6.0f)});
    file.node("Mul", "/scale", {"s", "x"}, {"y"}).output("y");
    CHECK_THAT(
        message_of(file),
        ContainsSubstring("Mul: it reads the HardSigmoid of 'r', which is supported only as x * HardSigmoid(x) of "
                          "that same x; write another gate as Clip(x + 3, 0, 6) / 6 (node '/scale')"));
    // What it asks for is imported.
    onnx_writer written;
    written.input("x", {1, 3, 5, 5}).input("r", {1, 3, 5, 5}).floats("three", {}, {3}).floats("zero", {}, {0});
    written.floats("six", {}, {6})
        .node("Add", "a", {"r", "three"}, {"p"})
        .node("Clip", "c", {"p", "zero", "six"}, {"q"});
    written.node("Div", "d", {"q", "six"}, {"s"}).node("Mul", "/scale", {"s", "x"}, {"y"}).output("y");
    CHECK(kinds(import_written(written)) == "input input constant add relu6 constant mul mul");
}

TEST_CASE("convolutions of other dimensions say how to write them", "[onnx]") {
    onnx_writer file;
    file.input("x", {1, 2, 32}).numbered("w", {8, 2, 3}).node("Conv", "/c", {"x", "w"}, {"y"}).output("y");
    CHECK_THAT(message_of(file), ContainsSubstring("Conv: its weight 'w' has the shape [8, 2, 3], so it is "
                                                   "one-dimensional; write it as a two-dimensional one, with the input "
                                                   "[N, C, 1, L] (Unsqueeze) and the weight [8, 2, 1, 3], and drop"));
    // What it asks for is imported.
    onnx_writer written;
    written.input("x", {1, 2, 32}).numbered("w", {8, 2, 1, 3}).integers("axis", {2});
    written.node("Unsqueeze", "", {"x", "axis"}, {"u"}).node("Conv", "/c", {"u", "w"}, {"v"});
    written.node("Squeeze", "", {"v", "axis"}, {"y"}).output("y", {1, 8, 30});
    CHECK_THAT(kinds(import_written(written)), ContainsSubstring("conv2d"));

    onnx_writer volume;
    volume.input("x", {1, 2, 4, 4, 4}).numbered("w", {8, 2, 3, 3, 3}).node("Conv", "/c", {"x", "w"}, {"y"}).output("y");
    CHECK_THAT(message_of(volume), ContainsSubstring("so it has 3 dimensions"));
}

TEST_CASE("an operator with a usual replacement names it", "[onnx]") {
    onnx_writer file(11);
    file.input("x", {1, 4, 5, 5})
        .node("Split", "/s", {"x"}, {"a", "b"}, {onnx_writer::attribute("axis", std::int64_t{1})});
    file.node("Concat", "/c", {"b", "a"}, {"y"}, {onnx_writer::attribute("axis", std::int64_t{1})}).output("y");
    CHECK_THAT(message_of(file),
               ContainsSubstring("Split: the operator is not supported; give each part a layer of its "
                                 "own, a convolution or linear layer with the weights of its "
                                 "channels (node '/s')\n  1 more node that needs their results"));
}

TEST_CASE("an input without a batch gets one where it is reshaped", "[onnx]") {
    onnx_writer file;
    file.input("x", {36}).integers("to", {1, 1, 6, 6}).node("Reshape", "/r", {"x", "to"}, {"a"});
    file.numbered("w", {2, 1, 3, 3}).node("Conv", "/c", {"a", "w"}, {"y"}).output("y", {1, 2, 4, 4});
    const auto m = import_written(file);
    CHECK(kinds(m) == "input reshape conv2d");
    CHECK(m.graph[0].output == tc::shape{36});
    CHECK(m.graph[1].output == tc::shape{6, 6, 1});

    onnx_writer grown;
    grown.input("x", {4}).integers("axes", {0}).node("Unsqueeze", "/u", {"x", "axes"}, {"a"}).numbered("w", {4, 2});
    grown.node("Gemm", "/fc", {"a", "w"}, {"y"}).output("y", {1, 2});
    CHECK(kinds(import_written(grown)) == "input linear");

    onnx_writer other;
    other.input("x", {36}).integers("to", {6, 6}).node("Reshape", "/r", {"x", "to"}, {"y"}).output("y");
    CHECK_THAT(message_of(other),
               ContainsSubstring("Reshape: it gives a value with the shape [36] the shape [6, 6], and "
                                 "a value without a batch has to get one, a first extent of 1"));
    onnx_writer batch;
    batch.input("x", {1, 36}).integers("to", {6, 6}).node("Reshape", "/r", {"x", "to"}, {"y"}).output("y");
    CHECK_THAT(message_of(batch),
               ContainsSubstring("Reshape: it gives a value with the shape [1, 36] the shape [6, 6], "
                                 "and its first extent, the batch, has to stay 1"));
}

TEST_CASE("element types have names", "[onnx]") {
    CHECK_THAT(message_of(onnx_writer().input("x", {1, 4}, 7).node("Relu", "r", {"x"}, {"y"}).output("y")),
               ContainsSubstring("input 'x' has the element type 7 (int64); export it with float inputs"));
    CHECK_THAT(message_of(onnx_writer().input("x", {1, 4}, 99).node("Relu", "r", {"x"}, {"y"}).output("y")),
               ContainsSubstring("input 'x' has the element type 99; "));
    CHECK_THAT(message_of(one_node("Cast", {"x"}, {onnx_writer::attribute("to", std::int64_t{6})})),
               ContainsSubstring("it casts to element type 6 (int32); float32 is supported"));
}
