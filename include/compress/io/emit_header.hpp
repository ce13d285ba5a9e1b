// SPDX-License-Identifier: MIT
#pragma once

#include <charconv>
#include <filesystem>
#include <string>

#include <compress/io/bytes.hpp>
#include <compress/io/format_text.hpp>
#include <compress/io/model_text.hpp>
#include <compress/net/net.hpp>
#include <compress/tensor/packed.hpp>

namespace tensor_compress {

namespace detail {

/// Bytes as a string literal, in lines. A literal compiles 4 MB in 2.4 s and 90 MB of memory; a list of numbers takes
/// 51 s.
inline void append_literal(std::string& text, std::span<const std::int8_t> bytes) {
    constexpr std::size_t line = 96;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (i % line == 0) text += "\n    \"";
        const auto b = static_cast<unsigned char>(bytes[i]);
        if (b >= 0x20 && b < 0x7f && b != '"' && b != '\\' && b != '?') {
            text += static_cast<char>(b);
        } else {
            const char escape[] = {'\\', static_cast<char>('0' + (b >> 6)), static_cast<char>('0' + ((b >> 3) & 7)),
                                   static_cast<char>('0' + (b & 7))};
            text.append(escape, 4);
        }
        if (i % line == line - 1 || i + 1 == bytes.size()) text += '"';
    }
}

/// A float as a hexadecimal literal, which loses nothing.
inline std::string float_literal(float value) {
    char digits[48];
    const auto end = std::to_chars(digits, digits + sizeof digits, std::abs(value), std::chars_format::hex).ptr;
    return (value < 0 ? "-0x" : "0x") + std::string(digits, end) + 'f';
}

inline std::string affine_list(std::span<const affine> all) {
    std::string text = "{{";
    for (const affine& a : all)
        text += (text.size() > 2 ? ", {" : "{") + float_literal(a.scale) + ", " + std::to_string(a.zero_point) + '}';
    return text + "}}";
}

}  // namespace detail

/// A recipe as C++ source text: recipe{int8}.with("head", fp32).
///
/// @param  prefix  of the library's names
template <class... Formats>
std::string recipe_text(const recipe<Formats...>& r, std::string_view prefix = "tensor_compress::") {
    using R = recipe<Formats...>;
    const auto tag = [&](int i) { return format_text(R::precision_names[i], R::sparsity_names[i], prefix); };
    std::string text = std::string(prefix) + "recipe{" + tag(0) + '}';
    for (int i = 1; i < R::count; ++i)
        text += ".with(" + detail::quoted_text(text_of(r.patterns[i])) + ", " + tag(i) + ')';
    return text;
}

/// The text of a header that holds a converted net: model, recipe, net type and weights, in namespace `name`. It
/// includes only <compress/inference.hpp>; float weights are in it only for layers whose format is float.
template <class Net>
std::string header_text(const packed<Net>& weights, std::string_view name) {
    std::string text =
        "// " + std::string(name) + ": " + std::to_string(Net::weights_bytes) + " bytes of weights, " +
        std::to_string(Net::arena_bytes) + " bytes of arena, " + std::to_string(Net::multiply_adds) +
        " multiply-adds. Made by compress; do not edit.\n#pragma once\n\n#include <compress/inference.hpp>\n\n"
        "static_assert(COMPRESS_LAYOUT_VERSION == " +
        std::to_string(COMPRESS_LAYOUT_VERSION) +
        ", \"this header was emitted for another layout of packed weights: emit it again with the library in "
        "use\");\n\n"
        "namespace " +
        std::string(name) + " {\n\n" + model_text(Net::model, "model") +
        "\ninline constexpr auto recipe = " + recipe_text(Net::recipe) +
        ";\n\nusing net = tensor_compress::net<model, recipe>;\n\n"
        "#if defined(__GNUC__)\n#pragma GCC diagnostic push\n#pragma GCC diagnostic ignored "
        "\"-Woverlength-strings\"\n#endif\n"
        "namespace bytes {\n";
    std::string addresses;
    for (int id = 0; id < Net::node_count; ++id) {
        const auto layer = weights.layer(id);
        addresses += id == 0 ? "" : ", ";
        if (layer.empty()) {
            addresses += "nullptr";
            continue;
        }
        const std::string array = "layer_" + std::to_string(id);
        const std::string size = std::to_string(layer.size());
        addresses += "bytes::" + array;
        text += "/// " + detail::comment_text(text_of(Net::graph[id].name)) +
                "\nalignas(64) inline constexpr std::int8_t " + array + '[' + size + " + 1] =";
        detail::append_literal(text, layer);
        text += ";\nstatic_assert(net::layer<" + std::to_string(id) + ">::packed_bytes == " + size + ");\n";
    }
    text += "}  // namespace bytes\n#if defined(__GNUC__)\n#pragma GCC diagnostic pop\n#endif\n\ninline constexpr "
            "net::weights weights = net::bind({" +
            addresses + "},\n    " + detail::affine_list(weights.view().inputs) + ",\n    " +
            detail::affine_list(weights.view().outputs) + ");\n\n}  // namespace " + std::string(name) + '\n';
    return text;
}

/// Writes the header of a converted net. Its namespace is the file's stem, with `_` for what C++ does not allow in a
/// name.
///
/// @throws error when the file cannot be written; nothing is left half-written
template <class Net>
void emit_header(const packed<Net>& weights, const std::filesystem::path& file) {
    std::string name = file.stem().string();
    for (char& c : name)
        if (!detail::is_word_character(c)) c = '_';
    if (name.empty() || (name[0] >= '0' && name[0] <= '9') || detail::is_taken_word(name)) name.insert(0, "net_");
    write_text(file, header_text(weights, name));
}

}  // namespace tensor_compress
