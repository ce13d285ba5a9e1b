// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <string>

namespace compress_model {

/// The sentence with which the library refuses what a recipe asks of a layer, behind the layer's label, out of the
/// messages of g++ or clang; empty where the mistake is another.
inline std::string refusal_of(const std::string& messages) {
    // Labels are packs of characters there: text<'h', 'e', 'a', 'd'>.
    const auto label_at = messages.find("text<'"), failed = messages.find("static assertion failed");
    if (label_at == std::string::npos || failed == std::string::npos) return {};
    const auto end = std::min(messages.find('\n', failed), messages.size());
    // clang says which requirement, in quotes, before the sentence.
    const auto quote = messages.find("': ", failed), colon = messages.find(": ", failed);
    const auto sentence = quote < end ? quote + 3 : colon + 2;
    if (sentence >= end) return {};
    std::string label;
    for (auto at = label_at + 6; at + 1 < messages.size() && messages[at + 1] == '\''; at += 5) {
        label += messages[at];
        if (messages.compare(at + 1, 4, "', '") != 0) break;
    }
    return label + ": " + messages.substr(sentence, end - sentence);
}

}  // namespace compress_model
