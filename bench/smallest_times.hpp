// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <vector>

namespace bench {

/// Smallest times of several functions, in microseconds, taken in turn within one loop so that all see the same
/// machine.
inline std::vector<double> smallest_times(const std::vector<std::function<void()>>& functions, double seconds) {
    using clock = std::chrono::steady_clock;
    const auto elapsed = [](clock::time_point since) {
        return std::chrono::duration<double, std::micro>(clock::now() - since).count();
    };
    const auto time = [&](std::size_t i, int batch) {
        functions[i]();  // brings its weights back into the caches
        const auto start = clock::now();
        for (int k = 0; k < batch; ++k) functions[i]();
        return elapsed(start);
    };
    std::vector<int> batches(functions.size(), 1);
    for (std::size_t i = 0; i < functions.size(); ++i)  // enough runs a batch for the clock, even in an undisturbed one
        while (std::min({time(i, batches[i]), time(i, batches[i]), time(i, batches[i])}) < 50) batches[i] *= 2;
    std::vector<double> smallest(functions.size(), 1e30);
    for (const auto begin = clock::now(); elapsed(begin) < seconds * 1e6 * static_cast<double>(functions.size());)
        for (std::size_t i = 0; i < functions.size(); ++i)
            smallest[i] = std::min(smallest[i], time(i, batches[i]) / batches[i]);
    return smallest;
}

}  // namespace bench
