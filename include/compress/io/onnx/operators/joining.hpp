// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <compress/io/onnx/arrange.hpp>

namespace tensor_compress::onnx {

namespace detail {

/// Integers side by side: how exporters put a shape together.
inline void concat_constants(operation& o) {
    std::vector<std::int64_t> all;
    for (std::size_t i = 0; i < o.input_count(); ++i) {
        const constant& part = o.integers_at(i, "its operand");
        if (part.dims.size() != 1)
            throw unsupported{"it joins constants that are no vectors; simplify the model before import"};
        o.im.memory.expect(all.size() + part.size(), sizeof(std::int64_t));
        all.insert(all.end(), part.integers.begin(), part.integers.end());
    }
    o.define(integer_vector(std::move(all)));
}

template <std::size_t... Index>
value concat_of(importer& im, const label& name, const value* v, int axis, std::index_sequence<Index...>) {
    return im.g.concat(name, {v[Index]...}, axis);
}

inline value concat_of(importer& im, const label& name, const value* v, std::size_t count, int axis) {
    switch (count) {
    case 2:
        return concat_of(im, name, v, axis, std::make_index_sequence<2>());
    case 3:
        return concat_of(im, name, v, axis, std::make_index_sequence<3>());
    case 4:
        return concat_of(im, name, v, axis, std::make_index_sequence<4>());
    case 5:
        return concat_of(im, name, v, axis, std::make_index_sequence<5>());
    case 6:
        return concat_of(im, name, v, axis, std::make_index_sequence<6>());
    case 7:
        return concat_of(im, name, v, axis, std::make_index_sequence<7>());
    default:
        return concat_of(im, name, v, axis, std::make_index_sequence<8>());
    }
}

/// A node joins at most eight values; more are joined in steps, the last of which has the node's name.
inline value concat_many(operation& o, std::vector<value> parts, int axis) {
    while (parts.size() > static_cast<std::size_t>(max_inputs)) {
        const label name = o.im.new_label(text_of(o.name()) + "/part");
        parts[0] = concat_of(o.im, name, parts.data(), max_inputs, axis);
        parts.erase(parts.begin() + 1, parts.begin() + max_inputs);
    }
    return concat_of(o.im, o.name(), parts.data(), parts.size(), axis);
}

}  // namespace detail

/// Concat along any axis but the batch. All values take the order of the first image among them, else of the first
/// value.
inline void concat(operation& o) {
    if (o.input_count() == 0) throw model_error("it has no inputs", check_export);
    bool all_known = true;
    for (std::size_t i = 0; i < o.input_count(); ++i) all_known = all_known && o.constant_at(i) != nullptr;
    if (all_known) return detail::concat_constants(o);

    const traced& first = o.value_at(0);
    const int axis = source_axis(o.integer("axis", 1), first);
    if (axis < 0) throw unsupported{"it joins along the batch"};
    axis_order order = first.base == first.seen ? first.order : plain_order(first.seen.size());
    extents joined = first.seen;
    long long total = 0;
    for (std::size_t i = 0; i < o.input_count(); ++i) {
        const traced& part = o.value_at(i);
        extents like_first = part.seen;
        if (part.seen.size() == joined.size())
            like_first[static_cast<std::size_t>(axis)] = first.seen[static_cast<std::size_t>(axis)];
        if (like_first != first.seen || part.batched != first.batched)
            throw model_error("its operands have different extents along other axes than " +
                                  std::to_string(o.integer("axis", 1)),
                              check_export);
        total += part.seen[static_cast<std::size_t>(axis)];
        if (part.base == part.seen && part.order == channels_last_order(3)) order = part.order;
    }
    joined[static_cast<std::size_t>(axis)] = to_int(total, "an extent", 1, 1 << 29);
    if (o.input_count() == 1) return o.define(first);

    std::vector<value> parts;
    for (std::size_t i = 0; i < o.input_count(); ++i) parts.push_back(arrange(o.im, o.value_at(i), order));
    const auto in_graph = static_cast<int>(std::find(order.begin(), order.end(), axis) - order.begin());
    o.define(arranged(detail::concat_many(o, std::move(parts), in_graph), joined, order, first.batched));
}

/// Pad with a constant around height and width. The margins are an attribute before opset 11.
inline void pad(operation& o) {
    const traced& x = o.value_at(0);
    const std::string mode = o.text("mode", "constant");
    if (mode != "constant") throw unsupported{"its mode is '" + mode + "'; constant padding is supported"};
    const auto given = o.integers("pads", 1);
    std::vector<std::int64_t> axes = o.im.opset >= 18 ? o.integers("axes", 3) : std::vector<std::int64_t>{};
    const std::size_t rank = source_rank(x);
    if (axes.empty())
        for (std::size_t axis = 0; axis < rank; ++axis) axes.push_back(static_cast<std::int64_t>(axis));
    if (given.size() != 2 * axes.size())
        throw model_error("it has " + std::to_string(given.size()) + " pads for " + std::to_string(axes.size()) +
                              " axes",
                          check_export);

    std::array<int, 3> before{}, after{};
    bool any = false;
    for (std::size_t i = 0; i < axes.size(); ++i) {
        const int low = to_int(given[i], "pads"), high = to_int(given[i + axes.size()], "pads");
        const int axis = source_axis(axes[i], x);
        if (low == 0 && high == 0) continue;
        if (x.seen.size() != 3 || !x.batched || axis < 1 || low < 0 || high < 0)
            throw unsupported{"it pads or crops other axes than height and width of an image, or by a negative number"};
        before[static_cast<std::size_t>(axis)] = low, after[static_cast<std::size_t>(axis)] = high, any = true;
    }
    if (!any) return o.define(x);
    float fill = o.number("value", 0.0f);
    if (o.im.opset >= 11 && o.has_input(2)) {
        const constant& c = o.floats_at(2, "the value");
        if (c.floats.size() != 1) throw model_error("its value is no scalar", check_export);
        fill = c.floats[0];
    }
    if (!tensor_compress::detail::has_finite_bits(fill)) throw unsupported{"it pads with NaN or an infinity"};
    const value y = o.im.g.pad(o.name(), arrange_image(o, x), {before[1], before[2], after[1], after[2]}, fill);
    const shape out = o.im.g.shape_of(y);
    o.define(arranged(y, {out.channels(), out.height(), out.width()}, channels_last_order(3)));
}

}  // namespace tensor_compress::onnx
