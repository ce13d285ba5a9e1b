// SPDX-License-Identifier: MIT
#pragma once

#include <cstdio>
#include <optional>
#include <string>

namespace bench {

/// PyTorch with a number of threads: training_pytorch.py in a process of its own, which works only while it is asked.
class pytorch {
public:
    explicit pytorch(int threads);
    pytorch(const pytorch&) = delete;
    pytorch& operator=(const pytorch&) = delete;
    ~pytorch();

    /// Its version, or nothing where the interpreter does not find it.
    const std::optional<std::string>& version() const { return version_; }
    /// Runs steps for so long, at least two. Seconds of the fastest; nothing where PyTorch is not found or has ended.
    ///
    /// @param  layout  contiguous or channels_last
    std::optional<double> fastest_step(const std::string& net, const std::string& layout, double seconds);

private:
    std::optional<std::string> line();

    std::FILE* questions_ = nullptr;
    std::FILE* answers_ = nullptr;
    int process_ = 0;
    std::optional<std::string> version_;
};

}  // namespace bench
