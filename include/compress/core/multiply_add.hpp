// SPDX-License-Identifier: MIT
#pragma once

#include <type_traits>

#include <compress/core/config.hpp>

namespace tensor_compress {

/// a * b + c, rounded once where the machine has an instruction for it, else after each operation.
///
/// A sum of products written with * and + is contracted into such instructions or not, as g++ sees fit at each place
/// that it is inlined into: a layer would give other last bits in a stream of rows than in one piece. All kernels over
/// floats add products up by this function, or by madd of their vectors, which rounds alike.
COMPRESS_INLINE constexpr float multiply_add(float a, float b, float c) {
#if defined(__FP_FAST_FMAF) || defined(__FMA__) || defined(__ARM_FEATURE_FMA)
    if (!std::is_constant_evaluated()) return __builtin_fmaf(a, b, c);
#endif
    return a * b + c;
}

}  // namespace tensor_compress
