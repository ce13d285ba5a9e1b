// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <compress/io/format_text.hpp>
#include <compress/io/model_text.hpp>
#include <compress/transform/sensitivity.hpp>

namespace tensor_compress {

/// What a choice of formats has to keep to.
struct format_budget {
    long long max_bytes = std::numeric_limits<long long>::max();  ///< of all weights of the net, as emitted
    double max_error = std::numeric_limits<double>::infinity();   ///< the sum of the layers' errors
};

/// A format for each layer with weights.
struct format_choice {
    struct layer {
        std::string label;
        format_cost format;
    };
    std::vector<layer> layers;  ///< in the order of the model
    long long bytes = 0;        ///< of all weights of the net, as emitted
    double error = 0;           ///< the sum of the layers' errors
    bool fits = true;           ///< whether the budget is kept
    std::string explanation;    ///< how far off it is, where it is not kept; else empty
};

namespace detail {

/// Formats for the first few layers, of which no others have both fewer bytes and a smaller error.
struct partial_choice {
    long long bytes = 0;
    double error = 0;
    std::size_t before = 0, format = 0;  ///< places among the choices of one layer less, and the layer's formats
};
inline std::string number_text(double v) {
    char digits[32];
    return {digits, std::to_chars(digits, digits + sizeof digits, v, std::chars_format::general, 4).ptr};
}

/// By bytes, growing, and so by error, falling.
using choice_front = std::vector<partial_choice>;

inline void drop_worse(choice_front& all) {
    std::sort(all.begin(), all.end(), [](const partial_choice& a, const partial_choice& b) {
        return a.bytes != b.bytes ? a.bytes < b.bytes : a.error < b.error;
    });
    std::size_t kept = 0;
    for (const partial_choice& c : all)
        if (kept == 0 || c.error < all[kept - 1].error) all[kept++] = c;
    all.resize(kept);
}

/// The choices for one layer more.
inline choice_front with_layer(const choice_front& before, const std::vector<format_cost>& formats) {
    choice_front next;
    next.reserve(before.size() * formats.size());
    for (std::size_t b = 0; b < before.size(); ++b)
        for (std::size_t f = 0; f < formats.size(); ++f)
            next.push_back({before[b].bytes + formats[f].bytes, before[b].error + formats[f].error, b, f});
    drop_worse(next);
    return next;
}

/// Place of the best choice within a budget, or of the one that comes nearest to it.
inline std::size_t best_within(const choice_front& front, const format_budget& budget) {
    const auto small = [&](const partial_choice& c) { return c.bytes <= budget.max_bytes; };
    const auto exact = [&](const partial_choice& c) { return c.error <= budget.max_error; };
    const auto end = std::partition_point(front.begin(), front.end(), small);
    if (end == front.begin()) return 0;
    const auto first = std::find_if(front.begin(), end, exact);
    const bool error_is_limited = budget.max_error < std::numeric_limits<double>::infinity();
    return static_cast<std::size_t>((error_is_limited && first != end ? first : end - 1) - front.begin());
}

/// What is wrong with the choice that comes nearest to a budget, or nothing.
inline std::string explanation_of(const format_choice& choice, const format_budget& budget) {
    if (choice.bytes > budget.max_bytes)
        return "the smallest formats take " + std::to_string(choice.bytes) + " bytes, " +
               std::to_string(choice.bytes - budget.max_bytes) + " more than the budget of " +
               std::to_string(budget.max_bytes) + "; give smaller formats to choose from, or a larger budget";
    if (choice.error > budget.max_error)
        return "the least error within the budget is " + number_text(choice.error) + ", " +
               number_text(choice.error - budget.max_error) + " more than the " + number_text(budget.max_error) +
               " asked for; give larger formats to choose from, or more bytes";
    return "";
}

}  // namespace detail

/// The formats of least summed error within so many bytes, or of fewest bytes within so much error; with both, of
/// fewest bytes within both. Exact, a knapsack with a choice for each layer: layer by layer those partial choices are
/// kept of which no other has fewer bytes and no more error, so that a format which measures worse than a smaller one
/// is never taken. A budget that cannot be kept gives the smallest choice, or within the bytes that of least error.
/// Source: Nemhauser, Ullmann 1969, Discrete Dynamic Programming and Capital Allocation, with the summed errors of Cai
/// et al. 2020, ZeroQ, section 3.2.
///
/// @throws error naming a layer that has no formats to choose from
inline format_choice choose_formats(const sensitivities& costs, const format_budget& budget) {
    std::vector<detail::choice_front> fronts{{{costs.other_bytes}}};
    for (const layer_costs& layer : costs.layers) {
        if (layer.formats.empty())
            throw error(layer.label, "no format to choose from", "add one that every layer can have, as int8");
        fronts.push_back(detail::with_layer(fronts.back(), layer.formats));
    }
    std::size_t at = detail::best_within(fronts.back(), budget);
    format_choice choice;
    choice.bytes = fronts.back()[at].bytes;
    choice.error = fronts.back()[at].error;
    for (std::size_t i = costs.layers.size(); i-- > 0;) {
        const detail::partial_choice& c = fronts[i + 1][at];
        choice.layers.insert(choice.layers.begin(), {costs.layers[i].label, costs.layers[i].formats[c.format]});
        at = c.before;
    }
    choice.explanation = detail::explanation_of(choice, budget);
    choice.fits = choice.explanation.empty();
    return choice;
}

namespace detail {

/// A label as a pattern that matches it alone.
inline std::string pattern_of(std::string_view label_text) {
    std::string text;
    for (const char c : label_text)
        text += c == '*' || c == '?' || c == '[' ? std::string{'[', c, ']'} : std::string{c};
    return text;
}

}  // namespace detail

/// A choice as the C++ text of its recipe: recipe{int4}.with("conv1", int8). The format of most layers comes first.
///
/// @param  prefix  of the library's names
inline std::string recipe_text(const format_choice& choice, std::string_view prefix = "tensor_compress::") {
    const auto tag = [&](const format_cost& f) { return format_text(f.precision, f.sparsity, prefix); };
    std::map<std::string, int> counts;
    for (const auto& layer : choice.layers) ++counts[tag(layer.format)];
    const auto most = std::max_element(counts.begin(), counts.end(),
                                       [](const auto& a, const auto& b) { return a.second < b.second; });
    if (most == counts.end())
        throw error("recipe_text", "a choice without layers", "choose formats for a model that has weights");
    std::string text = std::string(prefix) + "recipe{" + most->first + '}';
    for (const auto& layer : choice.layers)
        if (tag(layer.format) != most->first)
            text += ".with(" + detail::quoted_text(detail::pattern_of(layer.label)) + ", " + tag(layer.format) + ')';
    return text;
}

}  // namespace tensor_compress
