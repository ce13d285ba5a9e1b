// SPDX-License-Identifier: MIT
#pragma once

#include <compress/storage/weight_code.hpp>

namespace tensor_compress {

/// Signs of a pixel are words of 32 channels, channel c in bit c % 32, 0 for not negative; bits without a channel are
/// 0.
inline constexpr int sign_bits = 32;
/// A product of two signs counts as so many steps of the sum, so that a bias is not rounded to whole products.
inline constexpr int sign_steps_log2 = 8, sign_steps = 1 << sign_steps_log2;

/// Order of weights that are multiplied as signs: [panel][kernel row][kernel column][word of 32 inputs][16 outputs], a
/// word of 32 bits each.
template <conv_geometry G>
struct bit_order {
    static constexpr int tap_words = ceil_div(G.in_channels, sign_bits);
    static constexpr int step_elements = panel_outputs * sign_bits;
    static constexpr int tap_elements = tap_words * step_elements;
    static constexpr int panels = ceil_div(G.out_channels, panel_outputs);
    static constexpr int panel_elements = G.kernel_height * G.kernel_width * tap_elements;
    static constexpr int blocks = panels;
    static constexpr int block_elements = panel_elements;
    static constexpr int elements = blocks * block_elements;
    static constexpr int padded_outputs = blocks * panel_outputs;

    static constexpr int slot(int output) { return output; }
    static constexpr int index(int output, int channel, int kernel_row, int kernel_column) {
        return output / panel_outputs * panel_elements + (kernel_row * G.kernel_width + kernel_column) * tap_elements +
               channel / sign_bits * step_elements + output % panel_outputs * sign_bits + channel % sign_bits;
    }
};

/// A bit for each weight, set where it is -1; the input is a bit as well.
template <>
struct weight_code<tag::binary_activations, tag::dense> {
    static constexpr bool signs = true;
    static constexpr int bytes(int elements) { return elements / 8; }
    static constexpr void set(std::int8_t* block, int, int i, std::int8_t weight) {
        if (weight < 0) block[i / 8] = static_cast<std::int8_t>(static_cast<std::uint8_t>(block[i / 8]) | 1u << i % 8);
    }
    static constexpr std::int8_t at(const std::int8_t* block, int, int i) {
        return (static_cast<std::uint8_t>(block[i / 8]) >> i % 8 & 1) != 0 ? std::int8_t{-1} : std::int8_t{1};
    }
};

/// Codes whose products are of signs.
template <class Code>
concept sign_code = requires {
    Code::signs;
};

/// How the weights of an integer layer are ordered.
template <conv_geometry G, class Code>
struct integer_order : panel_order<G, 4> {};
template <conv_geometry G, sign_code Code>
struct integer_order<G, Code> : bit_order<G> {};

}  // namespace tensor_compress
