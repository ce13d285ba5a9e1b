// SPDX-License-Identifier: MIT
// Recipes that do not fit their model.
#include <compress/graph/builder.hpp>
#include <compress/net/net.hpp>

namespace tc = tensor_compress;

inline constexpr auto written = tc::make_model([](auto& g) {
    auto x = g.relu(g.linear("first", g.input("vector", {3}), 5));
    g.linear("head/last", x, 2);
});
inline constexpr auto fits = tc::recipe{tc::int8}.with("head/*", tc::fp32).with("first", tc::int8 | tc::dense);
static_assert(tc::net<written, fits>::arena_bytes > 0);

// reject unmatched: "a pattern of the recipe matches no layer of the model"
#if defined(CASE_unmatched)
inline constexpr auto typo = tc::recipe{tc::int8}.with("haed/*", tc::fp32);
static_assert(tc::net<written, typo>::arena_bytes > 0);
#endif

// reject second_unmatched: "a pattern of the recipe matches no layer of the model"
#if defined(CASE_second_unmatched)
inline constexpr auto typo = tc::recipe{tc::int8}.with("head/*", tc::fp32).with("[A-Z]*", tc::fp32);
static_assert(tc::net<written, typo>::arena_bytes > 0);
#endif

// reject pattern_too_long: "a_label_has_at_most_63_characters"
#if defined(CASE_pattern_too_long)
inline constexpr auto typo = tc::recipe{tc::int8}.with("a/pattern/of/sixty/four/characters/is/one/character/longer/than/*/gets", tc::fp32);
#endif

// reject no_format: "as_format"
#if defined(CASE_no_format)
inline constexpr auto typo = tc::recipe{tc::int8}.with("first", 8);
#endif

inline constexpr auto deep = tc::make_model([](auto& g) { g.conv2d("deep", g.input("image", {9, 9, 406}), 1, 9); });
inline constexpr auto all_int8 = tc::recipe{tc::int8};
static_assert(9 * 9 * 406 <= tc::max_int8_terms && 9 * 9 * 407 > tc::max_int8_terms);
static_assert(tc::net<deep, all_int8>::weights_bytes > 9 * 9 * 406);

// reject too_many_terms: "an int8 layer sums at most 32896 products, or its 32-bit sum could overflow"
#if defined(CASE_too_many_terms)
inline constexpr auto wide = tc::make_model([](auto& g) { g.linear("wide", g.input("vector", {32897}), 1); });
static_assert(tc::net<wide, all_int8>::weights_bytes > 0);
#endif

// reject too_many_taps: "an int8 layer sums at most 32896 products, or its 32-bit sum could overflow"
#if defined(CASE_too_many_taps)
inline constexpr auto deeper = tc::make_model([](auto& g) { g.conv2d("deeper", g.input("image", {9, 9, 407}), 1, 9); });
static_assert(tc::net<deeper, all_int8>::weights_bytes > 0);
#endif
