// SPDX-License-Identifier: MIT
#pragma once

#include <cstring>

#if defined(__linux__) && defined(__x86_64__)
#    include <csignal>
#endif

namespace bench {

/// Takes `--without-amx` out of the arguments and, where it was there, denies AMX to all that this process runs: Linux
/// refuses tiles to a process one of whose signal stacks is too small for them (about 11 KB), and libraries then choose
/// the kernels that they have for AVX-512 VNNI, as ours are.
inline bool deny_amx(int& count, char** arguments) {
    bool found = false;
    for (int i = 1; i < count; ++i) {
        if (found) arguments[i - 1] = arguments[i];
        found = found || std::strcmp(arguments[i], "--without-amx") == 0;
    }
    if (!found) return false;
    --count;
#if defined(__linux__) && defined(__x86_64__)
    static char small[8192];
    stack_t stack{};
    stack.ss_sp = small;
    stack.ss_size = sizeof small;
    return sigaltstack(&stack, nullptr) == 0;
#else
    return true;
#endif
}

}  // namespace bench
