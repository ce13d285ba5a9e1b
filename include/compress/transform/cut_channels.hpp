// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <vector>

#include <compress/graph/channel_groups.hpp>
#include <compress/tensor/named_weights.hpp>

namespace tensor_compress {

/// Channels that stay of each value of a model, by node, ascending; of a flattened image, whose channels repeat for
/// each pixel, those of the image.
using kept_channels = std::vector<std::vector<int>>;

namespace detail {

/// Along one axis, whose places are so many times those of a period, the listed places of each period.
inline array<float> take_places(const array<float>& from, std::size_t axis, int period,
                                const std::vector<int>& places) {
    auto extents = shape_of(from);
    const std::size_t repeats = extents[axis] / static_cast<std::size_t>(period);
    std::size_t outer = repeats, inner = 1;
    for (std::size_t a = 0; a < extents.size(); ++a) (a < axis ? outer : inner) *= a == axis ? 1 : extents[a];
    extents[axis] = repeats * places.size();
    auto fewer = make_array<float>(extents);
    float* to = fewer.data();
    for (std::size_t i = 0; i < outer; ++i)
        for (const int p : places)
            to = std::copy_n(from.data() + (i * static_cast<std::size_t>(period) + static_cast<std::size_t>(p)) * inner,
                             inner, to);
    return fewer;
}

/// f(name of a tensor, axis, id of the value whose channels that axis counts) for every axis of weights that does.
template <int Capacity, class F>
void for_each_channel_axis(const model<Capacity>& m, const F& f) {
    for (int id = 0; id < m.count; ++id) {
        const node& n = m[id];
        const std::string label = text_of(n.name);
        if (n.kind == op::linear || (n.kind == op::conv2d && n.slide.groups == 1))
            f(label + ".weight", std::size_t{1}, n.inputs[0]);
        if (is_product(n.kind) || n.kind == op::batch_norm)
            for (const char* part : {".weight", ".bias", ".running_mean", ".running_var"})
                f(label + part, std::size_t{0}, id);
        if (n.kind == op::constant) f(label + ".value", static_cast<std::size_t>(n.output.rank - 1), id);
    }
}

}  // namespace detail

/// The weights of the channels that stay, for the same model with fewer channels.
///
/// @param  m        as it was
/// @param  tensors  of m; names that m does not know stay as they are
template <int Capacity>
named_tensors cut_channels(const model<Capacity>& m, named_tensors tensors, const kept_channels& kept) {
    const channel_groups<Capacity> groups(m);
    detail::for_each_channel_axis(m, [&](const std::string& name, std::size_t axis, int value) {
        const auto found = tensors.find(name);
        const std::vector<int>& places = kept[static_cast<std::size_t>(value)];
        const int all = m[value].output.channels();
        if (found != tensors.end() && static_cast<int>(places.size()) != all)
            found->second = detail::take_places(found->second, axis, all / groups.repeats(value), places);
    });
    return tensors;
}

}  // namespace tensor_compress
