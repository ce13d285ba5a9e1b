// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

namespace tensor_compress {

/// A format as C++ source text from the names of its tags: "int4/32" and "dense" become
/// tensor_compress::int4 | tensor_compress::group<32>, "weight_only(int4)"
/// tensor_compress::weight_only(tensor_compress::int4).
inline std::string format_text(std::string_view precision, std::string_view sparsity = "dense") {
    const auto slash = precision.find('/');
    std::string text = "tensor_compress::" + std::string(precision.substr(0, slash));
    if (const auto open = text.find('('); open != std::string::npos) text.insert(open + 1, "tensor_compress::");
    if (slash != std::string_view::npos)
        text += " | tensor_compress::group<" + std::string(precision.substr(slash + 1)) + '>';
    if (sparsity != "dense") text += " | tensor_compress::" + std::string(sparsity);
    return text;
}

}  // namespace tensor_compress
