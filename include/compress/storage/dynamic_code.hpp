// SPDX-License-Identifier: MIT
#pragma once

#include <compress/storage/pack.hpp>

namespace tensor_compress {

/// Weights as the integer precision stores them.
template <class Precision>
struct weight_code<tag::dynamic<Precision>, tag::dense> : weight_code<Precision, tag::dense> {
    using integers = weight_code<Precision, tag::dense>;
};

/// Packed product of integers that ends in floats: weights as `Code` stores them, then for each padded output channel
/// the sum of its weights int32, its bias and its scale as fp32.
template <class Order, class Code>
struct dynamic_sections {
    static constexpr int weights = 0;
    static constexpr int weight_sum = round_up(Order::blocks * Code::bytes(Order::block_elements), section_alignment);
    static constexpr int bias = weight_sum + Order::padded_outputs * 4;
    static constexpr int scale = bias + Order::padded_outputs * 4;
    static constexpr int bytes = scale + Order::padded_outputs * 4;
};

/// Lays out integer weights, with scales [out] in real units per step of a weight and bias [out] (or null), as
/// dynamic_sections<Order, Code>.
template <class Order, conv_geometry G, class Code>
constexpr void pack_dynamic(std::int8_t* to, const std::int8_t* weights, const float* scales, const float* bias) {
    using sections = dynamic_sections<Order, Code>;
    for (int i = 0; i < sections::bytes; ++i) to[i] = 0;
    pack_weights<Order, G, Code>(to + sections::weights, weights);
    for (int o = 0; o < G.out_channels; ++o) {
        const int at = 4 * Order::slot(o);
        store_bytes(to + sections::weight_sum + at, sum_of_weights<G>(weights, o));
        store_bytes(to + sections::bias + at, bias == nullptr ? 0.0f : bias[o]);
        store_bytes(to + sections::scale + at, scales[o]);
    }
}

}  // namespace tensor_compress
