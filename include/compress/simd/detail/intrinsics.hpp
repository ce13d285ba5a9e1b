// SPDX-License-Identifier: MIT
#pragma once

// g++ 12 warns of its own undefined-value helpers in these headers once they are inlined (GCC bug 105593).
#if defined(__GNUC__) && !defined(__clang__)
#    pragma GCC diagnostic push
#    pragma GCC diagnostic ignored "-Wuninitialized"
#    pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#if defined(__aarch64__)
#    include <arm_neon.h>
#else
#    include <immintrin.h>
#endif
#if defined(__GNUC__) && !defined(__clang__)
#    pragma GCC diagnostic pop
#endif
