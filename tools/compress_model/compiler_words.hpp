// SPDX-License-Identifier: MIT
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "failure.hpp"

namespace compress_model {

inline std::vector<std::string> split(const std::string& text, char separator) {
    std::vector<std::string> parts;
    std::istringstream stream(text);
    for (std::string part; std::getline(stream, part, separator);)
        if (!part.empty()) parts.push_back(part);
    return parts;
}

namespace detail {

inline bool is_program(const std::filesystem::path& file) {
    std::error_code ignored;
    return std::filesystem::is_regular_file(file, ignored) && access(file.c_str(), X_OK) == 0;
}

/// A program of PATH; empty where there is none. Entries that are no absolute folder are passed over: what lies in the
/// folder that somebody happens to be in is not the machine's compiler.
inline std::string found_in_path(const std::string& name) {
    const char* const folders = std::getenv("PATH");
    for (const std::filesystem::path folder : split(folders == nullptr ? "/usr/bin:/bin" : folders, ':'))
        if (folder.is_absolute() && is_program(folder / name)) return (folder / name).string();
    return "";
}

}  // namespace detail

/// The words that call the compiler: its file, absolute because it runs in another folder, and maybe arguments. A name
/// with a '/' is a file, which may have spaces in it; one without is looked for in PATH.
///
/// @param  chosen  by --cxx; empty for $CXX, then c++
/// @throws failure where there is no such program
inline std::vector<std::string> compiler_words(const std::string& chosen) {
    const char* const usual = std::getenv("CXX");
    const std::string name = !chosen.empty() ? chosen : usual != nullptr ? usual : "";
    auto words = split(name, ' ');
    if (name.find('/') != std::string::npos && detail::is_program(name)) words = {name};
    if (words.empty()) words = {"c++"};
    const bool is_file = words[0].find('/') != std::string::npos;
    const std::string file = is_file ? std::filesystem::absolute(words[0]).string() : detail::found_in_path(words[0]);
    if (!detail::is_program(file))
        throw failure(words[0] + (is_file ? ": is no program" : ": is no program of PATH") +
                      "; give --cxx a C++20 compiler, or set CXX");
    words[0] = file;
    return words;
}

/// @throws bad_input for flags that ask for a C++ in which the headers do not compile
inline void expect_standard(const std::vector<std::string>& flags) {
    for (const std::string& flag : flags) {
        if (flag != "-ansi" && !flag.starts_with("-std=") && !flag.starts_with("--std=")) continue;
        const std::string name = flag.substr(flag.find('=') + 1);
        bool is_new = false;
        for (const char* year : {"20", "2a", "23", "2b", "26", "2c"})
            for (const char* language : {"c++", "gnu++"}) is_new = is_new || name == std::string(language) + year;
        if (!is_new)
            throw bad_input("--flags: " + flag + " is not the C++20 that the headers are written in; leave it out");
    }
}

}  // namespace compress_model
