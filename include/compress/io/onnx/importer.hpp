// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <compress/io/imported_model.hpp>
#include <compress/io/onnx/labels.hpp>
#include <compress/io/onnx/layout.hpp>
#include <compress/io/onnx/order.hpp>
#include <compress/io/onnx/tensor.hpp>

namespace tensor_compress::onnx {

using tensor_compress::detail::check_export;

/// A node that is right but that this library cannot run. All of them are reported together.
struct unsupported {
    std::string reason;
};

/// What the operators of one file share.
struct importer {
    explicit importer(std::size_t file_bytes) : memory(file_bytes) {}

    memory_budget memory;
    builder<imported_capacity, importer_complaints> g;
    std::int64_t opset = 0;
    std::int64_t batch = 1;  ///< the fixed batch of the file, 1 where it is symbolic
    std::map<std::string, traced, std::less<>> values;
    std::map<std::string, constant, std::less<>> constants;
    std::set<std::string_view> initializers;       ///< names of the file's, also of those that are not in `constants`
    std::set<std::string, std::less<>> read;       ///< values of the file that a needed node reads or the file returns
    std::map<std::vector<int>, value> rearranged;  ///< transposes and reshapes that exist already
    named_tensors weights;
    label_maker labels;

    label new_label(std::string_view wanted) { return to_label(labels.unique(wanted)); }

    /// Stores a tensor of weights.
    /// @throws model_error when one is NaN or infinite, naming the file's tensor, and when there are too many
    void store(const label& owner, const char* part, array<float> tensor, std::string_view source) {
        for (std::size_t i = 0; i < tensor.size(); ++i)
            if (!tensor_compress::detail::has_finite_bits(tensor.data()[i]))
                throw model_error("tensor '" + std::string(source) + "' " + shape_text(tensor) +
                                      " holds a NaN or an infinity at index " +
                                      shape_text(tensor_compress::detail::index_at(i, shape_of(tensor))),
                                  "export the weights of a training run that did not diverge");
        memory.spend(tensor.size() * sizeof(float));
        weights.insert_or_assign(text_of(owner) + part, std::move(tensor));
    }
};

/// One node while it is converted: its operands, attributes and results.
class operation {
public:
    operation(importer& file, const node_proto& node) : im(file), node_(node) {}

    importer& im;

    [[nodiscard]] const node_proto& node() const { return node_; }
    [[nodiscard]] std::size_t input_count() const { return node_.inputs.size(); }
    [[nodiscard]] bool has_input(std::size_t i) const { return i < node_.inputs.size() && !node_.inputs[i].empty(); }
    [[nodiscard]] const std::string& input_name(std::size_t i) const {
        if (!has_input(i)) throw model_error("it has no input " + std::to_string(i), check_export);
        return node_.inputs[i];
    }

    [[nodiscard]] bool is_read(std::size_t output) const {
        return output < node_.outputs.size() && !node_.outputs[output].empty() &&
               im.read.contains(node_.outputs[output]);
    }

    /// Operand `i` if it is known while importing, else nullptr.
    [[nodiscard]] const constant* constant_at(std::size_t i) const {
        const auto found = im.constants.find(input_name(i));
        return found == im.constants.end() ? nullptr : &found->second;
    }
    /// A constant of floats; `role` says in messages what it is for.
    [[nodiscard]] const constant& floats_at(std::size_t i, const char* role) const {
        const constant* c = constant_at(i);
        if (c == nullptr) throw_not_constant(i, role);
        if (!c->is_float)
            throw model_error(std::string(role) + " '" + input_name(i) + "' is not of floats", check_export);
        return *c;
    }
    [[nodiscard]] const constant& integers_at(std::size_t i, const char* role) const {
        const constant* c = constant_at(i);
        if (c == nullptr) throw_not_constant(i, role);
        if (c->is_float)
            throw model_error(std::string(role) + " '" + input_name(i) + "' is not of integers", check_export);
        return *c;
    }
    /// Operand `i` as a value of the graph, possibly with a gate pending.
    [[nodiscard]] const traced& any_value_at(std::size_t i) const {
        const auto found = im.values.find(input_name(i));
        if (found != im.values.end()) return found->second;
        if (constant_at(i) != nullptr)
            throw unsupported{"its input '" + input_name(i) + "' is a constant; simplify the model before import"};
        throw unsupported{"it reads '" + input_name(i) +
                          "', a further result of a node of which only the first is supported"};
    }
    [[nodiscard]] const traced& value_at(std::size_t i) const {
        const traced& t = any_value_at(i);
        if (!t.gate_of.empty())
            throw unsupported{"it reads the HardSigmoid of '" + t.gate_of +
                              "', which is supported only as x * HardSigmoid(x) of that same x; write another gate as "
                              "Clip(x + 3, 0, 6) / 6"};
        return t;
    }

