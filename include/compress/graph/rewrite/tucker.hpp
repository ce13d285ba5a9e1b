// SPDX-License-Identifier: MIT
#pragma once

#include <compress/graph/rewrite/low_rank.hpp>

namespace tensor_compress {

/// Channels between the parts of a convolution that is split in three: those that its kernel reads and those that it
/// gives.
struct tucker_ranks {
    int inputs = 0, outputs = 0;
    friend constexpr bool operator==(const tucker_ranks&, const tucker_ranks&) = default;
};

namespace detail {
// Never defined: their names are the compiler's message.
void only_a_convolution_of_one_group_with_a_kernel_has_tucker_ranks(label name);
void these_ranks_are_not_from_1_to_the_channels_of_the_layer(label name, tucker_ranks ranks, tucker_ranks channels);
void these_ranks_save_nothing__take_smaller_ones(label name, tucker_ranks ranks);

constexpr bool has_tucker_ranks(const node& n) {
    return n.kind == op::conv2d && n.slide.groups == 1 && n.slide.kernel.height * n.slide.kernel.width > 1;
}
}  // namespace detail

/// The first and the second part of a layer that is split in three.
constexpr label tucker_input_label(const label& name) { return name / "inputs"; }
constexpr label tucker_core_label(const label& name) { return name / "core"; }

/// Most ranks that a convolution can have.
template <int Capacity>
constexpr tucker_ranks channels_of(const model<Capacity>& m, const node& n) {
    return {m[n.inputs[0]].output.channels(), n.output.channels()};
}

/// Whether three parts of these ranks have fewer weights and fewer multiply-adds than the convolution.
template <int Capacity>
constexpr bool saves(const model<Capacity>& m, const node& n, tucker_ranks ranks) {
    const shape in = m[n.inputs[0]].output, out = n.output;
    const long long taps = n.slide.kernel.height * n.slide.kernel.width;
    const long long reduce = static_cast<long long>(in.channels()) * ranks.inputs;
    const long long core = taps * ranks.inputs * ranks.outputs;
    const long long expand = static_cast<long long>(ranks.outputs) * out.channels();
    const long long whole = taps * in.channels() * out.channels();
    const long long before = static_cast<long long>(in.height()) * in.width();
    const long long after = static_cast<long long>(out.height()) * out.width();
    return reduce + core + expand < whole && reduce * before + (core + expand) * after < whole * after;
}

/// The convolution of that label as three: one over channels with `ranks.inputs` outputs, one with the kernel and
/// `ranks.outputs` outputs, both without a bias, and one over channels with the label.
/// weight[o, c, i, j] = sum over p, q of outer[o, q] * core[q, p, i, j] * inner[p, c]; the weight half of the name is
/// in transform/split_convolution.hpp. Source: Kim et al. 2016, Compression of Deep Convolutional Neural Networks for
/// Fast and Low Power Mobile Applications, section 3.1.
///
/// In a constant expression a wrong label or ranks do not compile; at run time they do not link: check before.
template <int Capacity>
constexpr model<Capacity + 2> tucker(const model<Capacity>& from, const label& name, tucker_ranks ranks) {
    const int id = from.find(name);
    if (id < 0) detail::no_layer_of_the_model_has_this_label(name);
    if (!detail::has_tucker_ranks(from[id]))
        detail::only_a_convolution_of_one_group_with_a_kernel_has_tucker_ranks(name);
    const tucker_ranks most = channels_of(from, from[id]);
    if (ranks.inputs < 1 || ranks.outputs < 1 || ranks.inputs > most.inputs || ranks.outputs > most.outputs)
        detail::these_ranks_are_not_from_1_to_the_channels_of_the_layer(name, ranks, most);
    if (!saves(from, from[id], ranks)) detail::these_ranks_save_nothing__take_smaller_ones(name, ranks);

    model<Capacity + 2> m = resized<Capacity + 2>(from);
    node core = m[id], first = m[id];
    const shape image = m[m[id].inputs[0]].output;
    core.name = tucker_core_label(name);
    core.output.extent[2] = ranks.outputs;
    m[id].slide = {};
    detail::put_before(m, id, core);
    first.name = tucker_input_label(name);
    first.slide = {};
    first.output = {image.height(), image.width(), ranks.inputs};
    detail::put_before(m, id, first);
    return m;
}

}  // namespace tensor_compress
