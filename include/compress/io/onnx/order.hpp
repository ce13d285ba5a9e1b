// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <queue>
#include <set>
#include <string>
#include <vector>

#include <compress/io/importer_complaints.hpp>
#include <compress/io/onnx/messages.hpp>

namespace tensor_compress::onnx {

/// "node '/head/Gemm' (Gemm)"; a node without a name is known by its number.
inline std::string node_text(const node_proto& n) {
    return "node " + (n.name.empty() ? std::to_string(n.index) : "'" + n.name + "'") + " (" + n.kind + ")";
}

/// The nodes that the graph's outputs need, each after those it reads, otherwise in the order of the file.
///
/// @throws model_error for a value written twice, a value nobody writes, and nodes that read each other in a circle
std::vector<const node_proto*> sorted_nodes(const model_proto& m);

namespace detail {

using producers = std::map<std::string, const node_proto*, std::less<>>;  // nullptr: an input or initialiser

inline producers producers_of(const model_proto& m) {
    producers found;
    std::set<std::string, std::less<>> initializers, inputs;
    const auto unique = [](auto& names, const std::string& name, const char* what) {
        if (!names.insert(name).second)
            throw model_error(std::string(what) + " '" + name + "' is there twice",
                              "give each value a name of its own");
    };
    for (const auto& t : m.initializers) unique(initializers, t.name, "initialiser"), found[t.name] = nullptr;
    for (const auto& name : m.sparse_initializers) unique(initializers, name, "initialiser"), found[name] = nullptr;
    // Up to IR version 3 an initialiser is an input as well.
    for (const auto& i : m.inputs) unique(inputs, i.name, "input"), found[i.name] = nullptr;
    for (const auto& n : m.nodes)
        for (const auto& name : n.outputs)
            if (!name.empty() && !found.emplace(name, &n).second)
                throw model_error(node_text(n) + " writes the value '" + name + "', which exists already",
                                  "give each value a name of its own");
    return found;
}

inline const node_proto* producer_of(const producers& from, const std::string& name, const std::string& reader) {
    const auto found = from.find(name);
    if (found == from.end())
        throw model_error(reader + " needs the value '" + name + "', which no node, input or initialiser provides",
                          "it is damaged, export it again");
    return found->second;
}

/// Which nodes the outputs need.
inline std::vector<bool> needed_nodes(const model_proto& m, const producers& from) {
    std::vector<bool> needed(m.nodes.size());
    std::vector<const node_proto*> open;
    const auto need = [&](const std::string& name, const std::string& reader) {
        const node_proto* n = name.empty() ? nullptr : producer_of(from, name, reader);
        if (n == nullptr || needed[n->index]) return;
        needed[n->index] = true;
        open.push_back(n);
    };
    for (const auto& output : m.outputs) need(output.name, "the output");
    while (!open.empty()) {
        const node_proto& n = *open.back();
        open.pop_back();
        for (const auto& name : n.inputs) need(name, node_text(n));
    }
    return needed;
}

}  // namespace detail

inline std::vector<const node_proto*> sorted_nodes(const model_proto& m) {
    const auto from = detail::producers_of(m);
    const auto needed = detail::needed_nodes(m, from);

    // Kahn's algorithm over file positions: among the nodes that are ready, the first of the file goes first.
    std::vector<std::size_t> waits(m.nodes.size());
    std::vector<std::vector<std::size_t>> readers(m.nodes.size());
    std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> ready;
    std::size_t left = 0;
    for (const auto& n : m.nodes) {
        if (!needed[n.index]) continue;
        ++left;
        for (const auto& name : n.inputs) {
            const node_proto* producer = name.empty() ? nullptr : detail::producer_of(from, name, node_text(n));
            if (producer != nullptr) readers[producer->index].push_back(n.index), ++waits[n.index];
        }
        if (waits[n.index] == 0) ready.push(n.index);
    }
    std::vector<const node_proto*> order;
    while (!ready.empty()) {
        const std::size_t next = ready.top();
        ready.pop();
        order.push_back(&m.nodes[next]);
        for (const std::size_t reader : readers[next])
            if (--waits[reader] == 0) ready.push(reader);
    }
    if (order.size() == left) return order;

    // Every node that is left waits for another one that is left: walking back ends inside the circle, at the first
    // node that is met again.
    const node_proto* at = nullptr;
    for (const auto& n : m.nodes)
        if (needed[n.index] && waits[n.index] > 0) at = &n;
    std::vector<bool> met(m.nodes.size());
    while (!met[at->index]) {
        met[at->index] = true;
        for (const auto& name : at->inputs) {
            const node_proto* producer = name.empty() ? nullptr : from.find(name)->second;
            if (producer == nullptr || waits[producer->index] == 0) continue;
            at = producer;
            break;
        }
    }
    throw model_error(node_text(*at) + " reads its own result through a circle of nodes",
                      "loops are not supported, unroll them before export");
}

}  // namespace tensor_compress::onnx
