// SPDX-License-Identifier: MIT
#pragma once

#include <compress/core/config.hpp>

namespace tensor_compress {

/// Whoever runs independent parts of a layer: anything with parallel_for(count, f) that calls f(0) .. f(count - 1), in
/// any order and on any threads, and returns when all are done. Nothing else in the library knows of threads.
template <class T>
concept executor = requires(const T& e) {
    e.parallel_for(1, [](int) {});
};

/// One after the other, on the caller's thread.
struct serial {
    template <class F>
    COMPRESS_INLINE constexpr void parallel_for(int count, F&& f) const {
        for (int i = 0; i < count; ++i) f(i);
    }
};

/// Into how many parts a layer is split that has less of its own accord: enough for a few threads to end together. One
/// after the other nothing is split.
template <class Executor>
inline constexpr int wanted_parts = 8;
template <>
inline constexpr int wanted_parts<serial> = 1;

}  // namespace tensor_compress
