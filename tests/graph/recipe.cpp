// SPDX-License-Identifier: MIT
#include <compress/graph/recipe.hpp>

#include <compress/graph/builder.hpp>

#include <string_view>
#include <type_traits>

#include "../catch.hpp"

namespace tc = tensor_compress;

constexpr auto written = tc::make_model([](auto& g) {
    auto x = g.linear("stem", g.input("x", {4}), 4);
    for (const char* name : {"block1", "block2", "block3"}) x = g.relu(g.linear(tc::label(name) / "linear", x, 4));
    g.linear("head", x, 2);
});

constexpr auto one = tc::recipe{tc::int8};
static_assert(one.count == 1 && one.patterns[0] == tc::label("*"));
static_assert(one.select("anything") == 0 && one.first_unmatched(written) == -1);

// The last match wins.
constexpr auto three = one.with("block*", tc::fp32).with("block[23]/*", tc::int8 | tc::dense).with("*/relu", tc::fp32);
static_assert(three.count == 4);
static_assert(three.select("stem") == 0);
static_assert(three.select("block1/linear") == 1);
static_assert(three.select("block2/linear") == 2 && three.select("block3/linear") == 2);
static_assert(three.select("block3/linear/relu") == 3);
static_assert(three.first_unmatched(written) == -1);

// Of a recipe whose patterns match nothing the first is named.
constexpr auto misspelt = one.with("nothing", tc::fp32);
constexpr auto misspelt_twice = three.with("block4/*", tc::fp32).with("block5/*", tc::fp32);
constexpr auto of_input = one.with("x", tc::fp32);  // inputs have labels, too
static_assert(misspelt.first_unmatched(written) == 1 && misspelt_twice.first_unmatched(written) == 4 &&
              of_input.first_unmatched(written) == -1);

// Formats stay types.
using recipe_type = std::remove_const_t<decltype(three)>;
static_assert(std::is_same_v<tc::format_of<recipe_type, 0>, tc::format<tc::tag::int8, tc::tag::dense>>);
static_assert(std::is_same_v<tc::format_of<recipe_type, 1>, tc::format<tc::tag::fp32, tc::tag::dense>>);
static_assert(std::is_same_v<tc::format_of<recipe_type, 3>, tc::format<tc::tag::fp32, tc::tag::dense>>);
static_assert(tc::all_fp32.count == 1 && tc::all_fp32.elements[0] == tc::element::float32);

TEST_CASE("formats are told by name and element", "[graph]") {
    CHECK(std::string_view(three.precision_names[0]) == "int8");
    CHECK(std::string_view(three.precision_names[1]) == "fp32");
    CHECK(std::string_view(three.sparsity_names[2]) == "dense");
    CHECK(three.elements[2] == tc::element::signed8);
    CHECK(three.elements[3] == tc::element::float32);
}
