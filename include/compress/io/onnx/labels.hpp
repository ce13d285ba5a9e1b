// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <set>
#include <string>
#include <string_view>

#include <compress/core/label.hpp>

namespace tensor_compress {

namespace detail {

/// FNV-1a, 32 bits: the same label from the same name on every machine.
inline std::uint32_t name_hash(std::string_view name) {
    std::uint32_t hash = 2166136261u;
    for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
    return hash;
}

/// Characters that recipes give a meaning, and those that cannot be printed, become `_`.
inline std::string without_reserved(std::string_view name) {
    std::string text(name);
    for (char& c : text)
        if (std::string_view("[]*?;=").find(c) != std::string_view::npos || static_cast<unsigned char>(c) < ' ' ||
            static_cast<unsigned char>(c) >= 0x7f)
            c = '_';
    return text;
}

}  // namespace detail

/// A name as a label: reserved characters replaced; a name of more than 63 characters becomes 8 digits of a hash of all
/// of it,
/// `_` and its end, which tells more than its beginning.
inline std::string label_text(std::string_view name) {
    constexpr std::size_t longest = label::capacity - 1;
    std::string text = detail::without_reserved(name);
    if (text.size() <= longest) return text;
    char digits[10];
    std::snprintf(digits, sizeof digits, "%08x_", static_cast<unsigned>(detail::name_hash(name)));
    return digits + text.substr(text.size() - (longest - 9));
}

/// The label with this text. (The constructor of `label` is for the compiler: it does not link when it runs.)
/// @pre  at most 63 characters
inline label to_label(std::string_view text) {
    label result;
    for (const char c : text) result.text[result.length++] = c;
    return result;
}

/// Gives each node a label of its own: the second "conv" becomes "conv_2".
class label_maker {
public:
    std::string unique(std::string_view name) {
        const std::string wanted = label_text(name.empty() ? "node" : name);
        if (used_.insert(wanted).second) return wanted;
        for (int number = 2;; ++number) {
            const std::string next = label_text(wanted + "_" + std::to_string(number));
            if (used_.insert(next).second) return next;
        }
    }

private:
    std::set<std::string, std::less<>> used_;
};

}  // namespace tensor_compress
