// SPDX-License-Identifier: MIT
#pragma once

#include <type_traits>

#include <compress/graph/recipe.hpp>

namespace tensor_compress {

namespace detail {

/// What a format would be without its last saving: a pattern's is the dense one, that of fewer bits than eight int8,
/// that of all others fp32.
template <class Precision, class Sparsity>
constexpr auto next_larger(format<Precision, Sparsity>) {
    if constexpr (!std::is_same_v<Sparsity, tag::dense>)
        return format<Precision, tag::dense>{};
    else if constexpr (integer_precision<Precision> && !std::is_same_v<Precision, tag::int8>)
        return format<tag::int8, tag::dense>{};
    else
        return format<tag::fp32, tag::dense>{};
}

template <class... Formats>
constexpr auto next_larger(const recipe<Formats...>& r) {
    recipe<decltype(next_larger(Formats{}))...> next;
    for (int i = 0; i < r.count; ++i) next.patterns[i] = r.patterns[i];
    return next;
}

template <const auto& Recipe>
inline constexpr auto next_larger_recipe = next_larger(Recipe);

}  // namespace detail

/// The recipe with every format one larger: what a smaller one has to be compared with to be worth its while.
template <const auto& Recipe>
constexpr const auto& larger_recipe() {
    using type = std::remove_cvref_t<decltype(detail::next_larger_recipe<Recipe>)>;
    if constexpr (std::is_same_v<type, std::remove_cvref_t<decltype(all_fp32)>>)
        return all_fp32;
    else
        return detail::next_larger_recipe<Recipe>;
}

}  // namespace tensor_compress
