// SPDX-License-Identifier: MIT
#pragma once

#define COMPRESS_VERSION_MAJOR 0
#define COMPRESS_VERSION_MINOR 1
#define COMPRESS_VERSION_PATCH 0

/// Number of the packed weight layout. Emitted headers carry the one they were written with and refuse to compile
/// against another: the bytes would be read in the wrong order.
#define COMPRESS_LAYOUT_VERSION 2

/// Kernels are inlined into the straight-line code of a net; the compilers' own thresholds give up too early.
#define COMPRESS_INLINE __attribute__((always_inline)) inline

/// Says what `noexcept` says, without the terminate handler that g++ would leave in the object file for it.
#define COMPRESS_NOTHROW __attribute__((nothrow))

/// A tile is a function of its own: one copy serves every layer of the same geometry, and compile time stays linear.
#define COMPRESS_NOINLINE __attribute__((noinline, nothrow))

/// Unrolls the loop that follows completely: accumulators indexed by its variable must end in registers at -O2 too; an
/// array of vectors that stays in memory may be misaligned there by g++ 12 (GCC's PR109780). Or leaves it a loop.
#if defined(__clang__)
#    define COMPRESS_UNROLL _Pragma("clang loop unroll(full)")
#    define COMPRESS_ROLL _Pragma("clang loop unroll(disable)")
#else
#    define COMPRESS_UNROLL _Pragma("GCC unroll 64")
#    define COMPRESS_ROLL _Pragma("GCC unroll 1")
#endif

/// The same for a lambda, after its parameter list.
#define COMPRESS_LAMBDA_INLINE __attribute__((always_inline))
