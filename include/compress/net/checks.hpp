// SPDX-License-Identifier: MIT
#pragma once

#include <type_traits>
#include <utility>

#include <compress/graph/recipe.hpp>

namespace tensor_compress {

#if defined(__clang__)
#    pragma clang diagnostic push
#    pragma clang diagnostic error "-Wundefined-internal"
#endif
/// Refuses a model or recipe with internal linkage: everything with the net in its signature would be local to one
/// translation unit. g++ allows no weak symbol there (it looks again at each instance, because the type depends on it);
/// clang misses the definition of what is used. Both name the object.
template <const auto& Object>
struct linkage_of {
#if defined(__clang__)
    static void model_and_recipe_must_be_inline_constexpr();
#else
    [[gnu::weak]] static std::remove_reference_t<decltype((Object, 0))> model_and_recipe_must_be_inline_constexpr;
#endif
    static constexpr bool external = (static_cast<void>(&model_and_recipe_must_be_inline_constexpr), true);
};
#if defined(__clang__)
#    pragma clang diagnostic pop
#endif

namespace detail {

/// A label as a type, so that compilers print it as characters.
template <char... Text>
struct text {};

template <const auto& Recipe, int Index>
constexpr auto pattern_text() {
    return []<int... I>(std::integer_sequence<int, I...>) { return text<Recipe.patterns[Index].text[I]...>{}; }
    (std::make_integer_sequence<int, Recipe.patterns[Index].size()>{});
}

template <class Pattern, bool Matches>
struct recipe_pattern {
    static_assert(
        Matches,
        "a pattern of the recipe matches no layer of the model: compare it with the labels in describe<net>()");
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
    static_assert(
        Enough,
        "the arena is too small: give it net::arena_bytes bytes, in a span, array or std::array of static size");
};

}  // namespace detail
}  // namespace tensor_compress
