// SPDX-License-Identifier: MIT
#pragma once

#include <compress/core/bytes.hpp>
#include <compress/core/shape.hpp>
#include <compress/kernels/layer_norm.hpp>
#include <compress/layers/layer.hpp>

namespace tensor_compress::layers {

/// gamma * (x - mean) / sqrt(variance + epsilon) + beta, over rows of `Columns`.
template <int Rows, int Columns, class Precision>
struct layer_norm;

template <int Rows, int Columns>
struct layer_norm<Rows, Columns, tag::fp32> {
    static constexpr int beta = round_up(Columns * 4, 64), epsilon = 2 * beta;
    static constexpr int packed_bytes = epsilon + 4;
    static constexpr long long multiply_adds = 0;

    /// @param  scale, shift  gamma and beta, [Columns]
    static constexpr void pack(std::int8_t* to, const float* scale, const float* shift, float added) {
        for (int c = 0; c < Columns; ++c) store_bytes(to + 4 * c, scale[c]), store_bytes(to + beta + 4 * c, shift[c]);
        store_bytes(to + epsilon, added);
    }
    template <class Isa = native>
    COMPRESS_NOTHROW static void run(const std::int8_t* packed, const float* input, float* output) {
        layer_norm_fp32<Isa, Rows, Columns>(reinterpret_cast<const float*>(packed),
                                            reinterpret_cast<const float*>(packed + beta),
                                            load_bytes<float>(packed + epsilon), input, output);
    }
};

template <int Rows, int Columns>
struct layer_norm<Rows, Columns, tag::int8> {
    static_assert(Columns <= max_int8_norm_values, "an int8 layer norm has at most 32768 values in a row, or its 32-bit sums could "
                                    "overflow: give it fp32");
    static constexpr int gamma = round_up(Columns * 4, 64), numbers = gamma + round_up(Columns, 64);
    static constexpr int packed_bytes = numbers + 20;
    static constexpr long long multiply_adds = 0;

    /// @param  scale  gamma in int8, [Columns]
    /// @param  shift  beta in steps of gamma's scale / 2^11, [Columns]
    static constexpr void pack(std::int8_t* to, const std::int8_t* scale, const std::int32_t* shift,
                               const norm_scaling& s) {
        for (int c = 0; c < Columns; ++c) store_bytes(to + 4 * c, shift[c]), to[gamma + c] = scale[c];
        store_bytes(to + numbers, s.epsilon);
        store_bytes(to + numbers + 8, s.factor.multiplier);
        store_bytes(to + numbers + 12, s.factor.shift);
        store_bytes(to + numbers + 16, s.zero_point);
    }
    template <class Isa = native, class In, class Out>
    COMPRESS_NOTHROW static constexpr void run(const std::int8_t* packed, const In* input, Out* output) {
        const norm_scaling s{
            load_bytes<std::int64_t>(packed + numbers),
            {load_bytes<std::int32_t>(packed + numbers + 8), load_bytes<std::int32_t>(packed + numbers + 12)},
            load_bytes<std::int32_t>(packed + numbers + 16)};
        layer_norm_int8<Isa, Rows, Columns>(s, packed + gamma, reinterpret_cast<const std::int32_t*>(packed), input,
                                            output);
    }
};

}  // namespace tensor_compress::layers
