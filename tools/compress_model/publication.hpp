// SPDX-License-Identifier: MIT
#pragma once

#include <unistd.h>

#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <compress/io/bytes.hpp>

namespace compress_model {

/// @throws error when a file cannot be written there: found before anything is compiled
inline void expect_writable(const std::filesystem::path& file) {
    const auto target = tensor_compress::detail::writable_target(file);
    const auto folder = target.has_parent_path() ? target.parent_path() : std::filesystem::path(".");
    if (access(folder.c_str(), W_OK) != 0)
        throw tensor_compress::error(file.string(), "is in a folder that cannot be written", "check its permissions");
}

/// Files that appear together or not at all: all are written beside their places first, then renamed.
class publication {
public:
    publication() = default;
    publication(const publication&) = delete;
    publication& operator=(const publication&) = delete;
    ~publication() {
        std::error_code ignored;
        for (const auto& [part, target] : parts_) std::filesystem::remove(part, ignored);
    }

    /// @param  write  writes a file of the name it is given
    template <class Write>
    void add(const std::filesystem::path& file, const Write& write) {
        const auto target = tensor_compress::detail::writable_target(file);
        parts_.emplace_back(tensor_compress::detail::temporary_beside(target), target);
        write(parts_.back().first);
    }

    void commit() {
        for (const auto& [part, target] : parts_) std::filesystem::rename(part, target);
        parts_.clear();
    }

private:
    std::vector<std::pair<std::filesystem::path, std::filesystem::path>> parts_;
};

}  // namespace compress_model
