// SPDX-License-Identifier: MIT
#pragma once

#include <compress/kernels/conv2d_blocks.hpp>
#include <compress/kernels/depthwise_int8.hpp>

#include "geometries.hpp"
#include "product.hpp"

/// Rows for `check`: one kernel over one geometry with its input and output as int8 or as the bytes of an arena, and
/// its weights as `Code` stores them.
namespace tests {

template <tc::conv_geometry G, class In, class Out, bool Residual = false, class Other = Out,
          class Code = tc::plain_code>
int8_kernel convolution(const char* name, void (*express)(std::int8_t* weights, int terms) = nullptr) {
    using order = tc::panel_order<flat<G>, 4>;
    return {name,
            G,
            Residual,
            tc::int8_sections<order, Residual, Code>::bytes,
            tc::stored_offset<In>,
            tc::stored_offset<Out>,
            tc::stored_offset<Other>,
            tc::pack_int8<order, flat<G>, Residual, Code>,
            [](const std::int8_t* packed, const void* input, void* output, const void* residual) {
                tc::conv2d_int8_reference<flat<G>, Residual, Code>(packed, static_cast<const In*>(input),
                                                                   static_cast<Out*>(output),
                                                                   static_cast<const Other*>(residual));
            },
            [](const std::int8_t* packed, const void* input, void* output, const void* residual) {
                const auto* other = static_cast<const Other*>(residual);
                if constexpr (tc::indexed_code<Code>)
                    tc::conv2d_int8_blocks<tc::native, G, Residual, Code>(packed, static_cast<const In*>(input),
                                                                          static_cast<Out*>(output), other);
                else
                    tc::conv2d_int8<tc::native, G, Residual, Code>(packed, static_cast<const In*>(input),
                                                                   static_cast<Out*>(output), other);
            },
            express};
}

template <tc::conv_geometry G, class In, class Out, class Code = tc::plain_code>
int8_kernel depthwise(const char* name, void (*express)(std::int8_t* weights, int terms) = nullptr) {
    using order = tc::depthwise_order<G, 4>;
    return {name,
            G,
            false,
            tc::int8_sections<order, false, Code>::bytes,
            tc::stored_offset<In>,
            tc::stored_offset<Out>,
            0,
            tc::pack_int8<order, G, false, Code>,
            [](const std::int8_t* packed, const void* input, void* output, const void*) {
                tc::depthwise_int8_reference<G, Code>(packed, static_cast<const In*>(input), static_cast<Out*>(output));
            },
            [](const std::int8_t* packed, const void* input, void* output, const void*) {
                tc::depthwise_int8<tc::native, G, Code>(packed, static_cast<const In*>(input),
                                                        static_cast<Out*>(output));
            },
            express};
}

}  // namespace tests
