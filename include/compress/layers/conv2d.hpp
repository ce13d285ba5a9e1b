// SPDX-License-Identifier: MIT
#pragma once

#include <compress/kernels/conv2d_binary.hpp>
#include <compress/kernels/conv2d_blocks.hpp>
#include <compress/kernels/conv2d_dynamic.hpp>
#include <compress/kernels/conv2d_fp32.hpp>
#include <compress/kernels/conv2d_int8.hpp>
#include <compress/layers/layer.hpp>
#include <compress/storage/bitmask_code.hpp>
#include <compress/storage/pack.hpp>
#include <compress/storage/parameters.hpp>

namespace tensor_compress::layers {

/// output[y, x, o] = end(bias[o] + sum over i, j, c of weight[o, c, i, j] * input[y * stride + i * dilation - top, ...,
/// c]).
///
/// `Geometry` has the shapes, [height, width, channels]; `End` the activation and a residual of the output's shape. An
/// int8 layer's activation bounds lie in its packed parameters, so of `End` it reads only `residual`.
template <conv_geometry Geometry, class Precision, class Sparsity = tag::dense, float_end End = float_end{}>
struct conv2d;

namespace detail {
/// Some codes multiply what is stored; all others are decoded or stored as they are multiplied.
template <conv_geometry Geometry, class Order, class Code>
constexpr long long multiply_adds_of() {
    constexpr long long pixels = static_cast<long long>(Geometry.out_height) * Geometry.out_width;
    if constexpr (requires { Code::multiplied(0); })
        return pixels * Order::blocks * Code::multiplied(Order::block_elements);
    else
        return pixels * Geometry.terms() * Geometry.out_channels;
}

/// What a net says of a layer with its label, for layers that are used alone.
template <conv_geometry Geometry, class Precision, class Code>
constexpr bool format_fits() {
    static_assert(group_fits<Precision>(Geometry.flattened().run_length()),
                  "the group of weights that share a step must divide the neighbouring inputs of an output (channels * "
                  "kernel width; channels where dilated or grouped): take another size, or no group");
    static_assert(blocks_fit<Code>(Geometry),
                  "a block of the pattern must divide the layer, its columns the input channels and its rows the "
                  "output channels (of one group): take another block, or none");
    static_assert(places_fit<Code>(Geometry),
                  "for_speed picks the inputs of an output 8 at a time, with n_of_m<1, 4> 16, which must divide "
                  "the input channels (of one group): leave for_speed out");
    static_assert(mask_fits<Code, Geometry.flattened()>(),
                  "of the weights of 16 outputs int8 keeps at most 65535 anywhere: take a higher percent of zeros, or "
                  "blocks");
    return true;
}
}  // namespace detail

template <conv_geometry Geometry, float_precision Precision, class Sparsity, float_end End>
struct conv2d<Geometry, Precision, Sparsity, End> {
    using code = weight_code<Precision, Sparsity>;
    using order = float_order<Geometry.flattened(), code>;
    static_assert(detail::format_fits<Geometry, Precision, code>());
    static constexpr int packed_bytes = float_sections<order, code>::bytes;
    static constexpr long long multiply_adds = detail::multiply_adds_of<Geometry, order, code>();

    /// @param  weights  [out, in / groups, kernel height, kernel width]
    /// @param  bias     [out], or null
    static constexpr void pack(std::int8_t* to, const float* weights, const float* bias) {
        pack_float<order, Geometry.flattened(), code>(to, weights, bias);
    }
    /// @param  weights  where the precision is weight_only: int8 that it can express
    /// @param  scales   [out], real units per step of a weight
    static constexpr void pack(std::int8_t* to, const std::int8_t* weights, const float* scales,
                               const float* bias) requires scaled_code<code> {
        pack_scaled<order, Geometry.flattened(), code>(to, weights, scales, bias);
    }

