// SPDX-License-Identifier: MIT
#pragma once

namespace tensor_compress {

namespace detail {

/// Whether `c` is in the set that starts after '[' at `set`; `end` becomes the character after the closing bracket.
constexpr bool in_set(const char* set, char c, const char*& end) {
    const bool negated = *set == '!';
    if (negated) ++set;
    bool found = false;
    for (bool first = true; *set != 0 && (*set != ']' || first); first = false) {
        if (set[1] == '-' && set[2] != ']' && set[2] != 0) {
            found = found || (set[0] <= c && c <= set[2]);
            set += 3;
        } else {
            found = found || *set == c;
            ++set;
        }
    }
    end = *set == ']' ? set + 1 : set;
    return found != negated;
}

}  // namespace detail

/// Whether `pattern` matches all of `text`: `*` any characters, slashes too; `?` one; `[a-c]` one of a set; `[!a]` none
/// of it. Greedy with one point of return, so the time is at most pattern times text.
constexpr bool glob_match(const char* pattern, const char* text) {
    bool has_star = false;  // not a null pointer: g++ with -fsanitize=undefined compares none in constant expressions
    const char* star = pattern;
    const char* resume = text;
    while (*text != 0) {
        if (*pattern == '*') {
            has_star = true;
            star = ++pattern;
            resume = text;
            continue;
        }
        const char* after = pattern + 1;
        const bool one = *pattern == '?' || (*pattern == '[' ? detail::in_set(pattern + 1, *text, after)
                                                             : *pattern != 0 && *pattern == *text);
        if (one) {
            pattern = after;
            ++text;
        } else if (has_star) {
            pattern = star;
            text = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*') ++pattern;
    return *pattern == 0;
}

}  // namespace tensor_compress
