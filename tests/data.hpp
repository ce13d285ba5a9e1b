// SPDX-License-Identifier: MIT
#pragma once

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

namespace tests {

namespace detail {
inline std::optional<std::filesystem::path> folder(const char* variable, const char* beside_the_sources) {
    const char* chosen = std::getenv(variable);
    std::filesystem::path path =
        chosen ? std::filesystem::path(chosen) : std::filesystem::path(COMPRESS_SOURCE_DIR) / beside_the_sources;
    if (std::filesystem::is_directory(path)) return path;
    return std::nullopt;
}
}  // namespace detail

/// Data sets and models: the folder COMPRESS_DATA, else ../shared/data beside the sources, else nothing.
inline std::optional<std::filesystem::path> data_directory() {
    return detail::folder("COMPRESS_DATA", "../shared/data");
}

/// Reference vectors: the folder COMPRESS_CONFORMANCE, else ../shared/conformance beside the sources, else nothing.
inline std::optional<std::filesystem::path> conformance_directory() {
    return detail::folder("COMPRESS_CONFORMANCE", "../shared/conformance");
}

/// Says on the console what a test leaves out, because a test that did not run looks like one that passed.
inline void skip_notice(const std::string& what) {
    std::printf("SKIPPED: %s\n", what.c_str());
    std::fflush(stdout);
}

}  // namespace tests
