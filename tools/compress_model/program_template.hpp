// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>

namespace compress_model {

/// A whole word of a program's template, and what stands there in the program.
struct marker {
    std::string_view word;
    std::string by;
};

/// The template with the markers replaced. It is read once and what is put in is never looked at, because a folder or a
/// label may hold the word of a marker too.
inline std::string filled(std::string_view text, std::initializer_list<marker> markers) {
    const auto is_of_word = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    };
    std::string result;
    for (auto at = text.begin(); at != text.end();) {
        const auto word_end = std::find_if_not(at, text.end(), is_of_word);
        const std::string_view word =
            text.substr(static_cast<std::size_t>(at - text.begin()), static_cast<std::size_t>(word_end - at));
        const auto found =
            std::find_if(markers.begin(), markers.end(), [&](const marker& m) { return m.word == word; });
        found != markers.end() ? result += found->by : result += word;
        at = std::find_if(word_end, text.end(), is_of_word);
        result.append(word_end, at);
    }
    return result;
}

}  // namespace compress_model
