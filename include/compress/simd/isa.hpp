// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace tensor_compress {

/// Instruction sets as types. A net is a different type for each, so several live in one binary without two definitions
/// of one function; which of them can be instantiated is up to the flags of the translation unit.
///
/// `activation` is how int8 values lie in the arena. x86 multiplies unsigned by signed bytes, so there a value q is
/// kept as the byte q + 128; what a caller passes and gets is int8 everywhere.
namespace isa {

struct scalar {
    static constexpr const char* name = "scalar";
    using activation = std::int8_t;
};
struct sse4 {
    static constexpr const char* name = "sse4.2";
    using activation = std::uint8_t;
};
struct avx2 {
    static constexpr const char* name = "avx2";
    using activation = std::uint8_t;
};
struct avx2_vnni {
    static constexpr const char* name = "avx2-vnni";
    using activation = std::uint8_t;
};
struct avx512 {
    static constexpr const char* name = "avx512";
    using activation = std::uint8_t;
};
struct avx512_vnni {
    static constexpr const char* name = "avx512-vnni";
    using activation = std::uint8_t;
};
struct neon {
    static constexpr const char* name = "neon";
    using activation = std::int8_t;
};
struct neon_dot {
    static constexpr const char* name = "neon-dot";
    using activation = std::int8_t;
};

}  // namespace isa

/// The best instruction set that the flags of this translation unit allow. COMPRESS_FORCE_SCALAR asks for plain C++.
#if defined(COMPRESS_FORCE_SCALAR)
using native = isa::scalar;
#elif defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__) && defined(__AVX512VNNI__)
using native = isa::avx512_vnni;
#elif defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
using native = isa::avx512;
#elif defined(__AVX2__) && defined(__FMA__) && defined(__AVXVNNI__)
using native = isa::avx2_vnni;
#elif defined(__AVX2__) && defined(__FMA__)
using native = isa::avx2;
#elif defined(__SSE4_2__)
using native = isa::sse4;
#elif defined(__ARM_NEON) && defined(__aarch64__) && defined(__ARM_FEATURE_DOTPROD)
using native = isa::neon_dot;
#elif defined(__ARM_NEON) && defined(__aarch64__)
using native = isa::neon;
#else
using native = isa::scalar;
#endif

/// Distance between an int8 value and its byte in memory: 128 where activations are unsigned bytes.
template <class Byte>
inline constexpr int stored_offset = static_cast<Byte>(-1) > 0 ? 128 : 0;

}  // namespace tensor_compress
