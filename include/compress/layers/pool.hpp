// SPDX-License-Identifier: MIT
#pragma once

#include <compress/kernels/pool.hpp>
#include <compress/layers/layer.hpp>
#include <compress/storage/parameters.hpp>

namespace tensor_compress::layers {

/// Largest value under each window.
template <conv_geometry Geometry>
struct max_pool {
    static constexpr int packed_bytes = 0;
    static constexpr long long multiply_adds = 0;

    template <class Isa = native, class In, class Out>
    COMPRESS_NOTHROW static constexpr void run(const std::int8_t*, const In* input, Out* output) {
        if constexpr (std::is_same_v<In, float> && simd::has_vectors<Isa>)
            max_pool_fp32<Isa, Geometry>(input, output);
        else
            tensor_compress::max_pool<Isa, Geometry>(input, output);
    }
};

/// Mean under each window; an int8 pool whose padding counts needs the zero point it counts with.
template <conv_geometry Geometry, bool CountPadding, class Precision>
struct avg_pool {
    static constexpr bool needs_zero_point = CountPadding && Precision::activation == element::signed8;
    static constexpr int packed_bytes = needs_zero_point ? affine_bytes : 0;
    static constexpr long long multiply_adds = 0;

    static constexpr void pack(std::int8_t* to, affine input) {
        if constexpr (needs_zero_point) pack_affine(to, input);
    }
    template <class Isa = native, class In, class Out>
    COMPRESS_NOTHROW static constexpr void run(const std::int8_t* packed, const In* input, Out* output) {
        int zero_point = 0;
        if constexpr (needs_zero_point) zero_point = unpack_affine(packed).zero_point;
        tensor_compress::avg_pool<Isa, Geometry, CountPadding>(input, output, zero_point);
    }
};

}  // namespace tensor_compress::layers
