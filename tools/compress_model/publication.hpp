// SPDX-License-Identifier: MIT
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <compress/io/bytes.hpp>

namespace compress_model {

/// @throws error when a file cannot be written there: found before anything is compiled, by a file of no bytes that
/// comes and goes
inline void expect_writable(const std::filesystem::path& file) {
    const auto part = tensor_compress::detail::temporary_beside(tensor_compress::detail::writable_target(file));
    const int made = open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (made < 0)
        throw tensor_compress::error(file.string(), "cannot be written (" + std::string(std::strerror(errno)) + ")",
                                     "choose another name, or check the permissions of its folder");
    close(made);
    unlink(part.c_str());
}

/// The file behind a name, to tell whether two names are of one.
inline std::filesystem::path file_of(const std::filesystem::path& name) {
    std::error_code problem;
    const auto file = std::filesystem::weakly_canonical(name, problem);
    return problem ? name : file;
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
