// SPDX-License-Identifier: MIT
#pragma once

#include <cstdio>
#include <string>

#include <compress/io/onnx.hpp>
#include <compress/transform/remove_dead_channels.hpp>

#include "failure.hpp"
#include "progress.hpp"
#include "source_records.hpp"

namespace compress_model {

/// The model file that is converted.
///
/// @throws error where it has several inputs, and as import_onnx
inline tensor_compress::imported_model import_source(const std::string& file) {
    const progress step("import");
    auto imported = tensor_compress::import_onnx(file);
    if (imported.inputs.size() == 1) {
        for (const auto& layer : tensor_compress::remove_dead_channels(imported.graph, imported.weights).layers)
            std::fprintf(stderr, "%s: %d of %d channels feed nothing and are left out\n", layer.label.c_str(),
                         layer.before - layer.after, layer.before);
        return imported;
    }
    std::string names;
    for (const auto& input : imported.inputs) names += (names.empty() ? "" : ", ") + input.name;
    throw tensor_compress::error(
        file, "has " + std::to_string(imported.inputs.size()) + " inputs (" + names + "), expected one",
        "export it with one input");
}

/// A model that teaches another one: the same records go in, the same classes come out.
inline tensor_compress::imported_model import_teacher(const std::string& file,
                                                      const tensor_compress::imported_model& student) {
    auto teacher = tensor_compress::import_onnx(file);
    const auto shape_of = [](const tensor_compress::imported_tensor& t) {
        return tensor_compress::shape_text(t.shape);
    };
    const auto &expected = student.inputs.front(), &found = teacher.inputs.front();
    if (teacher.inputs.size() != 1)
        throw bad_input("--distil-from: " + file + " has " + std::to_string(teacher.inputs.size()) +
                        " inputs, and the model one; give a teacher with the same input");
    if (found.shape != expected.shape || found.channels_first != expected.channels_first)
        throw bad_input("--distil-from: " + file + " reads " + shape_of(found) + ", and the model " +
                        shape_of(expected) + "; give a teacher with the same input");
    if (size_of(teacher.outputs.front()) != size_of(student.outputs.front()))
        throw bad_input("--distil-from: " + file + " tells " + std::to_string(size_of(teacher.outputs.front())) +
                        " classes apart, and the model " + std::to_string(size_of(student.outputs.front())) +
                        "; give a teacher with the same classes");
    return teacher;
}

}  // namespace compress_model
