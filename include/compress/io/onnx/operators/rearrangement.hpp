// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include <compress/io/onnx/arrange.hpp>

namespace tensor_compress::onnx {

namespace detail {

/// Another view of the same elements: nothing is inserted until a reader needs it.
inline void see_as(operation& o, const traced& x, extents seen) {
    if (elements(seen) != elements(x.seen))
        throw model_error("it reshapes " + std::to_string(elements(x.seen)) + " elements to " +
                              std::to_string(elements(seen)),
                          check_export);
    if (seen.size() >= most_axes)
        throw unsupported{"its result has " + std::to_string(seen.size() + 1) + " axes; up to " +
                          std::to_string(most_axes) + " are supported"};
    traced result = x;
    if (seen != x.seen && !o.node().name.empty()) result.hint = o.own_name();
    result.seen = std::move(seen);
    result.batched = true;
    o.define(std::move(result));
}

/// Extents that Reshape asks for: 0 copies one of the input, -1 is what is left over.
inline std::vector<std::int64_t> resolved_shape(std::vector<std::int64_t> wanted, const std::vector<std::int64_t>& from,
                                                bool zero_copies) {
    std::int64_t total = 1, known = 1;
    for (const auto extent : from) total *= extent;
    std::int64_t* open = nullptr;
    for (std::size_t axis = 0; axis < wanted.size(); ++axis) {
        std::int64_t& extent = wanted[axis];
        if (extent == 0 && zero_copies && axis < from.size()) extent = from[axis];
        if (extent < -1 || extent > total || (extent == -1 && open != nullptr) || (extent == 0 && total != 0))
            throw model_error("it reshapes to an extent of " + std::to_string(extent), check_export);
        if (extent == -1)
            open = &extent;
        else if (known > 0 && extent > 0 && known <= total)
            known *= extent;  // both are at most `total`, which fits 31 bits for values and is bounded by the file for
                              // constants
        else if (extent == 0)
            known = 0;
    }
    if (open != nullptr) *open = known == 0 ? 0 : total / known;
    if (open != nullptr) known *= *open;
    if (known != total)
        throw model_error("it reshapes " + std::to_string(total) + " elements to a shape that does not hold as many",
                          check_export);
    return wanted;
}

inline constant with_dims(const constant& c, const std::vector<std::int64_t>& dims) {
    constant result = c;
    result.dims.assign(dims.begin(), dims.end());
    return result;
}

inline std::vector<std::int64_t> dims_of(const constant& c) { return {c.dims.begin(), c.dims.end()}; }

/// Axes with a batch, as positions in a shape of `rank` axes.
inline std::vector<bool> marked_axes(const std::vector<std::int64_t>& axes, std::size_t rank) {
    std::vector<bool> marked(rank);
    for (const auto axis : axes) {
        const auto at = static_cast<std::size_t>(source_axis(axis, rank, false));
        if (marked[at]) throw model_error("it names axis " + std::to_string(axis) + " twice", check_export);
        marked[at] = true;
    }
    return marked;
}

/// The shape of a value as the source has it, with a batch of 1.
inline std::vector<std::int64_t> full_shape(const traced& x) {
    std::vector<std::int64_t> full(x.batched ? 1 : 0, 1);
    full.insert(full.end(), x.seen.begin(), x.seen.end());
    return full;
}

/// Applies a change of shape to a constant or a value; `change` maps all extents, of which a value's first must be the
/// batch afterwards. A vector without a batch, an input of fixed size, gets it so.
template <class Change>
void change_shape(operation& o, const Change& change) {
    if (const constant* c = o.constant_at(0)) return o.define(with_dims(*c, change(dims_of(*c))));
    const traced& x = o.value_at(0);
    const auto to = change(full_shape(x));
    if (to.empty() || to[0] != 1)
        throw unsupported{"it gives a value with the shape " + dims_text(full_shape(x)) + " the shape " +
                          dims_text(to) +
                          (x.batched ? ", and its first extent, the batch, has to stay 1"
                                     : ", and a value without a batch has to get one, a first extent of 1")};
    extents seen;
    for (std::size_t axis = 1; axis < to.size(); ++axis) seen.push_back(to_int(to[axis], "an extent", 1, 1 << 29));
    see_as(o, x, std::move(seen));
}

}  // namespace detail

/// Reshape to a constant shape whose first extent is the batch: 0, -1, 1, or the fixed batch of the file.
inline void reshape(operation& o) {
    auto wanted = o.few_integers_at(1, "the shape");
    const bool zero_copies = o.integer("allowzero", 0) == 0;
    const bool has_batch = o.constant_at(0) == nullptr && o.any_value_at(0).batched;
    if (has_batch && !wanted.empty() && wanted[0] == o.im.batch) wanted[0] = 1;
    detail::change_shape(o, [&](const auto& from) { return detail::resolved_shape(wanted, from, zero_copies); });
}

/// Flatten: the axes before `axis` become the first, those from it on the second.
inline void flatten(operation& o) {
    detail::change_shape(o, [&](const std::vector<std::int64_t>& from) {
        const auto rank = static_cast<std::int64_t>(from.size());
        const auto given = o.integer("axis", 1);
        if (given < -rank || given > rank)
            throw model_error("it names axis " + std::to_string(given) + " of " + std::to_string(rank), check_export);
        const auto split = from.begin() + (given < 0 ? given + rank : given);
        const auto product = [](auto first, auto last) {
            return std::accumulate(first, last, std::int64_t{1}, std::multiplies<>());
        };
        // The batch is 1 here only because one record is imported at a time: joined with others it is no batch any
        // more.
        if (split == from.begin() && o.constant_at(0) == nullptr)
            throw unsupported{"it joins the batch with other dimensions (axis 0)"};
        return std::vector<std::int64_t>{product(from.begin(), split), product(split, from.end())};
    });
}

/// Axes are an attribute before opset 13.
inline void squeeze(operation& o) {
    const auto axes = o.integers("axes", 1);
    if (axes.empty()) throw unsupported{"it names no axes; name those to drop"};
    detail::change_shape(o, [&](const std::vector<std::int64_t>& from) {
        const auto dropped = detail::marked_axes(axes, from.size());
        std::vector<std::int64_t> to;
        for (std::size_t axis = 0; axis < from.size(); ++axis) {
            if (dropped[axis] && from[axis] != 1)
                throw model_error("it drops an axis of extent " + std::to_string(from[axis]), check_export);
            if (!dropped[axis]) to.push_back(from[axis]);
        }
        if (dropped[0] && o.constant_at(0) == nullptr) throw unsupported{"it drops the batch dimension"};
        return to;
    });
}
inline void unsqueeze(operation& o) {
    const auto axes = o.integers("axes", 1);
    detail::change_shape(o, [&](const std::vector<std::int64_t>& from) {
        const auto added = detail::marked_axes(axes, from.size() + axes.size());
        std::vector<std::int64_t> to;
        for (std::size_t axis = 0, next = 0; axis < added.size(); ++axis) to.push_back(added[axis] ? 1 : from[next++]);
        if (!added.empty() && added[0] && o.constant_at(0) == nullptr && o.any_value_at(0).batched)
            throw unsupported{"it adds an axis before the batch"};
        return to;
    });
}

namespace detail {

inline std::vector<int> permutation_of(const operation& o, std::size_t rank) {
    std::vector<int> order;
    const auto given = o.integers("perm");
    for (const auto axis : given) order.push_back(source_axis(axis, rank, false));
    if (given.empty())
        for (std::size_t axis = rank; axis-- > 0;) order.push_back(static_cast<int>(axis));
    auto sorted = order;
    std::sort(sorted.begin(), sorted.end());
    if (sorted != plain_order(rank))
        throw model_error("its perm does not name each of " + std::to_string(rank) + " axes once", check_export);
    return order;
}

inline constant transposed(const constant& c, const std::vector<int>& order) {
    extents dims;
    for (const auto extent : c.dims) dims.push_back(to_int(static_cast<std::int64_t>(extent), "an extent", 0, 1 << 29));
    constant result = c;
    for (std::size_t axis = 0; axis < order.size(); ++axis)
        result.dims[axis] = c.dims[static_cast<std::size_t>(order[axis])];
    if (c.size() == 0 || is_plain(dims, order)) return result;
    const auto positions = source_positions(dims, order);
    const auto moved = [&]<class T>(const shared_values<T>& from) {
        std::vector<T> to;
        to.reserve(positions.size());
        for (const std::size_t position : positions) to.push_back(from[position]);
        return shared_values<T>(std::move(to));
    };
    if (c.is_float)
        result.floats = moved(c.floats);
    else
        result.integers = moved(c.integers);
    return result;
}

}  // namespace detail

namespace detail {

inline std::string moved_batch(const std::vector<int>& order) {
    const auto place = std::find(order.begin(), order.end(), 0) - order.begin();
    return "it moves the batch, axis 0, to axis " + std::to_string(place) + " (perm " +
           dims_text({order.begin(), order.end()}) +
           "); the batch stays first here, so write the model without that: attention from linear layers over [N, "
           "tokens, "
           "channels], reshaped to [N, tokens, heads, channels per head] and transposed behind the batch";
}

}  // namespace detail

/// Transpose only renames the axes of the source; the graph's tensor stays as it is until a reader needs another order.
inline void transpose(operation& o) {
    if (const constant* c = o.constant_at(0))
        return o.define(detail::transposed(*c, detail::permutation_of(o, c->dims.size())));
    traced x = o.value_at(0);
    auto order = detail::permutation_of(o, source_rank(x));
    if (x.batched && order[0] != 0) throw unsupported{detail::moved_batch(order)};
    if (x.batched) {
        order.erase(order.begin());
        for (int& axis : order) --axis;
    }
    if (x.base != x.seen) x = plain(arrange_plain(o.im, x), x.seen, x.batched);
    extents seen;
    axis_order renamed(order.size());
    for (std::size_t axis = 0; axis < order.size(); ++axis) {
        seen.push_back(x.seen[static_cast<std::size_t>(order[axis])]);
        const auto in_graph = std::find(x.order.begin(), x.order.end(), order[axis]) - x.order.begin();
        renamed[static_cast<std::size_t>(in_graph)] = static_cast<int>(axis);
    }
    x = arranged(x.id, seen, renamed, x.batched);
    if (!o.node().name.empty()) x.hint = o.own_name();
    o.define(std::move(x));
}

}  // namespace tensor_compress::onnx
