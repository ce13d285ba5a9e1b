// SPDX-License-Identifier: MIT
#pragma once

#include <type_traits>

#include <compress/graph/glob.hpp>
#include <compress/graph/model.hpp>

namespace tensor_compress {

/// Which format each layer of a model gets: a default, then patterns over labels of which the last match wins.
/// `recipe{int8}.with("head", fp32)`; declare it `inline constexpr`.
template <class... Formats>
struct recipe {
    static constexpr int count = static_cast<int>(sizeof...(Formats));
    label patterns[sizeof...(Formats)]{};

    constexpr recipe() = default;
    template <class Tag>
    requires(sizeof...(Formats) == 1) constexpr explicit recipe(Tag) { patterns[0] = "*"; }

    /// This recipe with one more rule. `pattern` is a glob: `*` matches slashes too, `?`, `[abc]`, `[a-c]`, `[!a]`.
    template <class Tag>
    constexpr auto with(label pattern, Tag tag) const {
        static_assert(
            requires { as_format(tag); },
            "a rule of a recipe needs a format: tc::int8, tc::fp32, tc::int8 | tc::dense");
        recipe<Formats..., decltype(as_format(tag))> longer;
        for (int i = 0; i < count; ++i) longer.patterns[i] = patterns[i];
        longer.patterns[count] = pattern;
        return longer;
    }

    /// Index of the format of the layer with that label.
    constexpr int select(const label& name) const {
        for (int i = count - 1; i > 0; --i)
            if (glob_match(patterns[i].text, name.text)) return i;
        return 0;
    }

    /// Index of the first pattern that matches no node, or -1.
    template <int Capacity>
    constexpr int first_unmatched(const model<Capacity>& m) const {
        for (int i = 0; i < count; ++i) {
            bool matched = false;
            for (int id = 0; id < m.count && !matched; ++id) matched = glob_match(patterns[i].text, m[id].name.text);
            if (!matched) return i;
        }
        return -1;
    }

    static constexpr element elements[sizeof...(Formats)] = {Formats::precision::activation...};
    static constexpr const char* precision_names[sizeof...(Formats)] = {Formats::precision::name...};
    static constexpr const char* sparsity_names[sizeof...(Formats)] = {Formats::sparsity::name...};
    /// Formats whose layers read values that are quantised at run time.
    static constexpr bool quantizes[sizeof...(Formats)] = {dynamic_precision<typename Formats::precision>...};
    /// Formats whose kernels compute some rows of an image as fast as all: those that unpack no pattern first, and do
    /// not have to see all values before.
    static constexpr bool by_rows[sizeof...(Formats)] = {std::is_same_v<typename Formats::sparsity, tag::dense> &&
                                                         !dynamic_precision<typename Formats::precision>...};
};

template <class Tag>
recipe(Tag) -> recipe<decltype(as_format(Tag{}))>;

/// Everything in 32-bit floating point.
inline constexpr recipe all_fp32{fp32};

namespace detail {

template <int Index, class First, class... Rest>
struct nth : nth<Index - 1, Rest...> {};
template <class First, class... Rest>
struct nth<0, First, Rest...> {
    using type = First;
};

template <int Index, class Recipe>
struct recipe_format;
template <int Index, class... Formats>
struct recipe_format<Index, recipe<Formats...>> : nth<Index, Formats...> {};

}  // namespace detail

/// The format with that index, as a type.
template <class Recipe, int Index>
using format_of = typename detail::recipe_format<Index, Recipe>::type;

}  // namespace tensor_compress
