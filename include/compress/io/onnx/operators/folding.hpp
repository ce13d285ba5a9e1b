// SPDX-License-Identifier: MIT
#pragma once

// Constants, and the small arithmetic on shapes that exporters write into a graph.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <compress/io/onnx/operators/rearrangement.hpp>

namespace tensor_compress::onnx {

/// Constant: a tensor, a number or a list of numbers.
inline void constant_node(operation& o) {
    if (const auto* a = o.attribute("value")) {
        if (!a->has_tensor) throw model_error("its value is no tensor", check_export);
        return o.define(decode(a->tensor));
    }
    constant c;
    if (const auto* number = o.attribute("value_float")) {
        c.floats = std::vector<float>{number->number};
    } else if (const auto* numbers = o.attribute("value_floats")) {
        c.floats = numbers->numbers;
        c.dims = {c.floats.size()};
    } else if (const auto* integer = o.attribute("value_int")) {
        c = detail::integer_vector({integer->integer});
        c.dims.clear();
    } else if (const auto* integers = o.attribute("value_ints")) {
        c = detail::integer_vector(integers->integers);
    } else {
        throw unsupported{"it holds neither a dense tensor nor numbers"};
    }
    o.define(std::move(c));
}

/// Shape, with a batch of 1; `start` and `end` exist since opset 15.
inline void shape_node(operation& o) {
    const constant* c = o.constant_at(0);
    const auto full = c != nullptr ? detail::dims_of(*c) : detail::full_shape(o.any_value_at(0));
    const auto rank = static_cast<std::int64_t>(full.size());
    const auto bound = [&](std::int64_t given) {
        return std::clamp(given < 0 ? given + rank : given, std::int64_t{0}, rank);
    };
    const auto first = bound(o.integer("start", 0)), last = bound(o.integer("end", rank));
    o.define(detail::integer_vector(first < last ? std::vector<std::int64_t>(full.begin() + first, full.begin() + last)
                                                 : std::vector<std::int64_t>{}));
}

/// Gather from a vector of integers.
inline void gather(operation& o) {
    const constant& from = o.integers_at(0, "its data");
    const constant& indices = o.integers_at(1, "its indices");
    if (from.dims.size() != 1 || o.integer("axis", 0) > 0 || indices.dims.size() > 1)
        throw unsupported{"it gathers from more than a vector"};
    constant result = indices;
    std::vector<std::int64_t> gathered = indices.integers;
    const auto count = static_cast<std::int64_t>(from.integers.size());
    for (auto& i : gathered) {
        if (i < -count || i >= count)
            throw model_error("it gathers element " + std::to_string(i) + " of " + std::to_string(count), check_export);
        i = from.integers[static_cast<std::size_t>(i < 0 ? i + count : i)];
    }
    result.integers = std::move(gathered);
    o.define(std::move(result));
}

/// Slice of a vector of integers; bounds are attributes before opset 10.
inline void slice(operation& o) {
    const constant& from = o.integers_at(0, "its data");
    const auto starts = o.integers("starts", 1), ends = o.integers("ends", 2), axes = o.integers("axes", 3);
    const auto steps = o.has_input(4) ? o.integers_at(4, "its steps").integers.list() : std::vector<std::int64_t>{1};
    if (from.dims.size() != 1 || starts.size() != 1 || ends.size() != 1 || steps != std::vector<std::int64_t>{1} ||
        (!axes.empty() && axes[0] != 0 && axes[0] != -1))
        throw unsupported{"it slices more than a vector, or with a step"};
    const auto count = static_cast<std::int64_t>(from.integers.size());
    const auto bound = [&](std::int64_t given) {
        return std::clamp(given < 0 ? given + count : given, std::int64_t{0}, count);
    };
    const auto first = bound(starts[0]), last = std::max(first, bound(ends[0]));
    o.define(detail::integer_vector({from.integers.begin() + first, from.integers.begin() + last}));
}

/// Cast of a value to float does nothing; constants change between floats and integers.
inline void cast(operation& o) {
    const auto to = static_cast<element_type>(to_int(o.integer("to", 0), "to"));
    const bool to_float = to == element_type::float32 || to == element_type::float64;
    const bool to_integer = to == element_type::int64 || to == element_type::int32;
    const constant* c = o.constant_at(0);
    if (c == nullptr) {
        if (to != element_type::float32) throw unsupported{"it casts to " + type_text(to) + "; float32 is supported"};
        return o.define(o.any_value_at(0));
    }
    if (!to_float && !to_integer)
        throw unsupported{"it casts a constant to " + type_text(to) +
                          "; float32, float64, int32 and int64 are supported"};
    constant result = *c;
    result.is_float = to_float;
    if (to_float && !c->is_float) {
        result.floats = std::vector<float>(c->integers.begin(), c->integers.end());
        result.integers = {};
    } else if (to_integer && c->is_float) {
        std::vector<std::int64_t> integers;
        for (const float f : c->floats) {
            if (!(f > -1e9f && f < 1e9f))
                throw model_error("it casts " + number_text(f) + " to an integer, and -1e9 to 1e9 are supported",
                                  check_export);
            integers.push_back(static_cast<std::int64_t>(f));
        }
        result.integers = std::move(integers);
        result.floats = {};
    }
    o.define(std::move(result));
}

}  // namespace tensor_compress::onnx
