// SPDX-License-Identifier: MIT

// 03_import_onnx [MODEL.onnx]: what an ONNX file becomes. You will see the model as C++ text to paste into a program,
// its inputs and outputs in the file's and in the net's order, and its layers with their weights. Without an argument
// the file is data/digits_cnn.onnx, and you also see how many digits the hand-written model gets right with its
// weights.

#include <cstdio>

#include <compress/compress.hpp>

#include "digits_cnn.hpp"

namespace tc = tensor_compress;

namespace {

void print_tensors(const char* what, const std::vector<tc::imported_tensor>& all, const tc::imported_model& m) {
    for (const auto& t : all) {
        const tc::shape& inside = m.graph[m.graph.find(tc::to_label(t.label))].output;
        std::printf("%s '%s' %s in the file, '%s' %s in the net%s\n", what, tc::printable(t.name).c_str(),
                    tc::shape_text(t.shape).c_str(), t.label.c_str(), tc::extents_text(inside).c_str(),
                    t.channels_first ? ": pass channels last" : "");
    }
}

void print_layers(const tc::imported_model& m) {
    tc::text_table table({"layer", "operator", "output", "weights", "parameters", "multiply-adds"});
    for (int id = 0; id < m.graph.count; ++id) {
        const tc::node& n = m.graph[id];
        const auto weight = m.weights.find(tc::text_of(n.name) + ".weight");
        table.add({tc::text_of(n.name), tc::name_of(n.kind), tc::extents_text(n.output),
                   weight == m.weights.end() ? "" : tc::shape_text(weight->second),
                   std::to_string(tc::parameters(m.graph, n)), std::to_string(tc::multiply_adds(m.graph, n))});
    }
    std::printf("\n%s%lld multiply-adds\n", table.text().c_str(), tc::multiply_adds(m.graph));
}

/// Percent of 1,000 digits that the hand-written model gets right with weights of the file.
double accuracy_of(const tc::named_tensors& weights) {
    using net = tc::net<digits_cnn>;
    auto digits = tc::make_digits(1000, 2);
    digits.inputs /= 255.0f;
    return tc::accuracy<net>(tc::convert<net>(weights), digits);
}

}  // namespace

int main(int count, char** arguments) try {
    const auto imported = tc::import_onnx(count > 1 ? arguments[1] : EXAMPLES_DATA "/digits_cnn.onnx");
    std::printf("%s\n", tc::model_text(imported.graph, "imported").c_str());
    print_tensors("input ", imported.inputs, imported);
    print_tensors("output", imported.outputs, imported);
    print_layers(imported);
    if (count > 1) return 0;

    const double accuracy = accuracy_of(imported.weights);
    std::printf("%.1f %% of 1000 generated digits are right\n", accuracy);
    return accuracy > 95 ? 0 : 1;
} catch (const tc::error& problem) {
    std::fprintf(stderr, "%s\n", problem.what());
    return 2;
}
