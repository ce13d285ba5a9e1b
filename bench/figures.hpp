// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include <compress/evaluate/report.hpp>

namespace bench {

/// What ran: processor, instruction set of our kernels, compiler.
inline std::string machine_text() {
    const auto fresh = tensor_compress::new_report({});
    return fresh.cpu + ", " + fresh.isa + ", " + fresh.compiler;
}

/// Writes the machine and then the figures as one JSON object; nothing where there is no file name.
inline void write_figures(const std::string& file, const nlohmann::ordered_json& figures) {
    if (file.empty()) return;
    const auto fresh = tensor_compress::new_report({});
    nlohmann::ordered_json all{{"cpu", fresh.cpu}, {"isa", fresh.isa}, {"compiler", fresh.compiler}};
    all.update(figures);
    const std::string text = all.dump(2) + '\n';
    tensor_compress::write_file(file, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

}  // namespace bench
