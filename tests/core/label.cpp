// SPDX-License-Identifier: MIT
#include <compress/core/label.hpp>

#include <string>

#include "../catch.hpp"

namespace tc = tensor_compress;

static_assert(tc::label().empty() && tc::label().size() == 0);
static_assert(tc::label("conv1").size() == 5 && !tc::label("conv1").empty());
static_assert(tc::label("conv1") == tc::label("conv1"));
static_assert(!(tc::label("conv1") == tc::label("conv12")) && !(tc::label("conv12") == tc::label("conv1")));
static_assert(!(tc::label("") == tc::label("c")));

// Joined with a slash, except to nothing.
static_assert(tc::label("block1") / "conv1" == tc::label("block1/conv1"));
static_assert(tc::label("a") / "b" / tc::label("c/d") == tc::label("a/b/c/d"));
static_assert(tc::label() / "conv1" == tc::label("conv1"));
static_assert(tc::label("a").append("b").append("") == tc::label("ab"));

// 63 characters and the end.
constexpr tc::label longest = "123456789_123456789_123456789_123456789_123456789_123456789_123";
static_assert(tc::label::capacity == 64 && longest.size() == 63 && longest.text[63] == 0);
static_assert(tc::label("123456789_123456789_123456789_123456789_123456789_") / "123456789_12" ==
              tc::label("123456789_123456789_123456789_123456789_123456789_/123456789_12"));

TEST_CASE("a label is the text that it was made of", "[core]") {
    constexpr tc::label joined = tc::label("block1") / "conv1";
    CHECK(std::string(joined.c_str()) == "block1/conv1");
    CHECK(std::string(joined.text) == "block1/conv1");
    CHECK(std::string(longest.c_str()).size() == 63);
}
