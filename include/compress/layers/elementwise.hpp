// SPDX-License-Identifier: MIT
#pragma once

#include <compress/kernels/elementwise.hpp>
#include <compress/layers/layer.hpp>
#include <compress/storage/parameters.hpp>

namespace tensor_compress::layers {

/// output[i] = F(input[i]); int8 by a table of 256 entries.
template <function F, int Count, class Precision>
struct map;

template <function F, int Count>
struct map<F, Count, tag::fp32> {
    static constexpr int packed_bytes = F == function::leaky_relu ? 4 : 0;
    static constexpr long long multiply_adds = 0;

    static constexpr void pack(std::int8_t* to, float slope) {
        if constexpr (packed_bytes != 0) store_bytes(to, slope);
    }
    template <class Isa = native>
    COMPRESS_NOTHROW static void run(const std::int8_t* packed, const float* input, float* output) {
        float slope = 0;
        if constexpr (packed_bytes != 0) slope = load_bytes<float>(packed);
        map_fp32<F, Count>(input, output, slope);
    }
};

template <function F, int Count>
struct map<F, Count, tag::int8> {
    static constexpr int packed_bytes = 256;
    static constexpr long long multiply_adds = 0;

    /// table[q + 128] = quantize(F(dequantize(q)))
    static void pack(std::int8_t* to, float slope, affine input, affine output) {
        for (int q = -128; q < 128; ++q)
            to[q + 128] = quantize(apply(F, dequantize(static_cast<std::int8_t>(q), input), slope), output);
    }
    template <class Isa = native, class In, class Out>
    COMPRESS_NOTHROW static constexpr void run(const std::int8_t* packed, const In* input, Out* output) {
        map_int8<Count>(packed, input, output);
    }
};

enum class pair_operator : unsigned char { add, mul };

/// output[i] = clamp(a[i] + b[i]) or a[i] * b[i], one side possibly spread over the other.
template <pair_operator Operator, pair_extent Extent, class Precision, clamp_kind Clamp = clamp_kind::none>
struct pair;

template <pair_operator Operator, pair_extent Extent, clamp_kind Clamp>
struct pair<Operator, Extent, tag::fp32, Clamp> {
    static constexpr int packed_bytes = 0;
    static constexpr long long multiply_adds = 0;

    template <class Isa = native>
    COMPRESS_NOTHROW static constexpr void run(const std::int8_t*, const float* a, const float* b, float* output) {
        if constexpr (Operator == pair_operator::add)
            add_fp32<Extent, Clamp>(a, b, output);
        else
            mul_fp32<Extent, Clamp>(a, b, output);
    }
};

template <pair_operator Operator, pair_extent Extent, clamp_kind Clamp>
struct pair<Operator, Extent, tag::int8, Clamp> {
    static constexpr int packed_bytes = add_scaling_bytes;
    static constexpr long long multiply_adds = 0;

    static constexpr void pack(std::int8_t* to, const add_scaling& scaling) { pack_add_scaling(to, scaling); }

    template <class Isa = native, class A, class B, class Out>
    COMPRESS_NOTHROW static constexpr void run(const std::int8_t* packed, const A* a, const B* b, Out* output) {
        const add_scaling scaling = unpack_add_scaling(packed);
        if constexpr (Operator == pair_operator::add)
            add_int8<Isa, Extent>(scaling, a, b, output);
        else
            mul_int8<Extent>(scaling, a, b, output);
    }
};

}  // namespace tensor_compress::layers
