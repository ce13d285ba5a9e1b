// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cctype>
#include <charconv>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <compress/graph/builder.hpp>
#include <compress/tensor/error.hpp>
#include <compress/tensor/weights.hpp>

namespace tensor_compress {

/// A model as C++ source text that builds an equal one:
///
///     inline constexpr auto NAME = tensor_compress::make_model<23>([](auto& g) {
///         auto image = g.input("image", {32, 32, 3});
///         auto stem = g.conv2d("stem", image, 16, {3, 3}, {.stride = {2, 2}});
///         ...
///
/// Variables have the names of the labels where those are C++ identifiers, else similar ones; what is the default is left out.
/// @param  m     as written: before fusion and the insertion of conversions, which have no text
/// @param  name  a C++ identifier
/// @throws error for a name that is no identifier and a model that was fused
template <int Capacity>
std::string model_text(const model<Capacity>& m, std::string_view name);

namespace detail {

inline bool is_word_character(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

/// Keywords, and the macros of the standard headers and common systems that look like a label.
inline bool is_taken_word(std::string_view word) {
    static constexpr std::string_view taken[] = {
        "alignas", "alignof", "and", "and_eq", "asm", "assert", "auto", "bitand", "bitor", "bool", "break", "case", "catch", "char",
        "char8_t", "char16_t", "char32_t", "class", "co_await", "co_return", "co_yield", "compl", "concept", "const", "consteval",
        "constexpr", "constinit", "const_cast", "continue", "decltype", "default", "delete", "do", "double", "dynamic_cast", "else",
        "enum", "errno", "explicit", "export", "extern", "false", "float", "for", "friend", "goto", "if", "inline", "int", "linux",
        "long", "major", "minor", "mutable", "namespace", "new", "noexcept", "not", "not_eq", "nullptr", "operator", "or", "or_eq",
        "private", "protected", "public", "register", "reinterpret_cast", "requires", "return", "short", "signed", "sizeof", "static",
        "static_assert", "static_cast", "stderr", "stdin", "stdout", "struct", "switch", "template", "tensor_compress", "this",
        "thread_local", "throw", "true", "try", "typedef", "typeid", "typename", "union", "unix", "unsigned", "using", "virtual",
        "void", "volatile", "wchar_t", "while", "xor", "xor_eq"};
    // Words in capitals may be macros (EOF, NULL, NAN, INFINITY).
    return std::find(std::begin(taken), std::end(taken), word) != std::end(taken) ||
           std::none_of(word.begin(), word.end(), [](char c) { return c >= 'a' && c <= 'z'; });
}

/// Gives each label a variable: "block1/conv.2" becomes block1_conv_2.
class variable_names {
public:
    explicit variable_names(std::string_view model_name) : used_{"g", std::string(model_name)} {}

    std::string unique(std::string_view label_of_node) {
        std::string word;
        for (const char c : label_of_node) {
            if (is_word_character(c) && c != '_')
                word.push_back(c);
            else if (!word.empty() && word.back() != '_')  // neither a leading nor a double underscore: both are reserved
                word.push_back('_');
        }
        while (!word.empty() && word.back() == '_') word.pop_back();
        if (word.empty() || (word[0] >= '0' && word[0] <= '9')) word.insert(0, "x");
        if (is_taken_word(word)) word.insert(0, "x_");
        std::string candidate = word;
        for (int number = 2; !used_.insert(candidate).second; ++number) candidate = word + "_" + std::to_string(number);
        return candidate;
    }

private:
    std::set<std::string> used_;
};

inline std::string quoted_text(std::string_view text) {
    static constexpr char digits[] = "01234567";
    std::string result = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\')
            result.append({'\\', c});
        else if (byte >= ' ' && byte < 0x7f)
            result.push_back(c);
        else  // three octal digits end by themselves, a hexadecimal escape would go on
            result.append({'\\', digits[byte >> 6], digits[(byte >> 3) & 7], digits[byte & 7]});
    }
    return result + '"';
}

/// The shortest text that reads back as the same float.
inline std::string float_text(float f) {
    if (!has_finite_bits(f)) throw error("model_text", "a parameter is NaN or infinite", "give the model finite parameters");
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
        case op::conv2d: return ", " + std::to_string(n.output.channels()) + ", " + braces(n.slide.kernel) + options_text(n, input);
        case op::depthwise_conv2d: {
            const int multiplier = n.output.channels() / input.channels();
            const std::string options = options_text(n, input);
            if (multiplier == 1) return ", " + braces(n.slide.kernel) + options;
            return ", " + braces(n.slide.kernel) + (options.empty() ? ", {}" : options) + ", " + std::to_string(multiplier);
        }
        case op::linear: return ", " + std::to_string(n.output.channels()) + (n.bias ? "" : ", false");
        case op::batch_norm: return n.parameter == 1e-5f ? "" : ", " + float_text(n.parameter);
        case op::leaky_relu: return n.parameter == 0.01f ? "" : ", " + float_text(n.parameter);
        case op::max_pool:
        case op::avg_pool: return ", " + braces(n.slide.kernel) + options_text(n, input);
        case op::reshape: return ", " + braces(n.output);
        case op::transpose: return ", " + braces(n.order, input.rank);
        case op::concat: return n.axis == input.rank - 1 ? "" : ", " + std::to_string(n.axis);
        case op::pad: return ", " + braces(n.cut) + (n.parameter == 0 ? "" : ", " + float_text(n.parameter));
        default: return "";
    }
}

/// Whether the builder gives the node this label by itself.
inline bool is_named_after_input(const node& n, const node& input) {
    const bool may_be = is_activation(n.kind) || is_elementwise_pair(n.kind) || n.kind == op::softmax || n.kind == op::flatten;
    return may_be && std::string(input.name.c_str()) + "/" + name_of(n.kind) == n.name.c_str();
}

template <int Capacity>
std::string call_text(const model<Capacity>& m, const node& n, const std::vector<std::string>& variables) {
    std::string text = std::string("g.") + name_of(n.kind) + "(";
    if (n.input_count == 0) return text + quoted_text(n.name.c_str()) + ", " + braces(n.output) + ")";
    const node& input = m[n.inputs[0]];
    if (!is_named_after_input(n, input)) text += quoted_text(n.name.c_str()) + ", ";
    std::vector<std::string> operands;
    for (int i = 0; i < n.input_count; ++i) operands.push_back(variables[static_cast<std::size_t>(n.inputs[i])]);
    if (n.kind == op::concat)
        text += braces(operands);
    else
        for (const auto& operand : operands) text.append(&operand == &operands.front() ? "" : ", ").append(operand);
    return text + arguments_text(n, input.output) + ")";
}

inline void expect_written(const node& n) {
    if (n.kind == op::convert || n.clamp != clamp_kind::none || n.residual >= 0 || n.sum_clamp != clamp_kind::none || n.folded_count > 0)
        throw error("model_text", std::string("node '") + n.name.c_str() + "' was fused, folded or inserted by a net", "pass the model as it was written");
}

}  // namespace detail

template <int Capacity>
std::string model_text(const model<Capacity>& m, std::string_view name) {
    const bool is_identifier = !name.empty() && std::all_of(name.begin(), name.end(), detail::is_word_character) &&
                               !(name[0] >= '0' && name[0] <= '9') && !detail::is_taken_word(name);
    if (!is_identifier) throw error("model_text", "the name '" + std::string(name) + "' is no C++ identifier", "give one, in lower case");
    detail::variable_names names(name);
    std::vector<std::string> variables;
    std::string text = "inline constexpr auto " + std::string(name) + " = tensor_compress::make_model<" + std::to_string(m.count) + ">([](auto& g) {\n";
    for (int id = 0; id < m.count; ++id) {
        detail::expect_written(m[id]);
        variables.push_back(names.unique(m[id].name.c_str()));
        const bool read = m.consumers(id) > 0;
        text.append("    ").append(read ? "auto " + variables.back() + " = " : "").append(detail::call_text(m, m[id], variables)).append(";\n");
    }
    for (int i = 0; i < m.output_count; ++i) text += "    g.output(" + variables[static_cast<std::size_t>(m.outputs[i])] + ");\n";
    return text + "});\n";
}

}  // namespace tensor_compress
