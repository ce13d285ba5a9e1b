// SPDX-License-Identifier: MIT
#pragma once

#include <type_traits>

#include <compress/core/config.hpp>

namespace tensor_compress::simd {

/// Values that were written to this memory are read from it by what follows: a product that was rounded and stored is
/// not contracted with an addition behind it, wherever the inliner puts the two. Costs no instruction.
COMPRESS_INLINE constexpr void keep_stored_values(const void* memory) {
    if (!std::is_constant_evaluated()) asm volatile("" : : "r"(memory) : "memory");
}

}  // namespace tensor_compress::simd
