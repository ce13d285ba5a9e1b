// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <compress/io/onnx/arrange.hpp>

namespace tensor_compress::onnx {

enum class arithmetic { add, subtract, multiply, divide };

namespace detail {

inline float apply(arithmetic kind, float a, float b) {
    switch (kind) {
    case arithmetic::add:
        return a + b;
    case arithmetic::subtract:
        return a - b;
    case arithmetic::multiply:
        return a * b;
    default:
        return a / b;
    }
}

inline std::int64_t apply(arithmetic kind, std::int64_t a, std::int64_t b) {
    std::int64_t result = 0;
    bool failed = false;
    switch (kind) {
    case arithmetic::add:
        failed = __builtin_add_overflow(a, b, &result);
        break;
    case arithmetic::subtract:
        failed = __builtin_sub_overflow(a, b, &result);
        break;
    case arithmetic::multiply:
        failed = __builtin_mul_overflow(a, b, &result);
        break;
    default:
        failed = b == 0 || b == -1;  // the lowest number divided by -1 overflows too
        if (!failed) result = a / b;
    }
    if (failed) throw model_error("its arithmetic on shapes overflows or divides by zero", check_export);
    return result;
}

/// Refuses to divide by the zeros of a constant, before they are infinities that nobody wrote.
inline void expect_divisors(const operation& o) {
    const constant& c = *o.constant_at(1);
    const auto zero = std::find(c.floats.begin(), c.floats.end(), 0.0f) - c.floats.begin();
    if (static_cast<std::size_t>(zero) == c.floats.size()) return;
    const auto index = tensor_compress::detail::index_at(static_cast<std::size_t>(zero), c.dims);
    throw model_error("it divides by the constant '" + o.input_name(1) + "' " + shape_text(c.dims) +
                          ", which is 0 at index " + shape_text(index),
                      "give it no zeros");
}

/// Both operands are known: shape arithmetic, or weights the exporter has not folded.
inline constant folded(arithmetic kind, const constant& a, const constant& b) {
    if (a.is_float != b.is_float) throw model_error("it mixes floats and integers", check_export);
    if (a.dims != b.dims && a.size() != 1 && b.size() != 1)
        throw unsupported{"it broadcasts two constants; simplify the model before import"};
    constant c = b.size() == 1 && (a.size() != 1 || a.dims.size() > b.dims.size()) ? a : b;
    const auto each = [&]<class T>(shared_values<T>& to, const shared_values<T>& left, const shared_values<T>& right) {
        std::vector<T> values(to.size());
        for (std::size_t i = 0; i < values.size(); ++i)
            values[i] = apply(kind, left[left.size() == 1 ? 0 : i], right[right.size() == 1 ? 0 : i]);
        to = std::move(values);
    };
    if (c.is_float)
        each(c.floats, a.floats, b.floats);
    else
        each(c.integers, a.integers, b.integers);
    return c;
}

inline value new_constant(operation& o, const shape& extents_of_it, const std::vector<float>& values,
                          const std::string& source) {
    const label name = o.im.new_label(text_of(o.name()) + "/constant");
    std::vector<std::size_t> dims;
    for (int axis = 0; axis < extents_of_it.rank; ++axis) dims.push_back(static_cast<std::size_t>(extents_of_it[axis]));
    const value c = o.im.g.constant(name, extents_of_it);
    o.im.store(name, ".value", to_array(values, dims), source);
    return c;
}

/// Extents of a constant aligned with those of `x`: 1 where it is repeated.
inline extents aligned(const operation& o, const constant& c, const traced& x, const std::string& source) {
    auto dims = c.dims;
    const std::size_t rank = source_rank(x);
    if (o.im.opset < 7 && o.attribute("axis") != nullptr) {
        const auto axis = static_cast<std::size_t>(source_axis(o.integer("axis", 0), x) + (x.batched ? 1 : 0));
        if (axis + dims.size() < rank) dims.resize(rank - axis, 1);
    }
    if (dims.size() < rank) dims.insert(dims.begin(), rank - dims.size(), 1);
    const auto first = dims.end() - static_cast<std::ptrdiff_t>(x.seen.size());
    extents result;
    bool fits = std::all_of(dims.begin(), first, [](std::size_t extent) { return extent == 1; });
    for (std::size_t axis = 0; axis < x.seen.size(); ++axis) {
        const std::size_t extent = first[static_cast<std::ptrdiff_t>(axis)];
        fits = fits && (extent == 1 || extent == static_cast<std::size_t>(x.seen[axis]));
        result.push_back(fits ? static_cast<int>(extent) : 1);
    }
    if (!fits || dims.size() != rank)
        throw unsupported{"its constant '" + source + "' " + shape_text(c.dims) +
                          " is larger than its other operand, or differs between records"};
    return result;
}

/// The constant of the graph for an operator between `x` and a constant of the file: one number, one per channel, or
/// one per element in the layout of `x`, which is arranged where its pending reshape is in the way.
inline value constant_beside(operation& o, traced& x, const constant& c, const std::vector<float>& values,
                             const std::string& source) {
    if (values.size() == 1) return new_constant(o, shape{1}, values, source);
    extents dims = aligned(o, c, x, source);
    if (essential(x.base) == essential(x.seen)) {
        // The same axes but for those of extent 1: the constant follows the value's own record.
        extents big;
        for (std::size_t axis = 0; axis < dims.size(); ++axis)
            if (x.seen[axis] != 1) big.push_back(dims[axis]);
        dims.clear();
        for (std::size_t axis = 0, next = 0; axis < x.base.size(); ++axis)
            dims.push_back(x.base[axis] == 1 ? 1 : big[next++]);
    } else {
        x = plain(arrange_plain(o.im, x), x.seen, x.batched);
    }
    const auto last = static_cast<std::size_t>(x.order.back());
    if (elements(dims) == dims[last]) return new_constant(o, shape{dims[last]}, values, source);
    if (elements(x.base) > (1 << 24)) throw unsupported{"its constant would have more than 2^24 elements"};
    std::vector<float> spread;
    o.im.memory.expect(static_cast<std::size_t>(elements(x.base)), sizeof(float));
    for (const std::size_t position : positions_of(x.base, x.order, row_major_strides(dims)))
        spread.push_back(values[position]);
    return new_constant(o, graph_shape(x.base, x.order), spread, source);
}

inline value join(operation& o, arithmetic kind, value a, value b) {
    return kind == arithmetic::multiply ? o.im.g.mul(o.name(), a, b) : o.im.g.add(o.name(), a, b);
}

inline value negated(operation& o, value x) {
    const value minus_one = new_constant(o, shape{1}, {-1.0f}, "-1");
    return o.im.g.mul(o.im.new_label(text_of(o.name()) + "/negated"), x, minus_one);
}

/// x - c is x + (-c), and x / c is x * (1 / c).
inline void with_constant(operation& o, arithmetic kind, std::size_t value_side) {
    traced x = o.value_at(value_side);
    const std::string source = o.input_name(1 - value_side);
    const constant& c = o.floats_at(1 - value_side, "the constant");
    if (c.floats.empty()) throw model_error("its constant '" + source + "' is empty", check_export);
    if (kind == arithmetic::divide && value_side == 1) throw unsupported{"it divides by a value"};
    std::vector<float> values = c.floats;
    for (float& v : values) {
        if (kind == arithmetic::divide) v = 1.0f / v;
        if (kind == arithmetic::subtract && value_side == 0) v = -v;
    }
    const value other = constant_beside(o, x, c, values, source);
    if (kind == arithmetic::subtract && value_side == 1) x.id = negated(o, x.id);
    x.id = join(o, kind == arithmetic::divide ? arithmetic::multiply : kind, x.id, other);
    o.define(std::move(x));
}

/// The operand with fewer elements is one number, or one per channel, of the other; the axis it has becomes the last.
inline traced spread_over(operation& o, traced& wide, traced narrow) {
    if (wide.batched && narrow.batched && wide.seen.size() != narrow.seen.size())
        throw unsupported{"its operands have " + std::to_string(source_rank(wide)) + " and " +
                          std::to_string(source_rank(narrow)) + " axes"};
    if (narrow.seen.size() > wide.seen.size()) throw unsupported{"it broadcasts both operands"};
    narrow.seen.insert(narrow.seen.begin(), wide.seen.size() - narrow.seen.size(), 1);
    std::size_t channel = wide.base == wide.seen && !wide.order.empty() ? static_cast<std::size_t>(wide.order.back())
                                                                        : wide.seen.size() - 1;
    int big = 0;
    for (std::size_t axis = 0; axis < wide.seen.size(); ++axis) {
        if (narrow.seen[axis] == 1) continue;
        if (narrow.seen[axis] != wide.seen[axis])
            throw unsupported{"its operands have different shapes, neither of which spreads over the other"};
        channel = axis, ++big;
    }
    if (big > 1) throw unsupported{"it broadcasts along one axis only; a number or one per channel are supported"};
    const axis_order order = order_ending_in(wide, static_cast<int>(channel));
    wide = arranged(arrange(o.im, wide, order), wide.seen, order, wide.batched);
    // A vector of channels spreads as it is, without becoming [1, 1, C] first.
    const bool vector = o.im.g.shape_of(narrow.id).rank == 1;
    return vector ? narrow : arranged(arrange(o.im, narrow, order), narrow.seen, order);
}

inline void of_values(operation& o, arithmetic kind) {
    if (kind == arithmetic::divide) throw unsupported{"it divides by a value"};
    traced a = o.value_at(0), b = o.value_at(1);
    traced result;
    if (a.seen == b.seen) {
        if (a.base != b.base || a.order != b.order) {
            const axis_order order = a.base == a.seen   ? a.order
                                     : b.base == b.seen ? b.order
                                                        : plain_order(a.seen.size());
            a = arranged(arrange(o.im, a, order), a.seen, order, a.batched);
            b = arranged(arrange(o.im, b, order), b.seen, order, b.batched);
        }
        result = a;
    } else if (elements(a.seen) >= elements(b.seen)) {
        b = spread_over(o, a, b);
        result = a;
    } else {
        a = spread_over(o, b, a);
        result = b;
    }
    if (kind == arithmetic::subtract) b.id = negated(o, b.id);
    result.id = join(o, kind, a.id, b.id);
    result.batched = a.batched || b.batched;
    o.define(std::move(result));
}

/// x * HardSigmoid(x)
inline bool is_gated(const operation& o, std::size_t side) {
    if (o.constant_at(0) || o.constant_at(1)) return false;
    return o.any_value_at(side).gate_of == o.input_name(1 - side);
}

}  // namespace detail

/// Add, Sub, Mul, Div: of two values, or a value and a constant, or folded of two constants.
template <arithmetic Kind>
void arithmetic_of(operation& o) {
    const bool known[] = {o.constant_at(0) != nullptr, o.constant_at(1) != nullptr};
    if (Kind == arithmetic::divide && known[1]) detail::expect_divisors(o);
    if (known[0] && known[1]) return o.define(detail::folded(Kind, *o.constant_at(0), *o.constant_at(1)));
    if constexpr (Kind == arithmetic::multiply)
        for (std::size_t side = 0; side < 2; ++side)
            if (detail::is_gated(o, side)) {
                traced x = o.value_at(1 - side);
                x.id = o.im.g.hard_swish(o.name(), x.id);
                return o.define(std::move(x));
            }
    if (known[0] || known[1]) return detail::with_constant(o, Kind, known[0] ? 1 : 0);
    detail::of_values(o, Kind);
}

}  // namespace tensor_compress::onnx
