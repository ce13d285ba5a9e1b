// SPDX-License-Identifier: MIT
#pragma once

#include <compress/kernels/tiling.hpp>
#include <compress/simd/one_lane.hpp>

namespace tensor_compress {

/// weights[o, c, i, j] += sum over y, x of gradient[y, x, o] * input[y * stride + i * dilation - top, ..., c], with
/// zeros outside the image: what a convolution's weights get from one record, or a linear layer's from the rows of
/// several.
///
/// @param  input     [in_height, in_width, in_channels]
/// @param  gradient  of the output, [out_height, out_width, out_channels]
/// @param  weights   in the order panel_order<G, 1>
template <conv_geometry G>
constexpr void weight_gradient_reference(const float* input, const float* gradient, float* weights) {
    using order = panel_order<G, 1>;
    for (int o = 0; o < G.out_channels; ++o)
        for (int c = 0; c < G.group_inputs(); ++c)
            for (int i = 0; i < G.kernel_height; ++i)
                for (int j = 0; j < G.kernel_width; ++j) {
                    const int channel = o / G.group_outputs() * G.group_inputs() + c;
                    float sum = 0;
                    for (int y = 0; y < G.out_height; ++y)
                        for (int x = 0; x < G.out_width; ++x) {
                            const int row = G.row(y, i), column = G.column(x, j);
                            if (G.row_inside(row) && G.column_inside(column))
                                sum += input[(row * G.in_width + column) * G.in_channels + channel] *
                                       gradient[(y * G.out_width + x) * G.out_channels + o];
                        }
                    weights[order::index(o, c, i, j)] += sum;
                }
}

namespace detail {

/// Terms of the kernel's runs and panels of outputs whose sums are in registers at once.
struct gradient_tile {
    int terms = 1, panels = 1;
};

/// Four sums hide the latency of an addition; beyond that what counts is how many products a load serves. Tiles of
/// whole taps, whose pixels inside the image are an interval, are best.
template <class V, conv_geometry G>
constexpr gradient_tile choose_gradient_tile() {
    const bool many = V::registers >= 32;
    const int panels = choose_panels(panel_order<G, 1>::panels, many && V::vectors_per_panel == 1 ? 3 : 1);
    const int vectors = panels * V::vectors_per_panel;
    const int most = (many ? 24 : 12) / vectors < 1 ? 1 : (many ? 24 : 12) / vectors;
    if (G.run_length() <= most) return {G.run_length(), panels};
    for (int terms = most; terms * vectors >= 6 && terms > 1; --terms)
        if (G.group_inputs() % terms == 0) return {terms, panels};
    return {most, panels};
}

struct column_range {
    int begin, end;
};
/// Output columns under whose windows taps `first` to `last` of the kernel are inside the image.
template <conv_geometry G>
constexpr column_range columns_inside(int first, int last) {
    const int before = -G.column(0, first), after = G.in_width - G.column(0, last);
    const int begin = before <= 0 ? 0 : ceil_div(before, G.stride_width);
    const int end = after <= 0 ? 0 : ceil_div(after, G.stride_width);
    const int last_column = end < G.out_width ? end : G.out_width;
    return {begin < last_column ? begin : last_column, last_column};
}

/// Sums of `Terms` terms from `first` of a run on and `Panels` panels of outputs, over all pixels of the image.
template <class V, conv_geometry G, int Terms, int Panels>
COMPRESS_NOINLINE void weight_gradient_tile(const float* input, const float* gradient, int kernel_row, int run,
                                            int first, float* weights) {
    using order = panel_order<G, 1>;
    using f32 = typename V::f32;
    constexpr int vectors = V::vectors_per_panel, columns = Panels * vectors;
    f32 sums[Terms][columns];
    const auto place = [&](int t, int j) COMPRESS_LAMBDA_INLINE {
        return weights + (j / vectors) * order::panel_elements + t * panel_outputs + (j % vectors) * V::lanes;
    };
    COMPRESS_UNROLL
    for (int t = 0; t < Terms; ++t) {
        COMPRESS_UNROLL
        for (int j = 0; j < columns; ++j) sums[t][j] = V::load(place(t, j));
    }
    const auto pixel = [&](const float* a, const float* g, auto takes) COMPRESS_LAMBDA_INLINE {
        f32 vector[columns];
        COMPRESS_UNROLL
        for (int j = 0; j < columns; ++j) vector[j] = V::load(g + j * V::lanes);
        COMPRESS_UNROLL
        for (int t = 0; t < Terms; ++t) {
            if (!takes(t)) continue;
            const f32 factor = V::splat(a[t]);
            COMPRESS_UNROLL
            for (int j = 0; j < columns; ++j) sums[t][j] = V::madd(factor, vector[j], sums[t][j]);
        }
    };
    const int first_tap = G.merged() ? first / G.in_channels : run;
    const int last_tap = G.merged() ? (first + Terms - 1) / G.in_channels : run;
    const column_range inside = columns_inside<G>(first_tap, last_tap);
    constexpr int pixel_step = G.stride_width * G.in_channels;
    constexpr bool whole_taps = !G.merged() || G.in_channels % Terms == 0 || (G.left == 0 && G.kernel_width == 1);
    const int start = (G.merged() ? -G.left : G.column(0, run)) * G.in_channels + first;
    for (int y = 0; y < G.out_height; ++y) {
        const int row = G.row(y, kernel_row);
        if (!G.row_inside(row)) continue;
        const float* line = input + row * G.in_width * G.in_channels;
        const float* g = gradient + y * G.out_width * G.out_channels;
        const auto at = [&](int x) COMPRESS_LAMBDA_INLINE { return line + (start + x * pixel_step); };
        constexpr auto all = [](int) COMPRESS_LAMBDA_INLINE { return true; };
        for (int x = inside.begin; x < inside.end; ++x) pixel(at(x), g + x * G.out_channels, all);
        if constexpr (!whole_taps) {
            const auto at_edge = [&](int x) {
                const int column = G.column(x, 0);
                const int begin = (column < 0 ? -column : 0) * G.in_channels - first;
                const int end = (G.in_width - column) * G.in_channels - first;
                pixel(at(x), g + x * G.out_channels,
                      [&](int t) COMPRESS_LAMBDA_INLINE { return t >= begin && t < end; });
            };
            for (int x = 0; x < inside.begin; ++x) at_edge(x);
            for (int x = inside.end; x < G.out_width; ++x) at_edge(x);
        }
    }
    COMPRESS_UNROLL
    for (int t = 0; t < Terms; ++t) {
        COMPRESS_UNROLL
        for (int j = 0; j < columns; ++j) V::store(place(t, j), sums[t][j]);
    }
}

template <class V, conv_geometry G, int Terms, int Panels>
void weight_gradient_panels(const float* input, const float* gradient, float* weights) {
    using order = panel_order<G, 1>;
    constexpr int whole = G.run_length() / Terms * Terms, rest = G.run_length() % Terms;
    for (int i = 0; i < G.kernel_height; ++i)
        for (int run = 0; run < G.runs(); ++run) {
            float* to = weights + i * order::row_elements + run * order::run_elements;
            for (int k = 0; k < whole; k += Terms)
                weight_gradient_tile<V, G, Terms, Panels>(input, gradient, i, run, k, to + k * panel_outputs);
            if constexpr (rest != 0)
                weight_gradient_tile<V, G, rest, Panels>(input, gradient, i, run, whole, to + whole * panel_outputs);
        }
}

}  // namespace detail

/// The same as weight_gradient_reference up to the order of the sums, over the vectors of `Isa`: outer products of an
/// input with a vector of output gradients, summed in registers over all pixels; nothing is gathered before.
///
/// Of a last panel that is not full the lanes beyond the outputs hold anything (clear_padding); up to 15 floats after
/// `gradient` are read.
template <class Isa, conv_geometry G>
void weight_gradient(const float* input, const float* gradient, float* weights) {
    if constexpr (!simd::has_vectors<Isa>) {
        weight_gradient_reference<G>(input, gradient, weights);
    } else {
        using V = simd::vector_unit<Isa>;
        using order = panel_order<G, 1>;
        constexpr detail::gradient_tile tile = detail::choose_gradient_tile<V, G>();
        constexpr int whole = order::panels / tile.panels * tile.panels, rest = order::panels % tile.panels;
        for (int group = 0; group < G.groups; ++group) {
            const float* in = input + group * G.group_inputs();
            const float* out = gradient + group * G.group_outputs();
            float* to = weights + group * order::panels * order::panel_elements;
            for (int p = 0; p < whole; p += tile.panels)
                detail::weight_gradient_panels<V, G, tile.terms, tile.panels>(in, out + p * panel_outputs,
                                                                              to + p * order::panel_elements);
            if constexpr (rest != 0)
                detail::weight_gradient_panels<V, G, tile.terms, rest>(in, out + whole * panel_outputs,
                                                                       to + whole * order::panel_elements);
        }
    }
}

/// Zeroes what weight_gradient left in the lanes of padded outputs.
template <conv_geometry G>
constexpr void clear_padding(float* weights) {
    using order = panel_order<G, 1>;
    constexpr int used = G.group_outputs() - (order::panels - 1) * panel_outputs;
    if constexpr (used != panel_outputs)
        for (int group = 0; group < G.groups; ++group) {
            float* panel = weights + (group * order::panels + order::panels - 1) * order::panel_elements;
            for (int k = 0; k < order::panel_elements; k += panel_outputs)
                for (int lane = used; lane < panel_outputs; ++lane) panel[k + lane] = 0;
        }
}

/// The same for a depthwise convolution: weights[c, i, j] += sum over y, x of gradient[y, x, c] * input[.., .., c], in
/// the order depthwise_order<G, 1>.
template <class Isa, conv_geometry G>
void depthwise_weight_gradient(const float* input, const float* gradient, float* weights) {
    using order = depthwise_order<G, 1>;
    simd::for_each_vector<Isa>(0, G.out_channels, [&]<class V>(int c) COMPRESS_LAMBDA_INLINE {
        for (int i = 0; i < G.kernel_height; ++i) {
            typename V::f32 sums[G.kernel_width];
            COMPRESS_UNROLL
            for (int j = 0; j < G.kernel_width; ++j)
                sums[j] = V::load(weights + i * order::row_elements + j * order::step_elements + c);
            for (int y = 0; y < G.out_height; ++y) {
                const int row = G.row(y, i);
                if (!G.row_inside(row)) continue;
                const float* line = input + row * G.in_width * G.in_channels + c;
                for (int x = 0; x < G.out_width; ++x) {
                    const auto g = V::load(gradient + (y * G.out_width + x) * G.out_channels + c);
                    COMPRESS_UNROLL
                    for (int j = 0; j < G.kernel_width; ++j)
                        if (const int column = G.column(x, j); G.column_inside(column))
                            sums[j] = V::madd(V::load(line + column * G.in_channels), g, sums[j]);
                }
            }
            COMPRESS_UNROLL
            for (int j = 0; j < G.kernel_width; ++j)
                V::store(weights + i * order::row_elements + j * order::step_elements + c, sums[j]);
        }
    });
}

}  // namespace tensor_compress
