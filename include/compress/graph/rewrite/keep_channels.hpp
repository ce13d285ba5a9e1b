// SPDX-License-Identifier: MIT
#pragma once

#include <compress/graph/channel_groups.hpp>
#include <compress/graph/glob.hpp>

namespace tensor_compress {

namespace detail {
// Never defined: their names are the compiler's message.
void no_layer_with_channels_of_its_own_has_this_label(label name);
void channels_of_this_layer_are_seen_from_outside_or_mixed_and_cannot_be_fewer(label name);
void a_layer_keeps_at_least_1_channel_and_no_more_than_it_has(label name, int kept, int channels);
void the_share_of_channels_that_is_kept_lies_above_0_and_up_to_1(double ratio);

/// The model with sizes[g] channels in each group g.
template <int Capacity>
constexpr model<Capacity> with_channels(model<Capacity> m, const channel_groups<Capacity>& groups,
                                        const int (&sizes)[Capacity]) {
    for (int id = 0; id < m.count; ++id) {
        node& n = m[id];
        if (n.kind == op::flatten)
            n.output.extent[0] = m[n.inputs[0]].output.elements();
        else
            n.output.extent[n.output.rank - 1] = groups.channels(id, sizes);
        if (n.kind == op::depthwise_conv2d && !groups.begins(id)) n.slide.groups = n.output.channels();
    }
    return m;
}

template <int Capacity>
struct group_sizes {
    int of[Capacity]{};
    constexpr explicit group_sizes(const model<Capacity>& m) {
        for (int id = 0; id < m.count; ++id) of[id] = m[id].output.channels();
    }
};

}  // namespace detail

/// Which channels a model keeps: so many of each group (channel_groups) to which a layer with a matching label gives
/// its outputs.
struct kept_share {
    double ratio = 0.5;        ///< of the channels; rounded to the nearest multiple, at least one
    const char* layers = "*";  ///< a glob over labels
    int multiple = 1;          ///< 8 or 16 fill the vectors of kernels
};

namespace detail {

/// Channels of each group of a model that keeps a share which is above 0 and at most 1.
template <int Capacity>
constexpr group_sizes<Capacity> sizes_of_share(const model<Capacity>& from, const channel_groups<Capacity>& groups,
                                               kept_share share) {
    group_sizes<Capacity> sizes(from), before = sizes;
    for (int id = 0; id < from.count; ++id) {
        const int group = groups.group(id), multiple = share.multiple;
        if (!groups.begins(id) || !is_product(from[id].kind) || !groups.is_free(group)) continue;
        if (!glob_match(share.layers, from[id].name.text)) continue;
        const int size = static_cast<int>(before.of[group] * share.ratio / multiple + 0.5) * multiple;
        sizes.of[group] = size < 1 ? (multiple < before.of[group] ? multiple : before.of[group]) : size;
        if (sizes.of[group] > before.of[group]) sizes.of[group] = before.of[group];
    }
    return sizes;
}

}  // namespace detail

/// The model with fewer channels in all layers whose channels can be fewer: a physically smaller model, with weights of
/// its own shapes. Which channels stay is chosen with the weights: transform/keep_channels.hpp.
///
/// In a constant expression a wrong ratio does not compile; at run time it does not link: check before.
template <int Capacity>
constexpr model<Capacity> keep_channels(const model<Capacity>& from, kept_share share) {
    if (!(share.ratio > 0 && share.ratio <= 1))
        detail::the_share_of_channels_that_is_kept_lies_above_0_and_up_to_1(share.ratio);
    const channel_groups<Capacity> groups(from);
    return detail::with_channels(from, groups, detail::sizes_of_share(from, groups, share).of);
}

/// The model of which the layer of that label, and all that its channels are tied to, keeps `channels`.
template <int Capacity>
constexpr model<Capacity> keep_channels(const model<Capacity>& from, const label& name, int channels) {
    const channel_groups<Capacity> groups(from);
    const int id = from.find(name);
    if (id < 0 || !is_product(from[id].kind)) detail::no_layer_with_channels_of_its_own_has_this_label(name);
    const int group = groups.group(id);
    if (!groups.is_free(group)) detail::channels_of_this_layer_are_seen_from_outside_or_mixed_and_cannot_be_fewer(name);
    detail::group_sizes<Capacity> sizes(from);
    if (channels < 1 || channels > sizes.of[group])
        detail::a_layer_keeps_at_least_1_channel_and_no_more_than_it_has(name, channels, sizes.of[group]);
    sizes.of[group] = channels;
    return detail::with_channels(from, groups, sizes.of);
}

}  // namespace tensor_compress
