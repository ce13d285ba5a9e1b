// SPDX-License-Identifier: MIT
#pragma once

#include <cstdlib>
#include <cstring>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>

#include <compress/tensor/error.hpp>

#include "folder_lock.hpp"

namespace compress_model {

/// Where the programs are written, compiled and run: a private folder that is removed at the end, or one that is kept.
class work_folder {
public:
    /// @param  keep  a folder to make and leave behind; empty for a temporary one
    explicit work_folder(const std::filesystem::path& keep) : kept_(!keep.empty()) {
        namespace fs = std::filesystem;
        std::error_code problem;
        if (kept_) {
            fs::create_directories(keep, problem);
            if (problem || !fs::is_directory(keep, problem))
                throw tensor_compress::error(
                    keep.string(), "cannot be made a folder (" + (problem ? problem.message() : "it is a file") + ")",
                    "give --keep the name of a new folder");
            path_ = fs::canonical(keep);
            lock_.emplace("--keep", keep.string());
        } else {
            const auto parent = fs::temp_directory_path(problem);
            auto name = (problem ? fs::path("/tmp") : parent) / "compress-model-XXXXXX";
            std::string text = name.string();
            if (mkdtemp(text.data()) == nullptr)
                throw tensor_compress::error(name.parent_path().string(),
                                             "takes no folder (" + std::string(std::strerror(errno)) + ")",
                                             "set TMPDIR to a folder that can be written");
            path_ = text;
        }
        try {
            fs::create_directories(path_ / "header");
        } catch (...) {
            remove();
            throw;
        }
    }
    ~work_folder() { remove(); }
    work_folder(const work_folder&) = delete;
    work_folder& operator=(const work_folder&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    [[nodiscard]] bool is_kept() const { return kept_; }

private:
    void remove() const {
        if (kept_) return;
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    std::filesystem::path path_;
    std::optional<folder_lock> lock_;
    bool kept_;
};

}  // namespace compress_model
