// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

#include <compress/graph/recipe.hpp>

namespace tensor_compress {

/// Its address is taken with every model and recipe of a net. Both compilers name it, and the object, when that object has
/// internal linkage: everything with the net in its signature would then be local to one translation unit.
template <const auto& Model>
[[gnu::weak]] void model_must_be_inline_constexpr();

namespace detail {

/// A label as a type, so that compilers print it as characters.
template <char... Text>
struct text {};

template <const auto& Recipe, int Index>
constexpr auto pattern_text() {
    return []<int... I>(std::integer_sequence<int, I...>) {
        return text<Recipe.patterns[Index].text[I]...>{};
    }(std::make_integer_sequence<int, Recipe.patterns[Index].size()>{});
}

template <class Pattern, bool Matches>
struct recipe_pattern {
    static_assert(Matches, "a pattern of the recipe matches no layer of the model: compare it with the labels in describe<net>()");
    static constexpr bool holds = Matches;
};

template <const auto& Model, const auto& Recipe>
constexpr bool check_recipe() {
    constexpr int unmatched = Recipe.first_unmatched(Model);
    if constexpr (unmatched >= 0)
        return recipe_pattern<decltype(pattern_text<Recipe, unmatched>()), false>::holds;
    else
        return true;
}

/// Two numbers as a type, for the same reason.
template <long long Bytes>
struct arena_of {};
template <long long Bytes>
struct needed {};

template <class Found, class Needed, bool Enough>
struct arena_span {
    static_assert(Enough, "the arena is too small: give it net::arena_bytes bytes, in a span, array or std::array of static size");
};

}  // namespace detail
}  // namespace tensor_compress
