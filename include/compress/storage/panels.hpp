// SPDX-License-Identifier: MIT
#pragma once

#include <compress/core/bytes.hpp>
#include <compress/storage/conv_geometry.hpp>

namespace tensor_compress {

/// Outputs of a convolution are packed in panels of this many: one AVX-512, two AVX2, four NEON vectors of 32 bits.
inline constexpr int panel_outputs = 16;

/// Sections of packed weights start on cache lines.
inline constexpr int section_alignment = 64;

/// Weights of a panel of 16 outputs, where a lane multiplies `interleave` terms at once.
constexpr int panel_elements_of(const conv_geometry& g, int interleave) {
    return g.kernel_height * g.runs() * ceil_div(g.run_length(), interleave) * panel_outputs * interleave;
}

/// Order of convolution weights, one for all machines:
/// [group][panel][kernel row][run][step = run_length / interleave][16 outputs][interleave], zeros where nothing
/// belongs.
template <conv_geometry G, int Interleave>
struct panel_order {
    static constexpr int panels = ceil_div(G.group_outputs(), panel_outputs);  ///< of one group
    static constexpr int steps = ceil_div(G.run_length(), Interleave);
    static constexpr int step_elements = panel_outputs * Interleave;
    static constexpr int run_elements = steps * step_elements;
    static constexpr int row_elements = G.runs() * run_elements;
    static constexpr int panel_elements = panel_elements_of(G, Interleave);
    static constexpr int blocks = G.groups * panels;  ///< what is stored and decoded on its own
    static constexpr int block_elements = panel_elements;
    static constexpr int elements = blocks * block_elements;
    static constexpr int padded_outputs = blocks * panel_outputs;

    /// Place of an output channel among the padded ones, in which biases and multipliers are stored.
    static constexpr int slot(int output) {
        const int group = output / G.group_outputs();
        return group * panels * panel_outputs + output % G.group_outputs();
    }
    /// Place of weight[output, channel within its group, kernel row, kernel column].
    static constexpr int index(int output, int channel, int kernel_row, int kernel_column) {
        const int place = slot(output);
        const int run = G.merged() ? 0 : kernel_column;
        const int k = G.merged() ? kernel_column * G.in_channels + channel : channel;
        return (place / panel_outputs) * panel_elements + kernel_row * row_elements + run * run_elements +
               (k / Interleave) * step_elements + (place % panel_outputs) * Interleave + k % Interleave;
    }
};

/// Order of depthwise weights: [kernel row][step = 4 taps][channels padded to 16][4 taps], or with Interleave 1
/// [kernel row][kernel column][channels padded to 16].
template <conv_geometry G, int Interleave>
struct depthwise_order {
    static constexpr int padded_outputs = round_up(G.out_channels, panel_outputs);
    static constexpr int steps = ceil_div(G.kernel_width, Interleave);
    static constexpr int step_elements = padded_outputs * Interleave;
    static constexpr int row_elements = steps * step_elements;
    static constexpr int elements = G.kernel_height * row_elements;
    static constexpr int blocks = 1;
    static constexpr int block_elements = elements;

    static constexpr int slot(int output) { return output; }
    static constexpr int index(int output, int, int kernel_row, int kernel_column) {
        return kernel_row * row_elements + (kernel_column / Interleave) * step_elements + output * Interleave +
               kernel_column % Interleave;
    }
};

/// Packed product of floats: weights as `Code` stores them, then for each padded output channel its bias as fp32; with
/// weights of integers its scale too.
template <class Order, class Code>
struct float_sections {
    static constexpr int block_bytes = Code::bytes(Order::block_elements);
    static constexpr int weights = 0;
    static constexpr int bias = round_up(Order::blocks * block_bytes, section_alignment);
    static constexpr int scale = bias + Order::padded_outputs * 4;
    static constexpr int bytes = scale + (requires { Code::scaled; } ? Order::padded_outputs * 4 : 0);
};

/// Numbers that an int8 product needs besides those per channel, as int32; from `residual_zero_point` on those of the
/// add that is fused into it.
enum class int8_parameter : int {
    input_zero_point,
    stage_zero_point,
    stage_low,
    stage_high,
    residual_zero_point,
    residual_multiplier,
    residual_shift,
    stage_multiplier,
    stage_shift,
    sum_multiplier,
    sum_shift,
    sum_zero_point,
    sum_low,
    sum_high,
    count,
};

/// Packed integer product: weights as `Code` stores them; per padded output channel bias int32 (with the input's zero
/// point folded in: bias - zero_point * sum of weights), sum of weights int32, multiplier int32, shift int8; then
/// int8_parameter.
template <class Order, bool Residual, class Code>
struct int8_sections {
    static constexpr int block_bytes = Code::bytes(Order::block_elements);
    static constexpr int weights = 0;
    static constexpr int bias = round_up(Order::blocks * block_bytes, section_alignment);
    static constexpr int weight_sum = bias + Order::padded_outputs * 4;
    static constexpr int multiplier = weight_sum + Order::padded_outputs * 4;
    static constexpr int shift = multiplier + Order::padded_outputs * 4;
    static constexpr int parameters = shift + Order::padded_outputs;
    static constexpr int parameter_count =
        static_cast<int>(Residual ? int8_parameter::count : int8_parameter::residual_zero_point);
    static constexpr int bytes = parameters + 4 * parameter_count;

    static constexpr std::int32_t parameter(const std::int8_t* packed, int8_parameter which) {
        return load_bytes<std::int32_t>(packed + parameters + 4 * static_cast<int>(which));
    }
};

}  // namespace tensor_compress
