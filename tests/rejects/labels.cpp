// SPDX-License-Identifier: MIT
// Names of nodes.
#include <compress/graph/builder.hpp>

namespace tc = tensor_compress;

inline constexpr auto accepted = tc::make_model([](auto& g) {
    auto x = g.input("image", {4, 4, 3});
    auto y = g.relu(g.conv2d("block1/conv", x, 4, {3, 3}));
    g.output("result", g.relu(g.relu(y)));
});
static_assert(accepted.find("block1/conv/relu/relu/relu") < 0 && accepted.find("result") == 4);
static_assert(tc::label("a_label_of_exactly_sixty_three_characters_is_as_long_as_it_gets").size() == 63);

// reject used_twice: "this_label_is_used_twice"
#if defined(CASE_used_twice)
inline constexpr auto broken = tc::make_model([](auto& g) {
    auto x = g.conv2d("stem", g.input("image", {4, 4, 3}), 4, {3, 3});
    g.conv2d("stem", x, 4, {3, 3});
});
#endif

// reject output_used_twice: "this_label_is_used_twice"
#if defined(CASE_output_used_twice)
inline constexpr auto broken = tc::make_model([](auto& g) {
    g.output("image", g.relu("clamped", g.input("image", {4, 4, 3})));
});
#endif

// reject empty: "a_label_must_not_be_empty"
#if defined(CASE_empty)
inline constexpr auto broken = tc::make_model([](auto& g) { g.relu("", g.input("image", {4, 4, 3})); });
#endif

// reject reserved_character: "a_label_contains_a_character_reserved_for_recipes"
#if defined(CASE_reserved_character)
inline constexpr auto broken = tc::make_model([](auto& g) { g.relu("block[1]", g.input("image", {4, 4, 3})); });
#endif

// reject star: "a_label_contains_a_character_reserved_for_recipes"
#if defined(CASE_star)
inline constexpr auto broken = tc::make_model([](auto& g) { g.relu("every*", g.input("image", {4, 4, 3})); });
#endif

// reject too_long: "a_label_has_at_most_63_characters"
#if defined(CASE_too_long)
inline constexpr auto broken = tc::make_model([](auto& g) {
    g.relu("a_label_of_sixty_four_characters_is_one_character_longer_than_it_gets", g.input("image", {4, 4, 3}));
});
#endif

// reject joined_too_long: "a_label_has_at_most_63_characters"
#if defined(CASE_joined_too_long)
constexpr tc::label name = tc::label("a_block_whose_name_has_forty_one_letters_") / "and_a_layer_with_a_long_name";
#endif

// reject output_named_twice: "an_output_is_named_twice"
#if defined(CASE_output_named_twice)
inline constexpr auto broken = tc::make_model([](auto& g) {
    auto y = g.relu("clamped", g.input("image", {4, 4, 3}));
    g.output("first", y);
    g.output("second", y);
});
#endif
