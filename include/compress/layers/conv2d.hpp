// SPDX-License-Identifier: MIT
#pragma once

#include <compress/kernels/conv2d_fp32.hpp>
#include <compress/kernels/conv2d_int8.hpp>
#include <compress/layers/layer.hpp>
#include <compress/storage/pack.hpp>

namespace tensor_compress::layers {

/// output[y, x, o] = end(bias[o] + sum over i, j, c of weight[o, c, i, j] * input[y * stride + i * dilation - top, ...,
/// c]).
///
/// `Geometry` has the shapes, [height, width, channels]; `End` the activation and a residual of the output's shape. An
/// int8 layer's activation bounds lie in its packed parameters, so of `End` it reads only `residual`.
template <conv_geometry Geometry, class Precision, class Sparsity = tag::dense, float_end End = float_end{}>
struct conv2d;

template <conv_geometry Geometry, float_end End>
struct conv2d<Geometry, tag::fp32, tag::dense, End> {
    using order = panel_order<Geometry.flattened(), 1>;
    static constexpr int packed_bytes = float_sections<order>::bytes;
    static constexpr long long multiply_adds = static_cast<long long>(Geometry.terms()) * Geometry.out_elements();

    /// @param  weights  [out, in / groups, kernel height, kernel width]
    /// @param  bias     [out], or null
    static constexpr void pack(std::int8_t* to, const float* weights, const float* bias) {
        pack_float<order, Geometry.flattened()>(to, weights, bias);
    }

    template <class Isa = native, executor Executor = serial>
    COMPRESS_NOTHROW static constexpr void run(const std::int8_t* packed, const float* input, float* output,
                                               const float* residual = nullptr, const Executor& threads = {}) {
        conv2d_fp32<Isa, Geometry, End>(packed, input, output, residual, threads);
    }
};

template <conv_geometry Geometry, integer_precision Precision, class Sparsity, float_end End>
struct conv2d<Geometry, Precision, Sparsity, End> {
    static_assert(
        Geometry.terms() <= max_int8_terms,
        "an int8 layer sums at most 32896 products, or its 32-bit sum could overflow: split the layer or give it fp32");
    static_assert(group_fits<Precision>(Geometry.flattened().run_length()),
                  "the group of weights that share a step must divide the neighbouring inputs of an output (channels * "
                  "kernel width; channels where dilated or grouped): take another size, or no group");
    using order = panel_order<Geometry.flattened(), 4>;
    using code = weight_code<Precision, Sparsity>;
    static constexpr int packed_bytes = int8_sections<order, End.residual, code>::bytes;
    static constexpr long long multiply_adds = static_cast<long long>(Geometry.terms()) * Geometry.out_elements();

    static constexpr void pack(std::int8_t* to, const int8_product& product) {
        pack_int8<order, Geometry.flattened(), End.residual, code>(to, product);
    }

    template <class Isa = native, class In, class Out, class Other = Out, executor Executor = serial>
    COMPRESS_NOTHROW static constexpr void run(const std::int8_t* packed, const In* input, Out* output,
                                               const Other* residual = nullptr, const Executor& threads = {}) {
        conv2d_int8<Isa, Geometry, End.residual, code>(packed, input, output, residual, threads);
    }
};

}  // namespace tensor_compress::layers
