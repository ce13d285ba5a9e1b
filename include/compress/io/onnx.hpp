// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <protozero/exception.hpp>

#include <compress/io/bytes.hpp>
#include <compress/io/imported_model.hpp>
#include <compress/io/onnx/converter.hpp>
#include <compress/io/onnx/parse.hpp>
#include <compress/io/torch_signature.hpp>

namespace tensor_compress {

/// Reads an ONNX model of floats, opsets 6 to 25, as a graph and its weights.
///
/// Images [N, C, H, W] become [H, W, C]; the batch is 1, whatever it is in the file. Labels are the names of the nodes
/// without a leading `/`; nodes without a name are `<operator>_<position>`, activations `<input>/<operator>`.
/// @throws error naming the file, the node and what to do: for a damaged file, a node or tensor that does not fit the
/// others, NaN
///         or infinite weights, and once for all nodes that are not supported
imported_model import_onnx(const std::filesystem::path& file);

/// The same for bytes in memory; `file` is their name in messages.
imported_model import_onnx(std::span<const std::uint8_t> bytes, std::string_view file);

namespace onnx {

namespace detail {

inline constexpr std::int64_t oldest_opset = 6, newest_opset = 25;

using value_readers = std::multimap<std::string_view, const node_proto*>;

inline value_readers readers_of(const model_proto& m) {
    value_readers readers;
    for (const auto& n : m.nodes)
        for (const auto& name : n.inputs) readers.emplace(name, &n);
    return readers;
}

/// 4-D inputs that every reader first transposes from [N, H, W, C] to [N, C, H, W] are [H, W, C] in the file already.
inline bool is_channels_last(const value_readers& readers, std::string_view input) {
    const auto transposes = [](const auto& reader) {
        const node_proto& n = *reader.second;
        const auto perm =
            std::find_if(n.attributes.begin(), n.attributes.end(), [](const auto& a) { return a.name == "perm"; });
        return n.kind == "Transpose" && perm != n.attributes.end() &&
               perm->integers == std::vector<std::int64_t>{0, 3, 1, 2};
    };
    const auto [first, last] = readers.equal_range(input);
    return first != last && std::all_of(first, last, transposes);
}

inline void note_batch(importer& im, const value_info& v, bool& noted) {
    const std::int64_t first = v.dims[0];
    if (first < 0) return;
    if (noted && first != im.batch)
        throw model_error("input '" + v.name + "' " + dims_text(v.dims) + " has another batch than " +
                              std::to_string(im.batch),
                          "export it with a batch of 1 for every input");
    im.batch = first, noted = true;
}

inline void add_input(importer& im, const value_readers& readers, const value_info& v, imported_model& result,
                      bool& batch_noted) {
    if (v.type != element_type::float32 && v.type != element_type::float16 && v.type != element_type::float64)
        throw model_error("input '" + v.name + "' has the " + type_text(v.type), "export it with float inputs");
    if (!v.has_shape) throw model_error("input '" + v.name + "' has no shape", "export it with a fixed input shape");
    // A vector of fixed size has no batch; everything else begins with it.
    const bool batched = v.dims.size() > 1 || (v.dims.size() == 1 && v.dims[0] < 0);
    extents seen;
    for (std::size_t axis = batched ? 1 : 0; axis < v.dims.size(); ++axis) {
        if (v.dims[axis] < 0)
            throw model_error("input '" + v.name + "' " + dims_text(v.dims) + " leaves dimension " +
                                  std::to_string(axis) + " open",
                              "export it with fixed sizes; only the first, the batch, may be symbolic");
        seen.push_back(to_int(v.dims[axis], "an extent of the input", 1, 1 << 29));
    }
    if (batched) note_batch(im, v, batch_noted);
    if (seen.size() > static_cast<std::size_t>(max_rank))
        throw model_error("input '" + v.name + "' " + dims_text(v.dims) +
                              " has more than four dimensions after the batch",
                          "reshape it before export");
    const bool image = seen.size() == 3 && !is_channels_last(readers, v.name);
    const axis_order order = image ? channels_last_order(3) : plain_order(seen.size());
    const label name = im.new_label(v.name);
    const value x = im.g.input(name, graph_shape(seen, order));
    im.values.insert_or_assign(v.name, arranged(x, seen, order, batched));
    result.inputs.push_back({v.name, text_of(name), {seen.begin(), seen.end()}, image});
}

/// The shape the file declares, where it does, must be the one that was computed.
inline void expect_declared(const importer& im, const value_info& v, const traced& t) {
    if (!v.has_shape) return;
    const std::size_t rank = source_rank(t);
    bool agrees = v.dims.size() == rank;
    for (std::size_t axis = 0; agrees && axis < rank; ++axis) {
        const bool is_batch = t.batched && axis == 0;
        const std::int64_t computed = is_batch ? im.batch : t.seen[axis - (t.batched ? 1 : 0)];
        agrees = v.dims[axis] < 0 || v.dims[axis] == computed || (is_batch && v.dims[axis] == 1);
    }
    if (agrees) return;
    std::vector<std::int64_t> computed(t.seen.begin(), t.seen.end());
    if (t.batched) computed.insert(computed.begin(), im.batch);
    throw model_error("output '" + v.name + "' is declared as " + dims_text(v.dims) + ", but the graph computes " +
                          dims_text(computed),
                      "export it with a batch of 1, and check the graph");
}

inline void add_output(importer& im, const value_info& v, imported_model& result) {
    const auto found = im.values.find(v.name);
    if (found == im.values.end())
        throw model_error("output '" + v.name + "' is a constant, or a second result that is only there in training",
                          "export it without that output");
    const traced& t = found->second;
    if (!t.gate_of.empty())
        throw model_error("output '" + v.name + "' is a HardSigmoid", "only x * HardSigmoid(x) is supported");
    expect_declared(im, v, t);
    const bool image = t.base == t.seen && t.seen.size() == 3 && t.order == channels_last_order(3);
    const bool ready = image || (is_plain(t) && elements(t.base) == elements(t.seen) && im.g.shape_of(t.id).rank == 1);
    value y = t.id;
    try {
        if (!ready) y = arrange_plain(im, t);
    } catch (const unsupported& reason) {
        throw model_error("output '" + v.name + "' is " + reason.reason, "reshape it before export");
    }
    im.g.output(y);
    result.outputs.push_back({v.name, text_of(im.g.label_of(y)), {t.seen.begin(), t.seen.end()}, image});
}

/// Decodes the initialisers that a needed node reads.
inline void add_initializers(importer& im, const model_proto& m, const std::vector<const node_proto*>& nodes) {
    std::map<std::string, const node_proto*, std::less<>> readers;
    for (const auto* n : nodes)
        for (const auto& name : n->inputs) readers.emplace(name, n);
    for (const auto& t : m.initializers) {
        const auto reader = readers.find(t.name);
        if (reader == readers.end() || find_operator(*reader->second) == nullptr) continue;
        try {
            im.constants.emplace(t.name, decode(t));
        } catch (const model_error& wrong) {
            throw model_error(node_text(*reader->second) + ": " + wrong.found, wrong.advice);
        }
    }
    for (const auto& name : m.sparse_initializers)
        if (const auto reader = readers.find(name); reader != readers.end())
            throw model_error(node_text(*reader->second) + ": tensor '" + name + "' is sparse",
                              "export it as a dense tensor");
}

/// @param  file_bytes  size of the file, which bounds what is made of it
inline imported_model import_model(const model_proto& m, std::size_t file_bytes) {
    if (!m.has_graph) throw model_error("holds no graph", "it is cut short or no ONNX file, fetch it again");
    if (m.opset < oldest_opset || m.opset > newest_opset)
        throw model_error("has the opset " + std::to_string(m.opset) + ", and " + std::to_string(oldest_opset) +
                              " to " + std::to_string(newest_opset) + " are supported",
                          "convert it with onnx.version_converter");
    const auto nodes = sorted_nodes(m);
    imported_model result;
    importer im(file_bytes);
    im.opset = m.opset;
    bool batch_noted = false;
    // Up to IR version 3 an initialiser is an input as well.
    for (const auto& t : m.initializers) im.initializers.insert(t.name);
    const auto readers = readers_of(m);
    for (const auto& v : m.inputs)
        if (!im.initializers.contains(v.name)) add_input(im, readers, v, result, batch_noted);
    for (const auto* n : nodes) im.read.insert(n->inputs.begin(), n->inputs.end());
    for (const auto& v : m.outputs) im.read.insert(v.name);
    add_initializers(im, m, nodes);
    converter each(im);
    for (const auto* n : nodes) each.convert(*n);
    each.report();
    if (m.outputs.empty()) throw model_error("has no outputs", "export it again");
    for (const auto& v : m.outputs) add_output(im, v, result);
    result.graph = im.g.finish();
    result.weights = std::move(im.weights);
    return result;
}

}  // namespace detail

}  // namespace onnx

inline imported_model import_onnx(std::span<const std::uint8_t> bytes, std::string_view file) {
    detail::expect_no_torch_file(bytes, file);
    try {
        return onnx::detail::import_model(
            onnx::parse_model({reinterpret_cast<const char*>(bytes.data()), bytes.size()}), bytes.size());
    } catch (const model_error& wrong) {
        throw error(file, wrong.found, wrong.items, wrong.advice);
    } catch (const protozero::exception& wrong) {
        throw error(file, std::string("is no readable ONNX file (") + wrong.what() + ")",
                    "it is cut short or damaged, fetch it again");
    }
}

inline imported_model import_onnx(const std::filesystem::path& file) {
    return import_onnx(read_file(file), file.string());
}

}  // namespace tensor_compress
