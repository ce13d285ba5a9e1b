// SPDX-License-Identifier: MIT
#pragma once

#include <compress/graph/rewrite/lower.hpp>

namespace tensor_compress {

/// In whose memory a value lies: the arena, the caller's spans, the weights (constants), or the part of the arena that
/// belongs to one part of a stream.
enum class memory : unsigned char { arena, input, output, weights, part };

struct placement {
    memory where = memory::arena;
    int index = 0;   ///< which input, output
    int offset = 0;  ///< bytes from the start of the arena
    int root = 0;    ///< node that owns the memory; views and in-place results share it
};

template <int Capacity>
struct memory_plan {
    placement places[Capacity]{};
    int arena_bytes = 0;
    int part_bytes = 0;  ///< from one part's rows of streamed values to the next one's
};

/// Every tensor starts on a cache line, so vector loads of a row never straddle more lines than they must.
inline constexpr int arena_alignment = 64;

namespace detail {

template <int Capacity>
struct lifetimes {
    int root[Capacity]{};
    int made[Capacity]{};  ///< the node at whose turn it is computed: of streamed values, the end of the stream
    int last[Capacity]{};  ///< of a root: the last node that reads its memory
};

/// Last reader of the memory of `root` among nodes before `end` counts as well as those after: scan all.
template <int Capacity>
constexpr lifetimes<Capacity> find_lifetimes(const model<Capacity>& m) {
    lifetimes<Capacity> l;
    int reader[Capacity]{};
    const auto reads = [&](int id, int value) {
        if (reader[value] < l.made[id]) reader[value] = l.made[id];
    };
    for (int id = 0; id < m.count; ++id) {
        l.made[id] = end_of_stream(m, id);
        if (reader[id] < l.made[id]) reader[id] = l.made[id];
        for (int i = 0; i < m[id].input_count; ++i) reads(id, m[id].inputs[i]);
        if (m[id].residual >= 0) reads(id, m[id].residual);
    }
    for (int i = 0; i < m.output_count; ++i) reader[m.outputs[i]] = m.count;
    for (int id = 0; id < m.count; ++id) {
        l.root[id] = is_view(m[id].kind) ? l.root[m[id].inputs[0]] : id;
        if (l.last[l.root[id]] < reader[id]) l.last[l.root[id]] = reader[id];
    }
    return l;
}

/// The operand whose memory the result may take: read for the last time here, at the place that is written.
template <int Capacity>
constexpr int in_place_operand(const model<Capacity>& m, const lifetimes<Capacity>& l, int id) {
    const node& n = m[id];
    const auto fits = [&](int operand) {
        const int root = l.root[operand];
        const op kind = m[root].kind;
        for (int other = 0; other < id; ++other) {  // a layer of the stream may yet read rows that are written here
            const node& o = m[other];
            if (l.made[other] == id && (l.root[o.inputs[0]] == root || (o.residual >= 0 && l.root[o.residual] == root)))
                return false;
        }
        return l.last[root] == id && m[root].output.elements() == n.output.elements() && kind != op::input &&
               kind != op::constant && m[root].format == n.format;
    };
    if (n.kept_rows > 0) return -1;
    if (n.residual >= 0 && l.root[n.residual] != l.root[n.inputs[0]] && fits(n.residual)) return n.residual;
    if (is_elementwise_pair(n.kind) || (is_activation(n.kind) && n.kind != op::softmax))
        for (int i = 0; i < n.input_count; ++i)
            if (m[n.inputs[i]].output == n.output && fits(n.inputs[i])) return n.inputs[i];
    return -1;
}

}  // namespace detail

/// Bytes of the rows of a streamed value that are in memory at a time, for one part.
template <int Formats>
constexpr int kept_bytes(const node& n, const element (&elements)[Formats]) {
    return round_up(n.kept_rows * n.output.width() * n.output.channels() * bytes_of(elements[n.format]),
                    arena_alignment);
}

/// Places every value of a lowered model: the largest first, each at the lowest offset that is free during its whole
/// life (Pisarchyk and Lee 2020, "Efficient Memory Management for Deep Neural Net Inference", greedy by size). Of
/// streamed values there are the rows that are kept. Where `parts` of a stream run at a time, each has memory for them
/// that nothing else uses: it costs more to take memory over from another core than to compute what is written there.
template <int Capacity, int Formats>
constexpr memory_plan<Capacity> plan_memory(const model<Capacity>& m, const element (&elements)[Formats],
                                            int parts = 1) {
    auto l = detail::find_lifetimes(m);
    memory_plan<Capacity> plan;
    for (int id = 0; id < m.count; ++id) {
        if (detail::is_view(m[id].kind)) {
            l.root[id] = l.root[m[id].inputs[0]];
            continue;
        }
        const int operand = detail::in_place_operand(m, l, id);
        if (operand < 0) continue;
        const int root = l.root[operand];
        const int last = l.last[id];
        for (int other = id; other < m.count; ++other)
            if (l.root[other] == id) l.root[other] = root;
        if (l.last[root] < last) l.last[root] = last;
    }

    int inputs = 0;
    for (int id = 0; id < m.count; ++id) {
        plan.places[id].root = id;
        if (m[id].kind == op::input) plan.places[id] = {memory::input, inputs++, 0, id};
        if (m[id].kind == op::constant) plan.places[id] = {memory::weights, 0, 0, id};
    }
    for (int i = 0; i < m.output_count; ++i) {
        const int root = l.root[m.outputs[i]];
        plan.places[root] = {memory::output, i, 0, root};
    }

    for (int id = 0; id < m.count && parts > 1; ++id) {
        int offset = 0;
        for (int value = id; m[id].band_rows > 0 && m[m[value].inputs[0]].kept_rows > 0; value = m[value].inputs[0]) {
            const int source = m[value].inputs[0];
            plan.places[source] = {memory::part, 0, offset, source};
            offset += kept_bytes(m[source], elements);
        }
        if (plan.part_bytes < offset) plan.part_bytes = offset;
    }
    plan.arena_bytes = plan.part_bytes * parts;

    int bytes[Capacity]{};
    int by_size[Capacity]{};  // largest first, of equals the earlier: sorted once, because constant evaluation counts
                              // steps
    int count = 0;
    for (int id = 0; id < m.count; ++id) {
        if (l.root[id] != id || plan.places[id].where != memory::arena) continue;
        bytes[id] = m[id].kept_rows > 0 ? kept_bytes(m[id], elements)
                                        : round_up(stored_bytes(m[id], elements), arena_alignment);
        int at = count++;
        for (; at > 0 && bytes[by_size[at - 1]] < bytes[id]; --at) by_size[at] = by_size[at - 1];
        by_size[at] = id;
    }
    for (int i = 0; i < count; ++i) {
        const int largest = by_size[i];
        int meeting[Capacity]{};  // those placed already that live at the same time
        int meetings = 0;
        for (int j = 0; j < i; ++j)
            if (l.last[by_size[j]] >= l.made[largest] && l.made[by_size[j]] <= l.last[largest])
                meeting[meetings++] = by_size[j];
        int offset = plan.part_bytes * parts;
        for (bool moved = true; moved;) {
            moved = false;
            for (int j = 0; j < meetings; ++j) {
                const int start = plan.places[meeting[j]].offset, end = start + bytes[meeting[j]];
                if (offset < end && start < offset + bytes[largest]) {
                    offset = end;
                    moved = true;
                }
            }
        }
        plan.places[largest].offset = offset;
        if (offset + bytes[largest] > plan.arena_bytes) plan.arena_bytes = offset + bytes[largest];
    }
    for (int id = 0; id < m.count; ++id) plan.places[id] = plan.places[l.root[id]];
    return plan;
}

}  // namespace tensor_compress
