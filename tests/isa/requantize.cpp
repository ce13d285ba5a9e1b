// SPDX-License-Identifier: MIT

// Each instruction set rounds by other instructions; the folder simd is built for one of them only.
#include "../simd/requantize.cpp"