    template <class Isa = native, executor Executor = serial>
    COMPRESS_NOTHROW static constexpr void run(const std::int8_t* packed, const float* input, float* output,
                                               const float* residual = nullptr, const Executor& threads = {}) {
        if constexpr (indexed_code<code>)
            conv2d_fp32_blocks<Isa, Geometry, End, code>(packed, input, output, residual, threads);
        else
            conv2d_fp32<Isa, Geometry, End, code>(packed, input, output, residual, threads);
    }
};

/// Reads what layers::quantize_range writes, gives floats.
template <conv_geometry Geometry, dynamic_precision Precision, class Sparsity, float_end End>
struct conv2d<Geometry, Precision, Sparsity, End> {
    static_assert(
        Geometry.terms() <= max_int8_terms,
        "a dynamic layer sums at most 32896 products of integers, or its 32-bit sum could overflow: split the "
        "layer or give it fp32");
    using code = weight_code<Precision, Sparsity>;
    using order = panel_order<Geometry.flattened(), 4>;
    static_assert(detail::format_fits<Geometry, Precision, code>());
    static constexpr int packed_bytes = dynamic_sections<order, code>::bytes;
    static constexpr long long multiply_adds = detail::multiply_adds_of<Geometry, order, code>();

    /// @param  weights  [out, in / groups, kernel height, kernel width], that the precision can express
    /// @param  scales   [out], real units per step of a weight
    /// @param  bias     [out], or null
    static constexpr void pack(std::int8_t* to, const std::int8_t* weights, const float* scales, const float* bias) {
        pack_dynamic<order, Geometry.flattened(), code>(to, weights, scales, bias);
    }

    /// @param  input  ranged_bytes(elements of the input)
    template <class Isa = native, class In, executor Executor = serial>
    COMPRESS_NOTHROW static void run(const std::int8_t* packed, const In* input, float* output,
                                     const float* residual = nullptr, const Executor& threads = {}) {
        const auto* end = reinterpret_cast<const std::int8_t*>(input) + ranged_affine_at(Geometry.in_elements());
        conv2d_dynamic<Isa, Geometry, End, code>(packed, unpack_affine(end), input, output, residual, threads);
    }
};

template <conv_geometry Geometry, integer_precision Precision, class Sparsity, float_end End>
struct conv2d<Geometry, Precision, Sparsity, End> {
    static_assert(
        Geometry.terms() <= max_int8_terms,
        "an int8 layer sums at most 32896 products, or its 32-bit sum could overflow: split the layer or give it fp32");
    using code = weight_code<Precision, Sparsity>;
    static_assert(detail::format_fits<Geometry, Precision, code>());
    using order = integer_order<Geometry.flattened(), code>;
    static_assert(!sign_code<code> || Geometry.groups == 1,
                  "a layer of signs has one group of channels: give a grouped layer int8 or binary");
    static constexpr int packed_bytes = int8_sections<order, End.residual, code>::bytes;
    static constexpr long long multiply_adds = detail::multiply_adds_of<Geometry, order, code>();

    static constexpr void pack(std::int8_t* to, const int8_product& product) {
        pack_int8<order, Geometry.flattened(), End.residual, code>(to, product);
    }

    template <class Isa = native, class In, class Out, class Other = Out, executor Executor = serial>
    COMPRESS_NOTHROW static constexpr void run(const std::int8_t* packed, const In* input, Out* output,
                                               const Other* residual = nullptr, const Executor& threads = {}) {
        if constexpr (indexed_code<code>)
            conv2d_int8_blocks<Isa, Geometry, End.residual, code>(packed, input, output, residual, threads);
        else if constexpr (sign_code<code>)
            conv2d_binary<Isa, Geometry, End.residual>(packed, input, output, residual, threads);
        else
            conv2d_int8<Isa, Geometry, End.residual, code>(packed, input, output, residual, threads);
    }
};

}  // namespace tensor_compress::layers
