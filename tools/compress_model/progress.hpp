// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdio>
#include <exception>
#include <string>

namespace compress_model {

/// One line on stderr: what is being done and, once it is, the seconds it took.
class progress {
public:
    explicit progress(const std::string& what) { std::fprintf(stderr, "%-24s", what.c_str()); }
    ~progress() {
        if (std::uncaught_exceptions() > exceptions_)
            std::fputc('\n', stderr);
        else
            std::fprintf(stderr, "%8.2f s\n", std::chrono::duration<double>(clock::now() - start_).count());
    }
    progress(const progress&) = delete;
    progress& operator=(const progress&) = delete;

private:
    using clock = std::chrono::steady_clock;
    clock::time_point start_ = clock::now();
    int exceptions_ = std::uncaught_exceptions();
};

}  // namespace compress_model
