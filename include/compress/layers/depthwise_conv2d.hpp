// SPDX-License-Identifier: MIT
#pragma once

#include <compress/kernels/depthwise_fp32.hpp>
#include <compress/kernels/depthwise_int8.hpp>
#include <compress/layers/layer.hpp>
#include <compress/storage/pack.hpp>

namespace tensor_compress::layers {

/// output[y, x, c] = clamp(bias[c] + sum over i, j of weight[c, i, j] * input[y * stride + i * dilation - top, ...,
/// c]), as many channels out as in. A depthwise convolution with a multiplier is a `conv2d` with as many groups as
/// channels.
template <conv_geometry Geometry, class Precision, class Sparsity = tag::dense, clamp_kind Clamp = clamp_kind::none>
struct depthwise_conv2d;

namespace detail {
template <class Precision>
constexpr bool has_no_group() {
    static_assert(!grouped_precision<Precision>,
                  "a depthwise layer has a step for each channel, and too few weights for groups: take the precision "
                  "without a group for it");
    return true;
}
}  // namespace detail

template <conv_geometry Geometry, float_precision Precision, class Sparsity, clamp_kind Clamp>
struct depthwise_conv2d<Geometry, Precision, Sparsity, Clamp> {
    static_assert(detail::has_no_group<Precision>());
    using order = depthwise_order<Geometry, 1>;
    using code = weight_code<Precision, Sparsity>;
    static constexpr int packed_bytes = float_sections<order, code>::bytes;
    static constexpr long long multiply_adds = static_cast<long long>(Geometry.terms()) * Geometry.out_elements();

    /// @param  weights  [channels, 1, kernel height, kernel width]
    static constexpr void pack(std::int8_t* to, const float* weights, const float* bias) {
        pack_float<order, Geometry, code>(to, weights, bias);
    }
    /// As in conv2d, where the precision is weight_only.
    static constexpr void pack(std::int8_t* to, const std::int8_t* weights, const float* scales,
                               const float* bias) requires scaled_code<code> {
        pack_scaled<order, Geometry, code>(to, weights, scales, bias);
    }

    template <class Isa = native, executor Executor = serial>
    COMPRESS_NOTHROW static constexpr void run(const std::int8_t* packed, const float* input, float* output,
                                               const Executor& threads = {}) {
        depthwise_fp32<Isa, Geometry, Clamp, code>(packed, input, output, threads);
    }
};

template <conv_geometry Geometry, integer_precision Precision, class Sparsity, clamp_kind Clamp>
struct depthwise_conv2d<Geometry, Precision, Sparsity, Clamp> {
    static_assert(Geometry.terms() <= max_int8_terms,
                  "an int8 layer sums at most 32896 products, or its 32-bit sum could overflow");
    static_assert(detail::has_no_group<Precision>());
    using order = depthwise_order<Geometry, 4>;
    using code = weight_code<Precision, Sparsity>;
    static constexpr int packed_bytes = int8_sections<order, false, code>::bytes;
    static constexpr long long multiply_adds = static_cast<long long>(Geometry.terms()) * Geometry.out_elements();

    static constexpr void pack(std::int8_t* to, const int8_product& product) {
        pack_int8<order, Geometry, false, code>(to, product);
    }

    template <class Isa = native, class In, class Out, executor Executor = serial>
    COMPRESS_NOTHROW static constexpr void run(const std::int8_t* packed, const In* input, Out* output,
                                               const Executor& threads = {}) {
        depthwise_int8<Isa, Geometry, code>(packed, input, output, threads);
    }
};

}  // namespace tensor_compress::layers