    [[nodiscard]] const attribute_proto* attribute(std::string_view name) const {
        for (const auto& a : node_.attributes)
            if (a.name == name) return &a;
        return nullptr;
    }
    [[nodiscard]] std::int64_t integer(std::string_view name, std::int64_t otherwise) const {
        const auto* a = attribute(name);
        // Protobuf 3 writers leave out a zero.
        return a == nullptr ? otherwise : a->integer;
    }
    [[nodiscard]] float number(std::string_view name, float otherwise) const {
        const auto* a = attribute(name);
        const float found = a == nullptr ? otherwise : a->number;
        if (!tensor_compress::detail::has_finite_bits(found))
            throw model_error("its attribute '" + std::string(name) + "' is NaN or infinite", check_export);
        return found;
    }
    [[nodiscard]] std::string text(std::string_view name, std::string_view otherwise) const {
        const auto* a = attribute(name);
        return a == nullptr ? std::string(otherwise) : a->text;
    }
    [[nodiscard]] std::vector<std::int64_t> integers(std::string_view name) const {
        const auto* a = attribute(name);
        return a == nullptr ? std::vector<std::int64_t>{} : a->integers;
    }
    /// Axes and the like, which newer opsets give as an input, older ones as an attribute.
    [[nodiscard]] std::vector<std::int64_t> integers(std::string_view name, std::size_t input) const {
        return has_input(input) ? few_integers_at(input, "the input") : integers(name);
    }
    /// A constant of one or two numbers for each axis: more would be work for each node that reads them.
    [[nodiscard]] const std::vector<std::int64_t>& few_integers_at(std::size_t i, const char* role) const {
        const auto& found = integers_at(i, role).integers.list();
        if (found.size() > 2 * most_axes)
            throw model_error(std::string(role) + " '" + input_name(i) + "' has " + std::to_string(found.size()) +
                                  " numbers, and up to " + std::to_string(2 * most_axes) + " are supported",
                              check_export);
        return found;
    }

    /// The label of what this node becomes, made unique at the first call. An unnamed activation is named after its
    /// input.
    const label& name(const char* after_input = nullptr) {
        if (name_.empty()) name_ = im.new_label(wanted_name(after_input));
        return name_;
    }
    /// The node's own name as a label that is not made unique, or nothing.
    [[nodiscard]] std::string own_name() const {
        const std::string_view full = node_.name;
        return std::string(full.substr(full.starts_with('/') ? 1 : 0));
    }

    void define(traced t, std::size_t output = 0) { im.values.insert_or_assign(output_name(output), std::move(t)); }
    /// @throws model_error when the constants of the file, or its axes, become too many
    void define(constant c, std::size_t output = 0) {
        if (c.dims.size() > most_axes)
            throw model_error("its result has " + std::to_string(c.dims.size()) + " axes, and up to " +
                                  std::to_string(most_axes) + " are supported",
                              check_export);
        im.memory.spend(c.floats.own_bytes() + c.integers.own_bytes());
        im.constants.insert_or_assign(output_name(output), std::move(c));
    }

private:
    [[noreturn]] void throw_not_constant(std::size_t i, const char* role) const {
        static_cast<void>(any_value_at(i));
        throw unsupported{std::string(role) + " '" + input_name(i) +
                          "' is computed by the model; only constants are supported there"};
    }
    [[nodiscard]] const std::string& output_name(std::size_t output) const {
        if (output >= node_.outputs.size() || node_.outputs[output].empty())
            throw model_error("it has no output " + std::to_string(output), check_export);
        return node_.outputs[output];
    }
    [[nodiscard]] std::string wanted_name(const char* after_input) const {
        if (!node_.name.empty()) return own_name();
        if (after_input != nullptr) return text_of(im.g.label_of(any_value_at(0).id)) + "/" + after_input;
        std::string lower = node_.kind;
        for (char& c : lower) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
        return lower + "_" + std::to_string(node_.index);
    }

    const node_proto& node_;
    label name_{};
};

namespace detail {

/// "[?, 3, 32]": extents of the file, of which a symbolic one is below 0.
inline std::string dims_text(const std::vector<std::int64_t>& dims) {
    std::string text = "[";
    for (const auto extent : dims)
        text.append(text.size() > 1 ? ", " : "").append(extent < 0 ? "?" : std::to_string(extent));
    return text + ']';
}

}  // namespace detail

/// A size, stride, margin or axis of the file as an int. The limits keep every later sum and product within 31 bits.
inline int to_int(std::int64_t found, const char* what, std::int64_t low = -32768, std::int64_t high = 32768) {
    if (found < low || found > high)
        throw model_error(std::string(what) + " is " + std::to_string(found) + ", outside " + std::to_string(low) +
                              " to " + std::to_string(high),
                          check_export);
    return static_cast<int>(found);
}

/// Axis of the file, batch included and negative from the end, as an axis of `seen`; -1 is the batch.
/// @param  rank  of the value, the batch included
inline int source_axis(std::int64_t axis, std::size_t rank, bool batched) {
    const auto count = static_cast<std::int64_t>(rank);
    if (axis < -count || axis >= count)
        throw model_error("it names axis " + std::to_string(axis) + " of a value with " + std::to_string(rank) +
                              " axes",
                          check_export);
    return static_cast<int>(axis < 0 ? axis + count : axis) - (batched ? 1 : 0);
}
inline std::size_t source_rank(const traced& t) { return t.seen.size() + (t.batched ? 1 : 0); }
inline int source_axis(std::int64_t axis, const traced& t) { return source_axis(axis, source_rank(t), t.batched); }

}  // namespace tensor_compress::onnx
