// SPDX-License-Identifier: MIT
#pragma once

#include <compress/core/quantization.hpp>
#include <compress/graph/rewrite/conversions.hpp>

namespace tensor_compress {

namespace detail {
template <int Count>
constexpr bool any_of(const bool (&values)[Count]) {
    bool any = false;
    for (const bool value : values) any = any || value;
    return any;
}
}  // namespace detail

/// Before each layer with weights whose format quantises at run time goes a node that does it; layers that read the
/// same value share one.
///
/// @param  quantizes  which formats of the recipe do
template <int Capacity, int Formats>
constexpr void insert_range_quantizers(model<Capacity>& m, const bool (&quantizes)[Formats]) {
    for (int id = 0; id < m.count; ++id) {
        if (!is_product(m[id].kind) || !quantizes[m[id].format]) continue;
        const int source = m[id].inputs[0];
        int made = -1;
        for (int other = 0; other < id; ++other)
            if (m[other].kind == op::quantize_range && m[other].inputs[0] == source) made = other;
        if (made < 0) {
            node n = detail::conversion_of(m[source], source, m[id].format, "/quantized");
            n.kind = op::quantize_range;
            detail::insert_before(m, id, n);
            made = id++;
        }
        m[id].inputs[0] = made;
    }
}

/// How the value of a node is stored, and in how many bytes.
template <int Formats>
constexpr element stored_element(const node& n, const element (&elements)[Formats]) {
    return n.kind == op::quantize_range ? element::signed8 : elements[n.format];
}
template <int Formats>
constexpr int stored_bytes(const node& n, const element (&elements)[Formats]) {
    const int count = n.output.elements();
    return n.kind == op::quantize_range ? ranged_bytes(count) : count * bytes_of(elements[n.format]);
}

}  // namespace tensor_compress
