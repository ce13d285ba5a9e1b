// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <new>
#include <vector>

namespace tensor_compress {

/// An allocator whose memory starts on a cache line, so that vector loads of a row straddle no more lines than they
/// must.
template <class T>
struct cache_aligned {
    using value_type = T;

    cache_aligned() = default;
    template <class Other>
    constexpr cache_aligned(const cache_aligned<Other>&) {}

    T* allocate(std::size_t count) { return static_cast<T*>(::operator new (count * sizeof(T), std::align_val_t{64})); }
    void deallocate(T* memory, std::size_t) { ::operator delete (memory, std::align_val_t{64}); }

    friend bool operator==(const cache_aligned&, const cache_aligned&) { return true; }
};

/// Floats that kernels read and write.
using aligned_floats = std::vector<float, cache_aligned<float>>;

}  // namespace tensor_compress
