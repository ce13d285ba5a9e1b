// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include <compress/io/onnx.hpp>

#include "onnx_writer.hpp"

/// What is imported from a file that a test writes.
namespace tests {

namespace tc = tensor_compress;

inline tc::imported_model import_written(const onnx_writer& file, const char* name = "written.onnx") {
    return tc::import_onnx(file.bytes(), name);
}

inline std::string message_of(const onnx_writer& file, const char* name = "written.onnx") {
    try {
        static_cast<void>(import_written(file, name));
    } catch (const tc::error& e) {
        return e.what();
    }
    return "no error";
}

/// "input conv2d relu": the operators of a graph in order.
inline std::string kinds(const tc::imported_model& m) {
    std::string text;
    for (int id = 0; id < m.graph.count; ++id) text.append(id > 0 ? " " : "").append(tc::name_of(m.graph[id].kind));
    return text;
}
inline const tc::node& last(const tc::imported_model& m) { return m.graph[m.graph.count - 1]; }
inline std::vector<float> weight(const tc::imported_model& m, const std::string& name) {
    const auto& w = m.weights.at(name);
    return {w.begin(), w.end()};
}

}  // namespace tests
