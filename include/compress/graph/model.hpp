// SPDX-License-Identifier: MIT
#pragma once

#include <compress/graph/node.hpp>

namespace tensor_compress {

inline constexpr int max_outputs = 8;

/// A network as a value: nodes in an order in which each comes after its inputs. Make it with `make_model`; declare it
/// `inline constexpr`, in .cpp files too, because a net takes it by reference.
template <int Capacity>
struct model {
    static constexpr int capacity = Capacity;
    node nodes[Capacity]{};
    int count = 0;
    int outputs[max_outputs]{};
    int output_count = 0;

    constexpr const node& operator[](int id) const { return nodes[id]; }
    constexpr node& operator[](int id) { return nodes[id]; }

    /// Id of the node with that label, or -1.
    constexpr int find(const label& name) const {
        for (int id = 0; id < count; ++id)
            if (nodes[id].name == name) return id;
        return -1;
    }
    constexpr bool is_output(int id) const {
        for (int i = 0; i < output_count; ++i)
            if (outputs[i] == id) return true;
        return false;
    }
    constexpr int count_of(op kind) const {
        int n = 0;
        for (int id = 0; id < count; ++id) n += nodes[id].kind == kind ? 1 : 0;
        return n;
    }
    /// How many inputs of later nodes, and outputs of the model, read this node.
    constexpr int consumers(int id) const {
        int n = is_output(id) ? 1 : 0;
        for (int other = id + 1; other < count; ++other) {
            for (int i = 0; i < nodes[other].input_count; ++i) n += nodes[other].inputs[i] == id ? 1 : 0;
            n += nodes[other].residual == id ? 1 : 0;
        }
        return n;
    }
};

/// The same nodes with another capacity, which must hold them.
template <int To, int From>
constexpr model<To> resized(const model<From>& from) {
    model<To> to{};
    for (int id = 0; id < from.count; ++id) to.nodes[id] = from.nodes[id];
    to.count = from.count;
    for (int i = 0; i < from.output_count; ++i) to.outputs[i] = from.outputs[i];
    to.output_count = from.output_count;
    return to;
}

/// Every reader of node `from` reads node `to` instead.
template <int Capacity>
constexpr void redirect(model<Capacity>& m, int from, int to) {
    for (int id = 0; id < m.count; ++id) {
        for (int i = 0; i < m.nodes[id].input_count; ++i)
            if (m.nodes[id].inputs[i] == from) m.nodes[id].inputs[i] = to;
        if (m.nodes[id].residual == from) m.nodes[id].residual = to;
    }
    for (int i = 0; i < m.output_count; ++i)
        if (m.outputs[i] == from) m.outputs[i] = to;
}

/// Keeps the nodes whose flag is set, in their order, and renumbers all references. A kept node must not read a dropped
/// one.
template <int Capacity>
constexpr void keep_only(model<Capacity>& m, const bool (&keep)[Capacity]) {
    int renumbered[Capacity]{};
    int count = 0;
    for (int id = 0; id < m.count; ++id) renumbered[id] = keep[id] ? count++ : -1;
    for (int id = 0; id < m.count; ++id) {
        if (!keep[id]) continue;
        node n = m.nodes[id];
        for (int i = 0; i < n.input_count; ++i) n.inputs[i] = renumbered[n.inputs[i]];
        if (n.residual >= 0) n.residual = renumbered[n.residual];
        m.nodes[renumbered[id]] = n;
    }
    for (int i = 0; i < m.output_count; ++i) m.outputs[i] = renumbered[m.outputs[i]];
    m.count = count;
}

}  // namespace tensor_compress
