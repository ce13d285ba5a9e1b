// SPDX-License-Identifier: MIT
#pragma once

#include <compress/core/config.hpp>
#include <compress/core/fixed_add.hpp>
#include <compress/storage/bit_code.hpp>
#include <compress/storage/block_code.hpp>
#include <compress/storage/float_code.hpp>

namespace tensor_compress {

/// A quantised convolution or linear layer in natural order: what conversion computes and `pack` lays out.
struct int8_product {
    const std::int8_t* weights;       ///< [out, in / groups, kernel height, kernel width], zero point 0
    const std::int32_t* bias;         ///< [out], in units of input scale * weight scale, or null
    const fixed_multiplier* factors;  ///< [out], input scale * weight scale / output scale
    std::int32_t input_zero_point = 0;
    std::int32_t zero_point = 0;
    std::int32_t low = -128, high = 127;  ///< activation bounds in steps of the output
    add_scaling add{};                    ///< where a residual add is fused: first is this product, second the residual
};

namespace detail {

template <conv_geometry G>
constexpr int natural_index(int output, int channel, int kernel_row, int kernel_column) {
    return ((output * G.group_inputs() + channel) * G.kernel_height + kernel_row) * G.kernel_width + kernel_column;
}

template <conv_geometry G, class F>
constexpr void for_each_weight(int output, F f) {
    for (int c = 0; c < G.group_inputs(); ++c)
        for (int i = 0; i < G.kernel_height; ++i)
            for (int j = 0; j < G.kernel_width; ++j) f(c, i, j, natural_index<G>(output, c, i, j));
}

}  // namespace detail

/// What the zero point of an input is multiplied with.
template <conv_geometry G>
constexpr std::int32_t sum_of_weights(const std::int8_t* weights, int output) {
    std::int32_t sum = 0;
    detail::for_each_weight<G>(output, [&](int, int, int, int natural) { sum += weights[natural]; });
    return sum;
}

/// Lays out weights [out, in / groups, kernel height, kernel width] as `Code` stores them, block after block, in zeroed
/// memory.
template <class Order, conv_geometry G, class Code, class Value>
constexpr void pack_weights(std::int8_t* to, const Value* weights) {
    constexpr int elements = Order::block_elements, bytes = Code::bytes(elements);
    if constexpr (requires { Code::encode(to, weights, 0); }) {
        for (int block = 0; block < Order::blocks; ++block) {
            Value plain[elements]{};
            for (int o = 0; o < G.out_channels; ++o)
                if (Order::index(o, 0, 0, 0) / elements == block)
                    detail::for_each_weight<G>(o, [&](int c, int i, int j, int natural) {
                        plain[Order::index(o, c, i, j) % elements] = weights[natural];
                    });
            Code::encode(to + block * bytes, plain, elements);
        }
    } else {
        for (int o = 0; o < G.out_channels; ++o)
            detail::for_each_weight<G>(o, [&](int c, int i, int j, int natural) {
                const int index = Order::index(o, c, i, j);
                Code::set(to + index / elements * bytes, elements, index % elements, weights[natural]);
            });
    }
}

/// Lays out fp32 weights and bias [out] (or null) as float_sections<Order, Code>.
template <class Order, conv_geometry G, class Code = float_code>
constexpr void pack_float(std::int8_t* to, const float* weights, const float* bias) {
    using sections = float_sections<Order, Code>;
    for (int i = 0; i < sections::bytes; ++i) to[i] = 0;
    pack_weights<Order, G, Code>(to + sections::weights, weights);
    for (int o = 0; o < G.out_channels; ++o)
        store_bytes(to + sections::bias + 4 * Order::slot(o), bias == nullptr ? 0.0f : bias[o]);
}

/// The same of weights that are integers times a scale [out], as int8.
template <class Order, conv_geometry G, scaled_code Code>
constexpr void pack_scaled(std::int8_t* to, const std::int8_t* weights, const float* scales, const float* bias) {
    using sections = float_sections<Order, Code>;
    for (int i = 0; i < sections::bytes; ++i) to[i] = 0;
    pack_weights<Order, G, Code>(to + sections::weights, weights);
    for (int o = 0; o < G.out_channels; ++o) {
        store_bytes(to + sections::bias + 4 * Order::slot(o), bias == nullptr ? 0.0f : bias[o]);
        store_bytes(to + sections::scale + 4 * Order::slot(o), scales[o] * static_cast<float>(Code::unit));
    }
}

/// f(channel within the group, kernel row, kernel column, weight) for the stored weights of an output.
template <class Order, conv_geometry G, class Code, class F>
COMPRESS_NOTHROW constexpr void for_each_stored(const std::int8_t* packed, int output, F f) {
    constexpr int elements = Order::block_elements, bytes = Code::bytes(elements);
    if constexpr (indexed_code<Code>) {
        const std::int8_t* panel = packed + Order::slot(output) / panel_outputs * bytes;
        const int row = Order::slot(output) % panel_outputs, group = row / Code::rows;
        for (int block = Code::end_of(panel, group - 1); block < Code::end_of(panel, group); ++block)
            for (int k = 0; k < Code::columns; ++k) {
                const int term = Code::place_of(panel, block) * Code::columns + k, tap = term / G.group_inputs();
                f(term % G.group_inputs(), tap / G.kernel_width, tap % G.kernel_width,
                  Code::value_of(panel, elements, block, row % Code::rows, k));
            }
    } else {
        for (int i = 0; i < G.kernel_height; ++i)
            for (int j = 0; j < G.kernel_width; ++j)
#if defined(__clang__)  // version 19 with AVX-512 makes it vectors that read beyond the last pixel of an input
#    pragma clang loop vectorize(disable)
#endif
                for (int c = 0; c < G.group_inputs(); ++c) {
                    const int index = Order::index(output, c, i, j);
                    f(c, i, j, Code::at(packed + index / elements * bytes, elements, index % elements));
                }
    }
}

/// Lays out a quantised product as int8_sections<Order, Residual, Code>. Factors below 2^-31 become 0: no sum that fits
/// reaches a half.
template <class Order, conv_geometry G, bool Residual, class Code = plain_code>
constexpr void pack_int8(std::int8_t* to, const int8_product& p) {
    using sections = int8_sections<Order, Residual, Code>;
    for (int i = 0; i < sections::bytes; ++i) to[i] = 0;
    pack_weights<Order, G, Code>(to + sections::weights, p.weights);
    for (int o = 0; o < G.out_channels; ++o) {
        const std::int32_t sum = sum_of_weights<G>(p.weights, o);
        const int slot = Order::slot(o);
        const fixed_multiplier factor = p.factors[o].shift < -30 ? fixed_multiplier{} : p.factors[o];
        store_bytes<std::int32_t>(to + sections::bias + 4 * slot, (p.bias == nullptr ? 0 : p.bias[o]) -
                                                                      (sign_code<Code> ? 0 : p.input_zero_point * sum));
        store_bytes<std::int32_t>(to + sections::weight_sum + 4 * slot, sum);
        store_bytes<std::int32_t>(to + sections::multiplier + 4 * slot, factor.multiplier);
        to[sections::shift + slot] = static_cast<std::int8_t>(factor.shift);
    }
    const auto set = [&](int8_parameter which, std::int32_t value) {
        if (static_cast<int>(which) < sections::parameter_count)
            store_bytes(to + sections::parameters + 4 * static_cast<int>(which), value);
    };
    set(int8_parameter::input_zero_point, p.input_zero_point);
    set(int8_parameter::stage_zero_point, p.zero_point);
    set(int8_parameter::stage_low, p.low);
    set(int8_parameter::stage_high, p.high);
    set(int8_parameter::residual_zero_point, p.add.second_zero_point);
    set(int8_parameter::residual_multiplier, p.add.second.multiplier);
    set(int8_parameter::residual_shift, p.add.second.shift);
    set(int8_parameter::stage_multiplier, p.add.first.multiplier);
    set(int8_parameter::stage_shift, p.add.first.shift);
    set(int8_parameter::sum_multiplier, p.add.sum.multiplier);
    set(int8_parameter::sum_shift, p.add.sum.shift);
    set(int8_parameter::sum_zero_point, p.add.zero_point);
    set(int8_parameter::sum_low, p.add.low);
    set(int8_parameter::sum_high, p.add.high);
}

}  // namespace tensor_compress
