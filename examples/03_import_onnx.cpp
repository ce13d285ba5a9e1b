// SPDX-License-Identifier: MIT

// 03_import_onnx [MODEL.onnx]: what an ONNX file becomes. You will see the model as C++ text to paste into a program,
// its inputs and outputs in the file's and in the net's order, and its layers with their weights. Without an argument
// the file is data/digits_cnn.onnx, and a net of the hand-written model runs with the imported weights and those of the
// .safetensors.

#include <cmath>
#include <cstdio>

#include <compress/compress.hpp>

#include "digits_cnn.hpp"

namespace tc = tensor_compress;

namespace {

void print_tensors(const char* what, const std::vector<tc::imported_tensor>& all, const tc::imported_model& m) {
    for (const auto& t : all) {
        const tc::shape& inside = m.graph[m.graph.find(tc::to_label(t.label))].output;
        std::printf("%s '%s' %s in the file, '%s' %s in the net%s\n", what, t.name.c_str(),
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

/// Largest difference of the outputs of one net with weights from both files.
float largest_difference(const tc::named_tensors& a, const tc::named_tensors& b) {
    using net = tc::net<digits_cnn>;
    const auto first_weights = tc::convert<net>(a), second_weights = tc::convert<net>(b);
    tc::runner<net> first(first_weights), second(second_weights);
    auto digits = tc::make_digits(100, 2);
    digits.inputs /= 255.0f;
    float largest = 0;
    for (const auto record : tc::records(digits)) {
        const auto x = first(record), y = second(record);
        for (std::size_t i = 0; i < x.size(); ++i) largest = std::fmax(largest, std::fabs(x[i] - y[i]));
    }
    return largest;
}

}  // namespace

int main(int count, char** arguments) try {
    const std::filesystem::path data = EXAMPLES_DATA;
    const auto imported = tc::import_onnx(count > 1 ? std::filesystem::path(arguments[1]) : data / "digits_cnn.onnx");
    std::printf("%s\n", tc::model_text(imported.graph, "imported").c_str());
    print_tensors("input ", imported.inputs, imported);
    print_tensors("output", imported.outputs, imported);
    print_layers(imported);
    if (count > 1) return 0;

    const float difference =
        largest_difference(imported.weights, tc::load_weights<digits_cnn>(data / "digits_cnn.safetensors"));
    std::printf("largest difference to the weights of digits_cnn.safetensors, over 100 digits: %g\n",
                static_cast<double>(difference));
    return difference == 0 ? 0 : 1;
} catch (const tc::error& problem) {
    std::fprintf(stderr, "%s\n", problem.what());
    return 2;
}
