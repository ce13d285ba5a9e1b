// SPDX-License-Identifier: MIT
#pragma once

// The parts of an ONNX file that an inference graph needs, as plain structs. Their names are those of onnx.proto
// (ONNX 1.16, IR version 10) in lower case.

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace tensor_compress::onnx {

/// Values of TensorProto.data_type.
enum class element_type : std::int32_t {
    undefined = 0,
    float32 = 1,
    int32 = 6,
    int64 = 7,
    boolean = 9,
    float16 = 10,
    float64 = 11,
    bfloat16 = 16,
};

/// "element type 7 (int64)"
inline std::string type_text(element_type type) {
    constexpr const char* names[] = {"undefined", "float32", "uint8",     "int8",       "uint16",  "int16",
                                     "int32",     "int64",   "string",    "bool",       "float16", "float64",
                                     "uint32",    "uint64",  "complex64", "complex128", "bfloat16"};
    const auto number = static_cast<std::int32_t>(type);
    const std::string text = "element type " + std::to_string(number);
    return number < 0 || number >= static_cast<std::int32_t>(std::size(names)) ? text
                                                                               : text + " (" + names[number] + ")";
}

struct tensor_proto {
    std::string name;
    std::vector<std::int64_t> dims;
    element_type type = element_type::undefined;
    std::string_view raw;  ///< little-endian, points into the file's bytes
    bool has_raw = false;
    bool external = false;  ///< the data are in another file
    std::vector<float> floats;
    std::vector<std::int64_t> integers;  ///< int32_data or int64_data
    std::vector<double> doubles;
};

struct attribute_proto {
    std::string name;
    float number = 0;
    std::int64_t integer = 0;
    std::string text;
    tensor_proto tensor;
    bool has_number = false, has_integer = false, has_text = false, has_tensor = false;
    std::vector<float> numbers;
    std::vector<std::int64_t> integers;
};

struct node_proto {
    std::string name, kind, domain;
    std::vector<std::string> inputs, outputs;
    std::vector<attribute_proto> attributes;
    std::size_t index = 0;  ///< position in the file
};

/// Input or output of the graph. A symbolic or missing extent is -1.
struct value_info {
    std::string name;
    element_type type = element_type::undefined;
    std::vector<std::int64_t> dims;
    bool has_shape = false;
};

struct model_proto {
    std::int64_t opset = 0;
    bool has_graph = false;
    std::vector<node_proto> nodes;
    std::vector<tensor_proto> initializers;
    std::vector<std::string> sparse_initializers;
    std::vector<value_info> inputs, outputs;
};

}  // namespace tensor_compress::onnx
