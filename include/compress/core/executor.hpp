// SPDX-License-Identifier: MIT
#pragma once

#include <compress/core/config.hpp>

namespace tensor_compress {

/// Whoever runs independent parts of a layer: anything with parallel_for(count, f) that calls f(0) .. f(count - 1), in
/// any order and on any threads, and returns when all are done. Part i of one layer mostly reads what part i of the
/// layer before wrote: it is best run where that was. Nothing else in the library knows of threads.
template <class T>
concept executor = requires(const T& e) {
    e.parallel_for(1, [](int) {});
};

/// One after the other, on the caller's thread.
struct serial {
    static constexpr int parts = 1;
    template <class F>
    COMPRESS_INLINE constexpr void parallel_for(int count, F&& f) const {
        for (int i = 0; i < count; ++i) f(i);
    }
};

/// Into how many parts a layer is split: `Executor::parts` where an executor says it, else enough for a few threads to
/// end together.
template <class Executor>
inline constexpr int wanted_parts = 8;
template <class Executor>
requires requires { Executor::parts; }
inline constexpr int wanted_parts<Executor> = Executor::parts;

}  // namespace tensor_compress
