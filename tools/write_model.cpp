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
        const std::string text =
            "#pragma once\n\n#include <compress/graph/builder.hpp>\n\n" + tc::model_text(imported.graph, arguments[2]);
        tc::write_file(arguments[3], {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
    } catch (const tc::error& problem) {
        std::fprintf(stderr, "write_model: %s\n", problem.what());
        return 2;
    }
    return 0;
}
