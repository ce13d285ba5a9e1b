// SPDX-License-Identifier: MIT
#include <compress/graph/glob.hpp>

#include <string>

#include "../catch.hpp"

namespace tc = tensor_compress;

namespace {

struct expectation {
    const char* pattern;
    const char* text;
    bool matches;
};

constexpr expectation table[] = {
    {"", "", true},
    {"", "a", false},
    {"a", "", false},
    {"conv1", "conv1", true},
    {"conv1", "conv12", false},
    {"conv12", "conv1", false},
    {"Conv", "conv", false},
    // Stars match anything, slashes too.
    {"*", "", true},
    {"*", "block1/conv1", true},
    {"**", "a", true},
    {"block*", "block1/conv1", true},
    {"block*", "a/block1", false},
    {"*/conv1", "block1/conv1", true},
    {"*/conv1", "a/b/conv1", true},
    {"*/conv1", "conv1", false},
    {"*conv1", "conv1", true},
    {"b*/c*1", "block1/conv1", true},
    {"b*/c*2", "block1/conv1", false},
    {"*a*b*", "xxaxxbxx", true},
    {"*a*b*", "xxbxxaxx", false},
    {"*ab", "aab", true},
    {"*ab", "abab", true},
    {"*abac", "ababac", true},
    {"a*a", "a", false},
    {"a*a", "aa", true},
    {"a*b*c", "abcbc", true},
    {"*aab*", "aaaaaaaaaac", false},
    // Question marks match one character.
    {"?", "a", true},
    {"?", "", false},
    {"?", "ab", false},
    {"?", "/", true},
    {"block?/conv", "block1/conv", true},
    {"block?/conv", "block12/conv", false},
    {"*?", "a", true},
    {"*?", "", false},
    // Sets match one of theirs.
    {"[abc]", "b", true},
    {"[abc]", "d", false},
    {"[abc]", "", false},
    {"[abc]x", "cx", true},
    {"block[23]/*", "block2/conv1", true},
    {"block[23]/*", "block1/conv1", false},
    {"[a-c]", "b", true},
    {"[a-c]", "c", true},
    {"[a-c]", "d", false},
    {"[a-cx-z0]", "y", true},
    {"[a-cx-z0]", "0", true},
    {"[a-cx-z0]", "-", false},
    {"[c-a]", "b", false},
    {"[!abc]", "b", false},
    {"[!abc]", "d", true},
    {"[!abc]", "", false},
    {"[!a-c]1", "d1", true},
    {"[!a-c]1", "b1", false},
    {"[-a]", "-", true},
    {"[a-]", "-", true},
    {"[a-]", "b", false},
    {"[]]", "]", true},
    {"[]a]", "a", true},
    {"[!]]", "]", false},
    {"[!]]", "a", true},
    {"[a!]", "!", true},
    {"*[0-9]", "layer12", true},
    {"*[0-9]", "layer", false},
    {"[[]", "[", true},
    {"[*]", "*", true},
    {"[*]", "a", false},
    // A set that is never closed goes to the end.
    {"[ab", "a", true},
    {"[ab", "c", false},
};

constexpr int first_wrong() {
    for (int i = 0; i < static_cast<int>(std::size(table)); ++i)
        if (tc::glob_match(table[i].pattern, table[i].text) != table[i].matches) return i;
    return -1;
}
static_assert(first_wrong() == -1);

}  // namespace

TEST_CASE("patterns match what they say", "[graph]") {
    for (const expectation& e : table) {
        INFO(e.pattern << " against " << e.text);
        CHECK(tc::glob_match(e.pattern, e.text) == e.matches);
    }
}

TEST_CASE("many stars do not take long", "[graph]") {
    const std::string text(60, 'a');
    CHECK_FALSE(tc::glob_match("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", text.c_str()));
    CHECK(tc::glob_match("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*", text.c_str()));
}
