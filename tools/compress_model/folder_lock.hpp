// SPDX-License-Identifier: MIT
#pragma once

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "failure.hpp"

namespace compress_model {

/// A folder that this run alone writes to, as long as the lock lives: two runs in one would mix their files.
class folder_lock {
public:
    folder_lock() = default;
    /// @param  option  that named the folder
    /// @throws bad_input where another run holds it
    folder_lock(const std::string& option, const std::string& folder)
        : folder_(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
        // File systems that lock no folders are left alone.
        if (folder_ < 0 || flock(folder_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
        close(folder_);
        throw bad_input(option + ": another compress-model is at work in " + folder +
                        "; wait until it has ended, or name another folder");
    }
    ~folder_lock() {
        if (folder_ >= 0) close(folder_);
    }
    folder_lock(folder_lock&& other) noexcept : folder_(other.folder_) { other.folder_ = -1; }
    folder_lock& operator=(folder_lock&&) = delete;

private:
    int folder_ = -1;
};

}  // namespace compress_model
