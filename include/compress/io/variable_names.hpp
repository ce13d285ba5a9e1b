// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

namespace tensor_compress {

namespace detail {

inline bool is_word_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/// Keywords, and the macros of the standard headers and common systems that look like a label.
inline bool is_taken_word(std::string_view word) {
    static constexpr std::string_view taken =
        " alignas alignof and and_eq asm assert auto bitand bitor bool break case catch char char8_t "
        "char16_t char32_t class co_await co_return co_yield compl concept const consteval constexpr "
        "constinit const_cast continue decltype default delete do double dynamic_cast else enum errno "
        "explicit export extern false float for friend goto if inline int linux long main major minor mutable "
        "namespace new noexcept not not_eq nullptr operator or or_eq private protected public register "
        "reinterpret_cast requires return short signed sizeof static static_assert static_cast std stderr "
        "stdin stdout struct switch template tensor_compress this thread_local throw true try typedef "
        "typeid typename union unix unsigned using virtual void volatile wchar_t while xor xor_eq ";
    // Words in capitals may be macros (EOF, NULL, NAN, INFINITY).
    return taken.find(" " + std::string(word) + " ") != std::string_view::npos ||
           std::none_of(word.begin(), word.end(), [](char c) { return c >= 'a' && c <= 'z'; });
}

inline bool is_identifier(std::string_view word) {
    return !word.empty() && std::all_of(word.begin(), word.end(), is_word_character) &&
           !(word[0] >= '0' && word[0] <= '9') && !is_taken_word(word);
}

/// Gives each label a variable: "block1/conv.2" becomes block1_conv_2. Leading and double underscores are reserved in
/// C++.
class variable_names {
public:
    explicit variable_names(std::string_view model_name) : used_{"g", std::string(model_name)} {}

    std::string unique(std::string_view label_of_node) {
        std::string word;
        for (const char c : label_of_node) {
            if (is_word_character(c) && c != '_')
                word.push_back(c);
            else if (!word.empty() && word.back() != '_')
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

}  // namespace detail

}  // namespace tensor_compress
