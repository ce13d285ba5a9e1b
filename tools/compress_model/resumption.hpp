// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <string>
#include <system_error>

#include <compress/io/bytes.hpp>

#include "failure.hpp"

namespace compress_model {

/// Makes the folder that checkpoints go to, and notes the command there: another one has others.
///
/// @param  words  of the command line
/// @return the folder's absolute name; empty where none is asked for
/// @throws error where it cannot be made; bad_input where it belongs to another command
inline std::filesystem::path resumption_folder(const std::string& name, const std::string& words) {
    namespace fs = std::filesystem;
    if (name.empty()) return {};
    std::error_code problem;
    fs::create_directories(name, problem);
    if (problem || !fs::is_directory(name, problem))
        throw tensor_compress::error(name,
                                     "cannot be made a folder (" + (problem ? problem.message() : "it is a file") + ")",
                                     "give --resume the name of a new folder, or of one with checkpoints");
    const fs::path note = fs::path(name) / "command.txt";
    if (fs::exists(note)) {
        const auto bytes = tensor_compress::read_file(note);
        const std::string begun(bytes.begin(), bytes.end());
        if (begun != words)
            throw bad_input("--resume: the checkpoints in " + name + " are those of 'compress-model " + begun +
                            "'; repeat that, or name another folder");
    } else {
        tensor_compress::write_text(note, words);
    }
    return fs::canonical(name);
}

}  // namespace compress_model
