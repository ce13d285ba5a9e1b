// SPDX-License-Identifier: MIT
#pragma once

#include <compress/graph/rewrite/fuse.hpp>

namespace tensor_compress {

namespace detail {

constexpr bool is_view(op kind) { return kind == op::flatten || kind == op::reshape; }

/// Moves the nodes from `at` on one place down and puts `n` there.
template <int Capacity>
constexpr void insert_before(model<Capacity>& m, int at, node n) {
    const auto moved = [at](int id) { return id >= at ? id + 1 : id; };
    for (int id = m.count; id > at; --id) {
        m[id] = m[id - 1];
        for (int i = 0; i < m[id].input_count; ++i) m[id].inputs[i] = moved(m[id].inputs[i]);
        if (m[id].residual >= 0) m[id].residual = moved(m[id].residual);
    }
    for (int i = 0; i < m.output_count; ++i) m.outputs[i] = moved(m.outputs[i]);
    m[at] = n;
    ++m.count;
}

constexpr node conversion_of(const node& source, int source_id, int format, const char* suffix) {
    node n;
    n.kind = op::convert;
    n.name = source.name;
    if (n.name.size() < label::capacity - 12) n.name.append(suffix);
    n.inputs[n.input_count++] = source_id;
    n.output = source.output;
    n.format = format;
    n.origin = n.value_origin = n.stage_origin = source.value_origin;
    return n;
}

/// Node whose memory a node shares because it only renames it.
template <int Capacity>
constexpr int viewed(const model<Capacity>& m, int id) {
    while (is_view(m[id].kind)) id = m[id].inputs[0];
    return id;
}

}  // namespace detail

/// A tensor stays in the format of its producer: where the reader's format stores other elements, a `convert` goes
/// between. An output that is a renamed input, constant or other output is copied by a `convert` as well, so that each
/// output is written.
template <int Capacity, int Formats>
constexpr void insert_conversions(model<Capacity>& m, const element (&elements)[Formats]) {
    for (int id = 0; id < m.count; ++id) {
        for (int i = 0; i < m[id].input_count; ++i) {
            const int source = m[id].inputs[i];
            if (elements[m[source].format] == elements[m[id].format] || m[id].kind == op::convert) continue;
            int made = -1;
            for (int other = 0; other < id; ++other)
                if (m[other].kind == op::convert && m[other].inputs[0] == source && m[other].format == m[id].format)
                    made = other;
            if (made < 0) {
                detail::insert_before(m, id, detail::conversion_of(m[source], source, m[id].format, "/converted"));
                made = id++;
            }
            m[id].inputs[i] = made;
        }
    }
    for (int i = 0; i < m.output_count; ++i) {
        const int root = detail::viewed(m, m.outputs[i]);
        bool copy = m[root].kind == op::input || m[root].kind == op::constant;
        for (int j = 0; j < i; ++j) copy = copy || detail::viewed(m, m.outputs[j]) == root;
        if (!copy) continue;
        const int source = m.outputs[i];
        m[m.count] = detail::conversion_of(m[source], source, m[source].format, "/copied");
        m.outputs[i] = m.count++;
    }
}

}  // namespace tensor_compress
