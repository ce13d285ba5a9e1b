// SPDX-License-Identifier: MIT
// Prints what this machine can run, as a CMake list.
#include <cstdio>
#if defined(__aarch64__) && defined(__linux__)
#    include <asm/hwcap.h>
#    include <sys/auxv.h>
#endif

int main() {
    std::printf("baseline");
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("sse4.2")) std::printf(";sse4.2");
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) std::printf(";avx2");
    if (__builtin_cpu_supports("avxvnni")) std::printf(";avx-vnni");
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512vl")) {
        std::printf(";avx512");
        if (__builtin_cpu_supports("avx512vnni")) std::printf(";avx512-vnni");
    }
#elif defined(__aarch64__) && defined(__linux__)
    if (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) std::printf(";dotprod");
#endif
}
