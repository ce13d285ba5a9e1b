// SPDX-License-Identifier: MIT
#pragma once

// Text from a file, and numbers, as people read them in a message.

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <type_traits>

namespace tensor_compress {

namespace detail {

/// Bytes of the UTF-8 sequence that `text` begins with, and its code point; 0 where it begins with none (RFC 3629:
/// neither overlong, nor a surrogate, nor above U+10FFFF).
struct utf8_sequence {
    std::size_t bytes = 0;
    char32_t code = 0;
};

inline utf8_sequence first_sequence(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned lead = byte(0);
    if (lead < 0x80) return {1, lead};
    const std::size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || text.size() < bytes) return {};
    char32_t code = lead & (0xffu >> (bytes + 1));
    for (std::size_t i = 1; i < bytes; ++i) {
        if ((byte(i) & 0xc0) != 0x80) return {};
        code = code << 6 | (byte(i) & 0x3fu);
    }
    constexpr char32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    const bool is_surrogate = code >= 0xd800 && code <= 0xdfff;
    return code < smallest[bytes] || code > 0x10ffff || is_surrogate ? utf8_sequence{} : utf8_sequence{bytes, code};
}

/// Whether a terminal shows the character and nothing else: neither a control code, of which some are in two bytes, nor
/// one that is invisible or turns the direction of what follows.
inline bool is_shown(char32_t code) {
    constexpr struct {
        char32_t first, last;
    } hidden[] = {{0, 0x1f},        {0x7f, 0x9f},     {0xad, 0xad},     {0x61c, 0x61c},   {0x200b, 0x200f},
                  {0x2028, 0x202e}, {0x2060, 0x206f}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe0fff}};
    return std::none_of(std::begin(hidden), std::end(hidden),
                        [&](const auto& range) { return code >= range.first && code <= range.last; });
}

/// A run without spaces of more bytes than a path usually has: its two ends, and how much is between them.
inline std::string shortened_word(std::string_view word) {
    constexpr std::size_t longest = 300, head = 180, tail = 60;
    if (word.size() <= longest) return std::string(word);
    std::string text(word.substr(0, head));
    text.append("[").append(std::to_string(word.size() - head - tail)).append(" bytes]");
    return text.append(word.substr(word.size() - tail));
}

/// Appends text with `\x1b` and the like for what is not shown.
inline void append_shown(std::string& to, std::string_view text) {
    constexpr char digits[] = "0123456789abcdef";
    while (!text.empty()) {
        const auto next = first_sequence(text);
        const auto bytes = text.substr(0, std::max(next.bytes, std::size_t{1}));
        text.remove_prefix(bytes.size());
        if (next.bytes != 0 && is_shown(next.code))
            to.append(bytes);
        else
            for (const char c : bytes) {
                const auto byte = static_cast<unsigned char>(c);
                to.append({'\\', 'x', digits[byte >> 4], digits[byte & 15]});
            }
    }
}

}  // namespace detail

/// Text as it may reach a terminal: bytes that would not be shown become `\x1b` and the like, words of more than 300
/// bytes their two ends, and what follows 20,000 bytes is counted.
///
/// A line break is such a byte too, so that a name in a file cannot begin a line of its own.
inline std::string printable(std::string_view text) {
    constexpr std::size_t longest = 20'000;
    std::string result;
    while (!text.empty() && result.size() <= longest) {
        const auto end = std::min(text.find(' '), text.size());
        detail::append_shown(result, detail::shortened_word(text.substr(0, end)));
        if (end < text.size()) result += ' ';
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return text.empty() ? result : result + "... and " + std::to_string(text.size()) + " bytes more";
}

/// The shortest text that reads back as the same number, without an exponent where people need none: 0, 0.5, 100000,
/// 1e-05, -inf, nan.
template <class Number>
std::string number_text(Number value) {
    char digits[64];
    if constexpr (std::is_floating_point_v<Number>) {
        const Number magnitude = value < 0 ? -value : value;
        const bool is_usual = magnitude == 0 || (magnitude >= Number(1e-4) && magnitude < Number(1e7));
        const auto format = is_usual ? std::chars_format::fixed : std::chars_format::general;
        return {digits, std::to_chars(digits, digits + sizeof digits, value, format).ptr};
    } else {
        return {digits, std::to_chars(digits, digits + sizeof digits, value).ptr};
    }
}

}  // namespace tensor_compress
