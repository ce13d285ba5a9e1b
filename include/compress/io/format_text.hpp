// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace tensor_compress {

/// A format as C++ source text from the names of its tags: "int4/32" and "dense" become
/// tensor_compress::int4 | tensor_compress::group<32>, "weight_only(int4/32)"
/// tensor_compress::weight_only(tensor_compress::int4 | tensor_compress::group<32>).
///
/// @param  prefix  of the library's names
inline std::string format_text(std::string_view precision, std::string_view sparsity = "dense",
                               std::string_view prefix = "tensor_compress::") {
    const std::string before(prefix), joined = " | " + before;
    const auto open = precision.find('('), first = open == std::string_view::npos ? 0 : open + 1;
    const auto end = first == 0 ? precision.size() : precision.size() - 1, slash = std::min(precision.find('/'), end);
    std::string text = first == 0 ? "" : before + std::string(precision.substr(0, first));
    text += before + std::string(precision.substr(first, slash - first));
    if (slash < end) text += joined + "group<" + std::string(precision.substr(slash + 1, end - slash - 1)) + '>';
    text += precision.substr(end);
    for (auto rest = sparsity == "dense" ? "" : sparsity; !rest.empty();) {
        const auto bar = std::min(rest.find('|'), rest.size());
        text += joined + std::string(rest.substr(0, bar));
        rest.remove_prefix(std::min(bar + 1, rest.size()));
    }
    return text;
}

}  // namespace tensor_compress
