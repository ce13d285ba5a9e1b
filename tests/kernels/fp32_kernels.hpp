// SPDX-License-Identifier: MIT
#pragma once

#include <compress/kernels/conv2d_blocks.hpp>
#include <compress/kernels/depthwise_fp32.hpp>

#include "geometries.hpp"
#include "product.hpp"

/// Rows for `check`: one kernel over one geometry, with its weights as `Code` stores them.
namespace tests {

template <tc::conv_geometry G, tc::float_end End = tc::float_end{}, class Code = tc::float_code>
fp32_kernel convolution(const char* name, void (*pack)(std::int8_t*, const float*, const float*)) {
    using order = tc::float_order<flat<G>, Code>;
    return {name,
            G,
            End.stage,
            End.residual,
            End.sum,
            tc::float_sections<order, Code>::bytes,
            pack,
            [](const std::int8_t* packed, const float* input, float* output, const float* residual) {
                tc::conv2d_fp32_reference<flat<G>, End, Code>(packed, input, output, residual);
            },
            [](const std::int8_t* packed, const float* input, float* output, const float* residual) {
                if constexpr (tc::indexed_code<Code>)
                    tc::conv2d_fp32_blocks<tc::native, G, End, Code>(packed, input, output, residual);
                else
                    tc::conv2d_fp32<tc::native, G, End, Code>(packed, input, output, residual);
            }};
}
template <tc::conv_geometry G, tc::float_end End = tc::float_end{}, class Code = tc::float_code>
fp32_kernel convolution(const char* name) {
    return convolution<G, End, Code>(name, tc::pack_float<tc::float_order<flat<G>, Code>, flat<G>, Code>);
}

template <tc::conv_geometry G, tc::clamp_kind Clamp = tc::clamp_kind::none, class Code = tc::float_code>
fp32_kernel depthwise(const char* name, void (*pack)(std::int8_t*, const float*, const float*)) {
    return {name,
            G,
            Clamp,
            false,
            tc::clamp_kind::none,
            tc::float_sections<tc::depthwise_order<G, 1>, Code>::bytes,
            pack,
            [](const std::int8_t* packed, const float* input, float* output, const float*) {
                tc::depthwise_fp32_reference<G, Clamp, Code>(packed, input, output);
            },
            [](const std::int8_t* packed, const float* input, float* output, const float*) {
                tc::depthwise_fp32<tc::native, G, Clamp, Code>(packed, input, output);
            }};
}
template <tc::conv_geometry G, tc::clamp_kind Clamp = tc::clamp_kind::none>
fp32_kernel depthwise(const char* name) {
    return depthwise<G, Clamp>(name, tc::pack_float<tc::depthwise_order<G, 1>, G>);
}

}  // namespace tests
