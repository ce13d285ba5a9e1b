// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <system_error>

#include <compress/io/bytes.hpp>

#include "folder_lock.hpp"

namespace compress_model {

/// The folder that checkpoints go to: that of one command, which is noted there, and of one run at a time.
struct resumption {
    std::filesystem::path folder;  ///< absolute; empty where none is asked for
    std::optional<folder_lock> lock;
};

/// @param  words  of the command line
/// @throws error where the folder cannot be made; bad_input where it belongs to another command, or to another run
inline resumption resumption_of(const std::string& name, const std::string& words) {
    namespace fs = std::filesystem;
    if (name.empty()) return {};
    std::error_code problem;
    fs::create_directories(name, problem);
    if (problem || !fs::is_directory(name, problem))
        throw tensor_compress::error(name,
                                     "cannot be made a folder (" + (problem ? problem.message() : "it is a file") + ")",
                                     "give --resume the name of a new folder, or of one with checkpoints");
    resumption r{fs::canonical(name), {}};
    r.lock.emplace("--resume", name);
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
    return r;
}

}  // namespace compress_model
