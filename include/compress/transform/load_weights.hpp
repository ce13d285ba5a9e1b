// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <ostream>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <compress/io/npz.hpp>
#include <compress/io/safetensors.hpp>
#include <compress/io/torch_archive.hpp>
#include <compress/tensor/named_weights.hpp>
#include <compress/tensor/printable.hpp>

namespace tensor_compress {

/// From a name in the file to a label: {"features.0", "conv1"} turns "features.0.weight" into "conv1.weight".
using label_map = std::map<std::string, std::string, std::less<>>;

namespace detail {

inline named_tensors load_named_tensors(const std::filesystem::path& file) {
    const auto extension = file.extension();
    if (extension == ".npz") return load_npz<float>(file);
    return extension == ".pt" || extension == ".pth" ? load_torch(file) : load_safetensors(file);
}

/// A name of the file as one of the model.
inline std::string mapped_name(const std::string& name, const label_map& names) {
    const auto dot = name.rfind('.');
    const auto mapped = names.find(std::string_view(name).substr(0, dot));
    return mapped == names.end() || dot == std::string::npos ? name : mapped->second + name.substr(dot);
}

/// The names in a file that may stand for a tensor of the model: its own, and those that the map turns into it.
inline std::vector<std::string> names_in_file(const std::string& needed, const label_map& names) {
    std::vector<std::string> all{needed};
    const auto dot = needed.rfind('.');
    for (const auto& [from, to] : names)
        if (needed.substr(0, dot) == to) all.push_back(from + needed.substr(dot));
    return all;
}

/// What the names of all needed tensors begin with in the file, "module." for instance; "" where nothing, or more than
/// one beginning, makes all of them present.
inline std::string common_prefix(const named_tensors& stored, const std::vector<std::vector<std::string>>& needed) {
    const auto has_all = [&](const std::string& prefix) {
        return std::all_of(needed.begin(), needed.end(), [&](const auto& names) {
            return std::any_of(names.begin(), names.end(),
                               [&](const auto& name) { return stored.contains(prefix + name); });
        });
    };
    if (needed.empty() || has_all("")) return "";
    std::set<std::string> fitting;
    for (const auto& [name, tensor] : stored)
        for (const auto& wanted : needed[0]) {
            if (!name.ends_with("." + wanted)) continue;
            const std::string prefix = name.substr(0, name.size() - wanted.size());
            if (has_all(prefix)) fitting.insert(prefix);
        }
    return fitting.size() == 1 ? *fitting.begin() : "";
}

}  // namespace detail

/// The named weights of `Model` from a .safetensors, .npz, .pt or .pth file, checked: all that is missing, superfluous
/// or mis-shaped is listed in one error, and so is the first value that is not finite.
///
/// Where all of the model's names begin with the same words in the file, as with "module." or "model.", these are left
/// out. Batch norm's `num_batches_tracked`, which inference does not need, is ignored.
/// @param  names    where names in the file differ from labels of the model
/// @param  remarks  is told of a beginning that was left out
template <const auto& Model>
named_tensors load_weights(const std::filesystem::path& file, const label_map& names = {},
                           std::ostream* remarks = nullptr) {
    const named_tensors stored = detail::load_named_tensors(file);
    std::vector<std::vector<std::string>> needed;
    for (const auto& [name, extents] : needed_tensors(Model)) needed.push_back(detail::names_in_file(name, names));
    const std::string prefix = detail::common_prefix(stored, needed);
    if (!prefix.empty() && remarks != nullptr)
        *remarks << printable(file.string()) << ": the names of the weights begin with '" << printable(prefix)
                 << "', which was left out\n";

    named_tensors renamed;
    for (const auto& [name, tensor] : stored) {
        if (name.ends_with(".num_batches_tracked")) continue;
        const auto rest = name.starts_with(prefix) ? name.substr(prefix.size()) : name;
        renamed.insert_or_assign(detail::mapped_name(rest, names), tensor);
    }
    expect_weights(Model, renamed, file.string());
    return renamed;
}

}  // namespace tensor_compress
