// SPDX-License-Identifier: MIT
#pragma once

#include <compress/core/bytes.hpp>
#include <compress/kernels/softmax.hpp>
#include <compress/layers/layer.hpp>

namespace tensor_compress::layers {

/// exp(x) / sum of exp over rows of `Columns`. int8 output has scale 1 / 256 and zero point -128.
template <int Rows, int Columns, class Precision>
struct softmax;

template <int Rows, int Columns>
struct softmax<Rows, Columns, tag::fp32> {
    static constexpr int packed_bytes = 0;
    static constexpr long long multiply_adds = 0;

    template <class Isa = native>
    COMPRESS_NOTHROW static void run(const std::int8_t*, const float* input, float* output) {
        softmax_fp32<Rows, Columns>(input, output);
    }
};

template <int Rows, int Columns>
struct softmax<Rows, Columns, tag::int8> {
    static constexpr int packed_bytes = 12;
    static constexpr long long multiply_adds = 0;

    static constexpr void pack(std::int8_t* to, softmax_scaling s) {
        store_bytes(to, s.multiplier);
        store_bytes(to + 4, s.left_shift);
        store_bytes(to + 8, s.lowest);
    }
    template <class Isa = native, class In, class Out>
    COMPRESS_NOTHROW static constexpr void run(const std::int8_t* packed, const In* input, Out* output) {
        const softmax_scaling s{load_bytes<std::int32_t>(packed), load_bytes<std::int32_t>(packed + 4),
                                load_bytes<std::int32_t>(packed + 8)};
        softmax_int8<Rows, Columns>(s, input, output);
    }
};

}  // namespace tensor_compress::layers
