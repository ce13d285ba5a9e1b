// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include <compress/core/precision.hpp>
#include <compress/simd/isa.hpp>

namespace tensor_compress {

/// A layer is a type without data: its packed weights are bytes that somebody else owns.
///
/// `packed_bytes` of weights, biases and parameters; `multiply_adds` of one run; `pack` writes the bytes from numbers,
/// in constant expressions too; `run<Isa>` reads them. Elements are float, int8, or on x86 inside a net int8 + 128 as
/// unsigned bytes.
template <class T>
concept layer = requires {
    T::packed_bytes;
    T::multiply_adds;
};

/// Sums of int8 products are exact in 32 bits only up to this many terms: 255 * 128 * 32896 < 2^30, the other half of
/// the range is left to the bias and to the doubling in requantisation.
inline constexpr int max_int8_terms = 32896;
/// Of products of two values, neither of them symmetric: 255 * 255 * 16512 < 2^30.
inline constexpr int max_int8_matmul_terms = 16512;
/// Values in a row of a layer norm, whose sums of squares are of 32 bits too.
inline constexpr int max_int8_norm_values = 32768;

/// Whether groups of inputs that share a step (core/precision.hpp) are whole within a run of neighbouring inputs.
template <class Precision>
constexpr bool group_fits(int run_length) {
    if constexpr (grouped_precision<Precision>)
        return is_group_size(Precision::group) && run_length % Precision::group == 0;
    else
        return true;
}

}  // namespace tensor_compress
