// SPDX-License-Identifier: MIT
// ONNX's own vectors of single operators: what is imported gives their numbers.
#include <compress/io/onnx.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "../catch.hpp"
#include "../data.hpp"
#include "imported_values.hpp"

namespace tc = tensor_compress;
namespace fs = std::filesystem;

namespace {

using bytes = std::vector<std::uint8_t>;

std::string_view view_of(const bytes& file) { return {reinterpret_cast<const char*>(file.data()), file.size()}; }

/// A model of one operator with its first data set; the tensors point into the files.
struct vector_case {
    explicit vector_case(const fs::path& folder) : model_file(tc::read_file(folder / "model.onnx")) {
        model = tc::onnx::parse_model(view_of(model_file));
        for (std::size_t i = 0; i < model.inputs.size(); ++i)
            input_files.push_back(tc::read_file(folder / "test_data_set_0" / ("input_" + std::to_string(i) + ".pb")));
        output_file = tc::read_file(folder / "test_data_set_0" / "output_0.pb");
        for (const auto& file : input_files) inputs.push_back(parsed(file));
        model.outputs.resize(1);
    }
    static tc::onnx::tensor_proto parsed(const bytes& file) {
        return tc::onnx::detail::parse_tensor(protozero::pbf_reader(view_of(file).data(), file.size()));
    }

    bytes model_file, output_file;
    std::vector<bytes> input_files;
    tc::onnx::model_proto model;
    std::vector<tc::onnx::tensor_proto> inputs;
};

/// Record `index` of a tensor whose first axis is the batch.
tests::tensor record_of(const tc::onnx::constant& whole, std::size_t index) {
    const std::size_t size = whole.size() / whole.dims[0];
    const auto first = whole.floats.begin() + static_cast<std::ptrdiff_t>(index * size);
    return {first, first + static_cast<std::ptrdiff_t>(size)};
}

/// Imports the case with its inputs from `constants_from` on as weights, and compares every record.
/// @return false for a case that was refused
bool agrees(const fs::path& folder, std::size_t constants_from) {
    vector_case c(folder);
    for (std::size_t i = constants_from; i < c.inputs.size(); ++i) {
        c.model.initializers.push_back(c.inputs[i]);
        c.model.initializers.back().name = c.model.inputs[i].name;
    }
    std::optional<tc::imported_model> imported;
    try {
        imported = tc::onnx::detail::import_model(c.model, 1 << 20);
    } catch (const tc::error&) {
        return false;
    }
    const auto whole = tc::onnx::decode(vector_case::parsed(c.output_file));
    for (std::size_t record = 0; record < whole.dims[0]; ++record) {
        std::vector<tests::tensor> inputs;
        for (std::size_t i = 0; i < imported->inputs.size(); ++i)
            inputs.push_back(
                tests::in_graph_layout(imported->inputs[i], record_of(tc::onnx::decode(c.inputs[i]), record)));
        const auto values = tests::imported_values(*imported, inputs);
        const auto& found = values[static_cast<std::size_t>(imported->graph.outputs[0])];
        const auto expected = tests::in_graph_layout(imported->outputs[0], record_of(whole, record));
        REQUIRE(found.size() == expected.size());
        for (std::size_t i = 0; i < found.size(); ++i)
            CHECK(found[i] == Approx(expected[i]).epsilon(1e-4).margin(1e-6));
    }
    return true;
}

/// How many cases of an operator were imported with these inputs as weights; each gave its numbers.
int agreeing(const fs::path& conformance, const char* kind, std::size_t constants_from) {
    int count = 0;
    for (const auto& entry : fs::directory_iterator(conformance / "onnx" / "node" / kind)) {
        INFO(entry.path().string());
        count += agrees(entry.path(), constants_from) ? 1 : 0;
    }
    return count;
}

}  // namespace

TEST_CASE("ONNX's vectors of LayerNormalization and MatMul give their numbers", "[onnx]") {
    const auto folder = tests::conformance_directory();
    if (!folder) return tests::skip_notice("numbers of the ONNX vectors of LayerNormalization and MatMul");
    CHECK(agreeing(*folder, "LayerNormalization", 1) >= 5);  // the other six normalise over several axes
    CHECK(agreeing(*folder, "MatMul", 1) >= 1);
    CHECK(agreeing(*folder, "MatMul", 2) >= 1);  // 2-D products of two values mix the records of a batch
}
