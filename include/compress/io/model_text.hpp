// SPDX-License-Identifier: MIT
#pragma once

#include <charconv>
#include <string>
#include <string_view>
#include <vector>

#include <compress/graph/builder.hpp>
#include <compress/io/variable_names.hpp>
#include <compress/tensor/error.hpp>
#include <compress/tensor/label_text.hpp>
#include <compress/tensor/weights.hpp>

namespace tensor_compress {

/// A model as C++ source text that builds an equal one:
///
///     inline constexpr auto NAME = tensor_compress::make_model<23>([](auto& g) {
///         auto image = g.input("image", {32, 32, 3});
///         auto stem = g.conv2d("stem", image, 16, {3, 3}, {.stride = {2, 2}});
///         ...
///
/// Variables have the names of the labels where those are C++ identifiers, else similar ones; what is the default is
/// left out.
/// @param  m     as written: before fusion and the insertion of conversions, which have no text
/// @param  name  a C++ identifier
/// @throws error for a name that is no identifier and a model that was fused
template <int Capacity>
std::string model_text(const model<Capacity>& m, std::string_view name);

namespace detail {

inline std::string quoted_text(std::string_view text) {
    static constexpr char digits[] = "01234567";
    std::string result = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool may_be_trigraph = c == '?' && result.back() == '?';
        if (c == '"' || c == '\\' || may_be_trigraph)
            result.append({'\\', c});
        else if (byte >= ' ' && byte < 0x7f)
            result.push_back(c);
        else  // three octal digits end by themselves, a hexadecimal escape would go on
            result.append({'\\', digits[byte >> 6], digits[(byte >> 3) & 7], digits[byte & 7]});
    }
    return result + '"';
}

/// A label in a comment of one line: a backslash at its end, or the trigraph of one, would take the next line with it.
inline std::string comment_text(std::string_view text) {
    std::string result(text);
    for (char& c : result)
        if (c < ' ' || c > '~' || c == '\\' || c == '?') c = '_';
    return result;
}

/// The shortest text that reads back as the same float.
inline std::string float_text(float f) {
    if (!has_finite_bits(f))
        throw error("model_text", "a parameter is NaN or infinite", "give the model finite parameters");
    char digits[32];
    const auto end = std::to_chars(digits, digits + sizeof digits, f).ptr;
    std::string text(digits, end);
    if (text.find_first_of(".e") == std::string::npos) text += ".0";
    return text + 'f';
}

inline std::string braces(const std::vector<std::string>& parts) {
    std::string text = "{";
    for (const auto& part : parts) text.append(&part == &parts.front() ? "" : ", ").append(part);
    return text + '}';
}
inline std::string braces(const int* numbers, int count) {
    std::vector<std::string> parts;
    for (int i = 0; i < count; ++i) parts.push_back(std::to_string(numbers[i]));
    return braces(parts);
}
inline std::string braces(extent2 e) { return braces({std::to_string(e.height), std::to_string(e.width)}); }
inline std::string braces(const shape& s) { return braces(s.extent, s.rank); }
inline std::string braces(const margins& p) {
    const int all[] = {p.top, p.left, p.bottom, p.right};
    return braces(all, 4);
}

inline std::string padding_text(const margins& p) {
    const bool even = p == margins{p.top, p.top, p.top, p.top};
    return even ? std::to_string(p.top) : braces(p);
}

/// ", {.stride = {2, 2}, .padding = 1}", or nothing where all are the defaults.
inline std::string options_text(const node& n, const shape& input) {
    const window& w = n.slide;
    std::vector<std::string> parts;
    const bool pools = n.kind == op::max_pool || n.kind == op::avg_pool;
    const margins usual = pools ? margins{} : resolve(same, input, w.kernel, w.stride, w.dilation);
    if (!(w.stride == (pools ? w.kernel : extent2{1, 1}))) parts.push_back(".stride = " + braces(w.stride));
    if (!(w.dilation == extent2{1, 1})) parts.push_back(".dilation = " + braces(w.dilation));
    if (w.padding != usual) parts.push_back(".padding = " + padding_text(w.padding));
    if (n.kind == op::conv2d && w.groups != 1) parts.push_back(".groups = " + std::to_string(w.groups));
    if (is_product(n.kind) && !n.bias) parts.push_back(".bias = false");
    if (w.count_padding) parts.push_back(".count_padding = true");
    return parts.empty() ? "" : ", " + braces(parts);
}

/// The arguments of a node's call between its label and inputs, and the closing parenthesis.
inline std::string arguments_text(const node& n, const shape& input) {
    switch (n.kind) {
    case op::conv2d:
        return ", " + std::to_string(n.output.channels()) + ", " + braces(n.slide.kernel) + options_text(n, input);
    case op::depthwise_conv2d: {
        const int multiplier = n.output.channels() / input.channels();
        const std::string options = options_text(n, input);
        if (multiplier == 1) return ", " + braces(n.slide.kernel) + options;
        return ", " + braces(n.slide.kernel) + (options.empty() ? ", {}" : options) + ", " + std::to_string(multiplier);
    }
    case op::linear:
        return ", " + std::to_string(n.output.channels()) + (n.bias ? "" : ", false");
    case op::batch_norm:
    case op::layer_norm:
        return n.parameter == 1e-5f ? "" : ", " + float_text(n.parameter);
    case op::dropout:
        return n.parameter == 0.5f ? "" : ", " + float_text(n.parameter);
    case op::leaky_relu:
        return n.parameter == 0.01f ? "" : ", " + float_text(n.parameter);
    case op::max_pool:
    case op::avg_pool:
        return ", " + braces(n.slide.kernel) + options_text(n, input);
    case op::reshape:
        return ", " + braces(n.output);
    case op::transpose:
        return ", " + braces(n.order, input.rank);
    case op::concat:
        return n.axis == input.rank - 1 ? "" : ", " + std::to_string(n.axis);
    case op::matmul:
        return n.transposed ? ", true" : "";
    case op::pad:
        return ", " + braces(n.cut) + (n.parameter == 0 ? "" : ", " + float_text(n.parameter));
    default:
        return "";
    }
}

/// Whether the builder gives the node this label by itself.
inline bool is_named_after_input(const node& n, const node& input) {
    const bool may_be =
        is_activation(n.kind) || is_elementwise_pair(n.kind) || n.kind == op::softmax || n.kind == op::flatten;
    return may_be && text_of(input.name) + "/" + name_of(n.kind) == text_of(n.name);
}

template <int Capacity>
std::string call_text(const model<Capacity>& m, const node& n, const std::vector<std::string>& variables) {
    std::string text = std::string("g.") + name_of(n.kind) + "(";
    if (n.input_count == 0) return text + quoted_text(text_of(n.name)) + ", " + braces(n.output) + ")";
    const node& input = m[n.inputs[0]];
    if (!is_named_after_input(n, input)) text += quoted_text(text_of(n.name)) + ", ";
    std::vector<std::string> operands;
    for (int i = 0; i < n.input_count; ++i) operands.push_back(variables[static_cast<std::size_t>(n.inputs[i])]);
    if (n.kind == op::concat)
        text += braces(operands);
    else
        for (const auto& operand : operands) text.append(&operand == &operands.front() ? "" : ", ").append(operand);
    return text + arguments_text(n, input.output) + ")";
}

inline void expect_written(const node& n) {
    if (n.kind == op::convert || n.clamp != clamp_kind::none || n.residual >= 0 || n.sum_clamp != clamp_kind::none ||
        n.folded_count > 0)
        throw error("model_text", std::string("node '") + text_of(n.name) + "' was fused, folded or inserted by a net",
                    "pass the model as it was written");
}

}  // namespace detail

template <int Capacity>
std::string model_text(const model<Capacity>& m, std::string_view name) {
    if (!detail::is_identifier(name))
        throw error("model_text", "the name '" + std::string(name) + "' is no C++ identifier",
                    "give one, in lower case");
    detail::variable_names names(name);
    std::vector<std::string> variables;
    std::string text = "inline constexpr auto " + std::string(name) + " = tensor_compress::make_model<" +
                       std::to_string(m.count) + ">([](auto& g) {\n";
    for (int id = 0; id < m.count; ++id) {
        detail::expect_written(m[id]);
        variables.push_back(names.unique(text_of(m[id].name)));
        const bool read = m.consumers(id) > 0;
        text.append("    ")
            .append(read ? "auto " + variables.back() + " = " : "")
            .append(detail::call_text(m, m[id], variables))
            .append(";\n");
    }
    for (int i = 0; i < m.output_count; ++i)
        text += "    g.output(" + variables[static_cast<std::size_t>(m.outputs[i])] + ");\n";
    return text + "});\n";
}

}  // namespace tensor_compress
