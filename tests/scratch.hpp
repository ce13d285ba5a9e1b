// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <random>
#include <string>

namespace tests {

/// A folder of this test's own, removed at the end.
struct scratch_folder {
    std::filesystem::path path =
        std::filesystem::temp_directory_path() / ("compress-test-" + std::to_string(std::random_device{}()));
    scratch_folder() { std::filesystem::create_directories(path); }
    ~scratch_folder() { std::filesystem::remove_all(path); }
    scratch_folder(const scratch_folder&) = delete;
    scratch_folder& operator=(const scratch_folder&) = delete;
    std::filesystem::path operator/(const char* name) const { return path / name; }
};

}  // namespace tests
