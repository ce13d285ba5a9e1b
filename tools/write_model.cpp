// SPDX-License-Identifier: MIT

// write_model MODEL.onnx NAME OUT.hpp: the model as C++ text, in a header to include, without its weights.

#include <cstdio>

#include <compress/io/bytes.hpp>
#include <compress/io/model_text.hpp>
#include <compress/io/onnx.hpp>

namespace tc = tensor_compress;

int main(int count, char** arguments) {
    if (count != 4) {
        std::fprintf(stderr, "write_model MODEL.onnx NAME OUT.hpp\n");
        return 2;
    }
    try {
        const auto imported = tc::import_onnx(arguments[1]);
        tc::write_text(arguments[3], "#pragma once\n\n#include <compress/graph/builder.hpp>\n\n" +
                                         tc::model_text(imported.graph, arguments[2]));
    } catch (const tc::error& problem) {
        std::fprintf(stderr, "write_model: %s\n", problem.what());
        return 2;
    }
    return 0;
}
