// SPDX-License-Identifier: MIT
#pragma once

#include <numeric>

#include <compress/kernels/depthwise_fp32.hpp>
#include <compress/simd/one_lane.hpp>

namespace tensor_compress {

namespace detail {

/// Along one axis, the input positions p, p + stride, ... of one phase: which taps of the kernel reach them, and the
/// convolution of the output gradient with these taps in reverse that gives their gradient.
struct axis_phase {
    int positions;          ///< how many inputs
    int first, step, taps;  ///< of the kernel
    int dilation, before;   ///< of the convolution of the gradient

    /// The tap of the kernel behind tap t of the convolution.
    constexpr int tap(int t) const { return first + (taps - 1 - t) * step; }
};
constexpr axis_phase phase_along(int phase, int size, int kernel, int stride, int dilation, int padding) {
    axis_phase p{ceil_div(size - phase, stride), 0, stride / std::gcd(stride, dilation), 0, 0, 0};
    while (p.first < kernel && (phase + padding - p.first * dilation) % stride != 0) ++p.first;
    if (p.first < kernel) p.taps = (kernel - 1 - p.first) / p.step + 1;
    p.dilation = p.step * dilation / stride;
    p.before = (p.taps - 1) * p.dilation - (phase + padding - p.first * dilation) / stride;
    return p;
}
template <conv_geometry G>
constexpr axis_phase row_phase(int phase) {
    return phase_along(phase, G.in_height, G.kernel_height, G.stride_height, G.dilation_height, G.top);
}
template <conv_geometry G>
constexpr axis_phase column_phase(int phase) {
    return phase_along(phase, G.in_width, G.kernel_width, G.stride_width, G.dilation_width, G.left);
}

/// The convolution that gives the inputs (Row + k * stride_height, Column + l * stride_width) their gradient.
template <conv_geometry G, int Row, int Column>
constexpr conv_geometry phase_geometry() {
    constexpr axis_phase rows = row_phase<G>(Row), columns = column_phase<G>(Column);
    conv_geometry p{G.out_height, G.out_width, G.out_channels, rows.positions, columns.positions, G.in_channels};
    p.kernel_height = rows.taps;
    p.kernel_width = columns.taps;
    p.dilation_height = rows.taps > 1 ? rows.dilation : 1;
    p.dilation_width = columns.taps > 1 ? columns.dilation : 1;
    p.top = rows.before;
    p.left = columns.before;
    p.groups = G.groups;
    return p;
}

template <conv_geometry P, bool Depthwise>
struct phase_order : panel_order<P, 1> {};
template <conv_geometry P>
struct phase_order<P, true> : depthwise_order<P, 1> {};

/// f.template operator()<Row, Column>(offset of the phase's weights, in floats) for each phase with positions.
template <conv_geometry G, bool Depthwise, class F>
constexpr int for_each_phase(const F& f) {
    int offset = 0;
    [&]<int... Phase>(std::integer_sequence<int, Phase...>) {
        const auto one = [&]<int Row, int Column>() {
            if constexpr (Row < G.in_height && Column < G.in_width) {
                f.template operator()<Row, Column>(offset);
                constexpr conv_geometry p = phase_geometry<G, Row, Column>();
                if constexpr (p.kernel_height > 0 && p.kernel_width > 0) {
                    using order = phase_order<p, Depthwise>;
                    offset += float_sections<order, float_code>::bytes / 4;
                }
            }
        };
        (one.template operator()<Phase / G.stride_width, Phase % G.stride_width>(), ...);
    }
    (std::make_integer_sequence<int, G.stride_height * G.stride_width>{});
    return offset;
}

/// output[r * 16 + l] = input[l * 16 + r] of 16 x 16 blocks of weights: 16 outputs of one input channel become 16
/// inputs of one output channel.
template <conv_geometry G, conv_geometry P>
void turn_weights(const float* weights, const axis_phase& rows, const axis_phase& columns, float* turned) {
    using from = panel_order<G, 1>;
    using to = panel_order<P, 1>;
    for (int group = 0; group < G.groups; ++group)
        for (int i = 0; i < P.kernel_height; ++i)
            for (int j = 0; j < P.kernel_width; ++j)
                for (int o = 0; o < G.group_outputs(); o += panel_outputs)
                    for (int c = 0; c < G.group_inputs(); c += panel_outputs) {
                        const int outputs =
                            G.group_outputs() - o < panel_outputs ? G.group_outputs() - o : panel_outputs;
                        const int inputs = G.group_inputs() - c < panel_outputs ? G.group_inputs() - c : panel_outputs;
                        const int first_output = group * G.group_outputs() + o,
                                  first_input = group * G.group_inputs() + c;
                        const float* source = weights + from::index(first_output, c, rows.tap(i), columns.tap(j));
                        float* target = turned + to::index(first_input, o, i, j);
                        for (int k = 0; k < outputs; ++k)
                            for (int l = 0; l < inputs; ++l)
                                target[k * panel_outputs + l] = source[l * panel_outputs + k];
                    }
}

template <conv_geometry G, conv_geometry P>
void turn_depthwise_weights(const float* weights, const axis_phase& rows, const axis_phase& columns, float* turned) {
    using from = depthwise_order<G, 1>;
    using to = depthwise_order<P, 1>;
    for (int i = 0; i < P.kernel_height; ++i)
        for (int j = 0; j < P.kernel_width; ++j)
            for (int c = 0; c < G.out_channels; ++c)
                turned[to::index(c, 0, i, j)] = weights[from::index(c, 0, rows.tap(i), columns.tap(j))];
}

}  // namespace detail

/// Floats of the weights that turn_for_input_gradient writes.
template <conv_geometry G, bool Depthwise>
inline constexpr int turned_floats = detail::for_each_phase<G, Depthwise>([]<int, int>(int) {});

/// The weights as input_gradient multiplies them: per phase, inputs and outputs exchanged, taps in reverse, biases 0.
/// Once for each change of the weights.
///
/// @param  turned  zeroed memory, turned_floats of it
template <conv_geometry G, bool Depthwise>
void turn_for_input_gradient(const float* weights, float* turned) {
    detail::for_each_phase<G, Depthwise>([&]<int Row, int Column>(int offset) {
        constexpr conv_geometry p = detail::phase_geometry<G, Row, Column>();
        if constexpr (p.kernel_height > 0 && p.kernel_width > 0) {
            const auto rows = detail::row_phase<G>(Row), columns = detail::column_phase<G>(Column);
            if constexpr (Depthwise)
                detail::turn_depthwise_weights<G, p>(weights, rows, columns, turned + offset);
            else
                detail::turn_weights<G, p>(weights, rows, columns, turned + offset);
        }
    });
}

/// Floats of scratch memory that input_gradient may need: its largest phase.
template <conv_geometry G>
inline constexpr int
    phase_floats = detail::row_phase<G>(0).positions* detail::column_phase<G>(0).positions* G.in_channels;

/// to[y, x, c] (+)= sum over o, i, j of weight[o, c, i, j] * gradient[(y + top - i * dilation) / stride, ..., o] where
/// that is a whole number inside the output. The inputs that lie a stride apart, a phase, get their gradient by a
/// convolution of stride 1: the kernels of inference compute it, and no product with a zero between pixels is spent.
template <class Isa, conv_geometry G, bool Depthwise, bool Add>
void input_gradient(const float* turned, const float* gradient, float* to, float* scratch) {
    detail::for_each_phase<G, Depthwise>([&]<int Row, int Column>(int offset) {
        constexpr conv_geometry p = detail::phase_geometry<G, Row, Column>();
        constexpr bool reached = p.kernel_height > 0 && p.kernel_width > 0;
        constexpr bool whole = G.stride_height * G.stride_width == 1;
        if constexpr (whole && reached && !Depthwise) {
            conv2d_fp32<Isa, p, float_end{clamp_kind::none, Add, clamp_kind::none}>(
                reinterpret_cast<const std::int8_t*>(turned), gradient, to, to);
        } else if constexpr (whole && reached && !Add) {
            depthwise_fp32<Isa, p, clamp_kind::none>(reinterpret_cast<const std::int8_t*>(turned), gradient, to);
        } else if constexpr (reached || !Add) {
            const auto* weights = reinterpret_cast<const std::int8_t*>(turned + offset);
            if constexpr (reached && Depthwise)
                depthwise_fp32<Isa, p, clamp_kind::none>(weights, gradient, scratch);
            else if constexpr (reached)
                conv2d_fp32<Isa, p, float_end{}>(weights, gradient, scratch, nullptr);
            for (int y = 0; y < p.out_height; ++y)
                for (int x = 0; x < p.out_width; ++x) {
                    const float* from = scratch + (y * p.out_width + x) * G.in_channels;
                    float* pixel =
                        to + ((Row + y * G.stride_height) * G.in_width + Column + x * G.stride_width) * G.in_channels;
                    simd::for_each_vector<Isa>(0, G.in_channels, [&]<class V>(int c) COMPRESS_LAMBDA_INLINE {
                        auto v = reached ? V::load(from + c) : V::splat(0.0f);
                        if constexpr (Add) v = V::add(v, V::load(pixel + c));
                        V::store(pixel + c, v);
                    });
                }
        }
    });
}

}  // namespace tensor_compress
