// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <compress/io/onnx/importer.hpp>

namespace tensor_compress::onnx {

/// The value as a tensor of the graph whose axis i is axis order[i] of what the source sees. Inserts a transpose where
/// bytes have to move and a reshape or flatten where only the extents differ; each is made once for all its readers.
///
/// @throws unsupported for more than four axes
value arrange(importer& im, const traced& t, const axis_order& order);

/// [H, W, C] of a value that is [C, H, W] in the source.
/// @throws unsupported for a value that is no image
value arrange_image(operation& o, const traced& t);

namespace detail {

inline void append_key(std::vector<int>& key, const std::vector<int>& part) {
    key.push_back(-1);
    key.insert(key.end(), part.begin(), part.end());
}

inline value insert_transpose(importer& im, const std::string& name, value x, const axis_order& order) {
    const label unique = im.new_label(name);
    switch (order.size()) {
    case 2:
        return im.g.transpose(unique, x, {order[0], order[1]});
    case 3:
        return im.g.transpose(unique, x, {order[0], order[1], order[2]});
    default:
        return im.g.transpose(unique, x, {order[0], order[1], order[2], order[3]});
    }
}

inline value insert_reshape(importer& im, const std::string& name, value x, const shape& to) {
    if (to == im.g.shape_of(x)) return x;
    const label unique = im.new_label(name);
    return to.rank == 1 ? im.g.flatten(unique, x) : im.g.reshape(unique, x, to);
}

/// Where in the order `from` each axis of the order `to` is.
inline axis_order order_between(const axis_order& from, const axis_order& to) {
    axis_order result;
    for (const int axis : to)
        result.push_back(static_cast<int>(std::find(from.begin(), from.end(), axis) - from.begin()));
    return result;
}

inline void expect_rank(std::size_t rank) {
    if (rank > static_cast<std::size_t>(max_rank))
        throw unsupported{"a value of " + std::to_string(rank) + " axes without the batch; at most " +
                          std::to_string(max_rank) + " are supported"};
}

/// The base of `t` in another order: a transpose, or nothing where the bytes already are in that order.
inline value reorder(importer& im, const traced& t, const axis_order& to, const std::string& name) {
    if (essential_order(t.base, t.order) == essential_order(t.base, to)) return t.id;
    // The tensor may have been given other extents with the same bytes: the transpose needs those of the record.
    const value x = insert_reshape(im, name + "/reshape", t.id, graph_shape(t.base, t.order));
    return insert_transpose(im, name, x, order_between(t.order, to));
}

}  // namespace detail

inline value arrange(importer& im, const traced& t, const axis_order& order) {
    detail::expect_rank(t.seen.size());
    const shape wanted = graph_shape(t.seen, order);
    // Extents of 1 move freely: without them, the same base in the same order is the same memory.
    const bool same_base = essential(t.base) == essential(t.seen);
    const bool same_order = same_base && essential_order(t.base, t.order) == essential_order(t.seen, order);
    if (same_order && wanted == im.g.shape_of(t.id)) return t.id;

    std::vector<int> key{t.id.id};
    detail::append_key(key, t.base);
    detail::append_key(key, t.order);
    detail::append_key(key, t.seen);
    detail::append_key(key, order);
    if (const auto found = im.rearranged.find(key); found != im.rearranged.end()) return found->second;

    // The step that stands for the source's own node has its name; all others are named after it, or after the value.
    const std::string named = t.hint.empty() ? text_of(im.g.label_of(t.id)) : t.hint;
    const auto step = [&](const char* kind) { return t.hint.empty() ? named + "/" + kind : t.hint; };
    value x = t.id;
    if (same_order) {
        x = detail::insert_reshape(im, step(wanted.rank == 1 ? "flatten" : "reshape"), x, wanted);
    } else if (t.base == t.seen) {
        x = detail::reorder(im, t, order, step("transpose"));
    } else {
        const bool moves_after = !is_plain(t.seen, order);
        x = detail::reorder(im, t, plain_order(t.base.size()), named + "/transpose");
        const shape between = moves_after ? graph_shape(t.seen, plain_order(t.seen.size())) : wanted;
        x = detail::insert_reshape(im, step(between.rank == 1 ? "flatten" : "reshape"), x, between);
        if (moves_after) x = detail::insert_transpose(im, named + "/transpose", x, order);
    }
    im.rearranged.emplace(std::move(key), x);
    return x;
}

inline value arrange_plain(importer& im, const traced& t) { return arrange(im, t, plain_order(t.seen.size())); }

inline value arrange_image(operation& o, const traced& t) {
    if (t.seen.size() != 3 || !t.batched)
        throw unsupported{"its input has " + std::to_string(source_rank(t)) +
                          " axes; two-dimensional images [N, C, H, W] are supported"};
    return arrange(o.im, t, channels_last_order(3));
}

/// All elements in the order of the graph's memory, as one vector: for readers that permute their weights instead.
inline value flattened(importer& im, const traced& t) {
    if (im.g.shape_of(t.id).rank == 1) return t.id;
    std::vector<int> key{t.id.id, -2};
    if (const auto found = im.rearranged.find(key); found != im.rearranged.end()) return found->second;
    const std::string name = t.hint.empty() ? text_of(im.g.label_of(t.id)) + "/flatten" : t.hint;
    const value x = im.g.flatten(im.new_label(name), t.id);
    im.rearranged.emplace(std::move(key), x);
    return x;
}

}  // namespace tensor_compress::onnx
