// SPDX-License-Identifier: MIT
#pragma once

#include <compress/io/npz.hpp>
#include <compress/io/safetensors.hpp>
#include <compress/tensor/named_weights.hpp>

namespace tensor_compress {

/// From a name in the file to a label: {"features.0", "conv1"} turns "features.0.weight" into "conv1.weight".
using label_map = std::map<std::string, std::string, std::less<>>;

/// The named weights of `Model` from a .safetensors or .npz file, checked: all that is missing, superfluous or
/// mis-shaped is listed in one error, and so is the first value that is not finite.
///
/// @param  names  where names in the file differ from labels of the model
template <const auto& Model>
named_tensors load_weights(const std::filesystem::path& file, const label_map& names = {}) {
    const named_tensors stored = file.extension() == ".npz" ? load_npz<float>(file) : load_safetensors(file);
    named_tensors renamed;
    for (const auto& [name, tensor] : stored) {
        const auto dot = name.rfind('.');
        const auto mapped = names.find(name.substr(0, dot));
        renamed.insert_or_assign(
            mapped == names.end() || dot == std::string::npos ? name : mapped->second + name.substr(dot), tensor);
    }
    expect_weights(Model, renamed, file.string());
    return renamed;
}

}  // namespace tensor_compress
