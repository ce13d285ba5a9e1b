// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include <compress/net/format_rules.hpp>

#include "failure.hpp"

namespace compress_model {

/// A format as the command line writes it, "int8", "int4/32" or "int8|block<4,4,80>": the names of its tags, what its
/// values are, and what it asks of layers.
struct format_name {
    std::string precision, sparsity;
    tensor_compress::element activation;
    tensor_compress::format_facts facts;
    double bits = 32;  ///< of a weight, with its part of indices and steps

    [[nodiscard]] std::string text() const { return sparsity == "dense" ? precision : precision + '|' + sparsity; }
};

namespace detail {

/// A number as people write one: decimal, without sign and leading zeros, which C++ would read as octal.
inline std::optional<int> number_of(std::string_view text) {
    const bool is_decimal = !text.empty() && text.size() < 6 && text.find_first_not_of("0123456789") == text.npos;
    if (!is_decimal || (text[0] == '0' && text.size() > 1)) return {};
    int number = 0;
    for (const char digit : text) number = 10 * number + (digit - '0');
    return number;
}

/// A pattern of weights: how many numbers it has, which it takes, and where they go in what decides over layers.
struct pattern_kind {
    std::string_view name;
    std::size_t numbers;
    bool (*takes)(const std::array<int, 3>&);
    const char* expected;
    double (*bits)(double, const std::array<int, 3>&);  ///< of a weight on average, from those of one that is stored
};

inline constexpr pattern_kind pattern_kinds[] = {
    {"n_of_m", 2, [](const auto& n) { return tensor_compress::is_n_of_m(n[0], n[1]); }, "n_of_m<2,4> or n_of_m<1,4>",
     [](double bits, const auto& n) { return (bits + 2) * n[0] / n[1]; }},
    {"unstructured", 1, [](const auto& n) { return tensor_compress::is_percent_of_zeros(n[0]); },
     "unstructured<1> to unstructured<99>, percent of zeros",
     [](double bits, const auto& n) {
         return bits == 8 ? 1 + bits * (100 - n[0]) / 100 : (bits + 16) * (100 - n[0]) / 100;
     }},
    {"block", 3,
     [](const auto& n) {
         return tensor_compress::are_block_rows(n[0]) && tensor_compress::is_block_size(n[0], n[1]) &&
                tensor_compress::is_percent_of_zeros(n[2]);
     },
     "block<outputs,inputs,percent> with 1, 2, 4, 8 or 16 outputs, 4 to 256 weights and 1 to 99 percent of zeros",
     [](double bits, const auto& n) { return (bits + 16.0 / (n[0] * n[1])) * (100 - n[2]) / 100; }},
    {"codebook", 1, [](const auto& n) { return tensor_compress::are_index_bits(n[0]); }, "codebook<2>, <3> or <4>",
     [](double, const auto& n) { return static_cast<double>(n[0]); }}};

/// The numbers between < and >; none where it is something else.
inline std::optional<std::array<int, 3>> numbers_of(std::string_view text, std::size_t count) {
    std::array<int, 3> numbers{};
    if (text.size() < 2 || text.front() != '<' || text.back() != '>') return {};
    text = text.substr(1, text.size() - 2);
    for (std::size_t i = 0; i < count; ++i) {
        const auto end = i + 1 < count ? text.find(',') : text.size();
        const auto number = end > text.size() ? std::nullopt : number_of(text.substr(0, end));
        if (!number) return {};
        numbers[i] = *number;
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return numbers;
}

inline constexpr std::string_view dense_text = "dense", speed_text = "|for_speed";

/// What a precision beside a pattern asks of layers, and the bits of a weight; nothing where there is no such pattern.
/// Of each pattern one stands for all of its kind, and has the numbers that are given.
///
/// @throws bad_input, begun by `where`, for a pattern with numbers that it does not take
template <class Precision>
std::optional<std::pair<tensor_compress::format_facts, double>> facts_with(Precision, std::string_view pattern,
                                                                           const std::string& where) {
    namespace tc = tensor_compress;
    const auto facts_of = [](auto sparsity) { return tc::facts_of<tc::format<Precision, decltype(sparsity)>>(); };
    if (pattern == dense_text) return std::pair{facts_of(tc::tag::dense{}), static_cast<double>(Precision::bits)};
    const bool is_fast = pattern.ends_with(speed_text);
    if (is_fast) pattern.remove_suffix(speed_text.size());
    const auto name = pattern.substr(0, pattern.find('<'));
    const auto kind = std::find_if(std::begin(pattern_kinds), std::end(pattern_kinds),
                                   [&](const pattern_kind& k) { return k.name == name; });
    if (kind == std::end(pattern_kinds) || (is_fast && name != "n_of_m")) return {};
    const auto numbers = numbers_of(pattern.substr(name.size()), kind->numbers);
    if (!numbers || !kind->takes(*numbers))
        throw bad_input(where + ": " + std::string(pattern) + " has numbers that " + std::string(name) +
                        " does not take; give " + kind->expected + ", in decimal");
    const int first = (*numbers)[0];
    tc::format_facts facts;
    if (name == "n_of_m" && is_fast)
        facts = first == 1 ? facts_of(tc::tag::n_of_m<1, 4, tc::tag::for_speed>{})
                           : facts_of(tc::tag::n_of_m<2, 4, tc::tag::for_speed>{});
    else if (name == "n_of_m")
        facts = first == 1 ? facts_of(tc::tag::n_of_m<1, 4>{}) : facts_of(tc::tag::n_of_m<2, 4>{});
    else if (name == "codebook")
        facts = facts_of(tc::tag::codebook<4>{}), facts.table_bits = first;
    else if (name == "block") {
        facts = facts_of(tc::tag::block<16, 4, 50>{});
        if (facts.exists) facts.rows = first, facts.columns = (*numbers)[1];
    } else {
        facts = facts_of(tc::tag::unstructured<50>{});
        if (facts.percent > 0) facts.percent = first;
    }
    return std::pair{facts, kind->bits(Precision::bits, *numbers)};
}

/// A precision of 2 to 4 bits with steps for groups of inputs; itself where there is none.
template <class Precision>
constexpr auto with_groups(Precision p) {
    using namespace tensor_compress;
    if constexpr (!requires { Precision::group; } || Precision::bits < 2 || Precision::bits > 4)
        return p;
    else if constexpr (dynamic_precision<Precision>)
        return dynamic(typename Precision::levels{} | group<32>);
    else if constexpr (weight_only_precision<Precision>)
        return weight_only(typename Precision::levels{} | group<32>);
    else
        return p | group<32>;
}

/// "int4/32" as "int4" and "32", "weight_only(int4/32)" as "weight_only(int4)" and "32"; the second is empty where
/// there is no '/'.
inline std::pair<std::string, std::string> split_group(const std::string& precision) {
    const auto slash = std::min(precision.find('/'), precision.size());
    const auto end = std::min(precision.find(')', slash), precision.size());
    const auto size = slash < end ? precision.substr(slash + 1, end - slash - 1) : "";
    return {precision.substr(0, slash) + precision.substr(end), size};
}

inline constexpr std::tuple precisions{tensor_compress::fp32,
                                       tensor_compress::int8,
                                       tensor_compress::int4,
                                       tensor_compress::int3,
                                       tensor_compress::int2,
                                       tensor_compress::ternary,
                                       tensor_compress::binary,
                                       tensor_compress::binary_activations,
                                       tensor_compress::fp16,
                                       tensor_compress::bf16,
                                       tensor_compress::weight_only(tensor_compress::int8),
                                       tensor_compress::weight_only(tensor_compress::int4),
                                       tensor_compress::dynamic(tensor_compress::int8),
                                       tensor_compress::dynamic(tensor_compress::int4)};

}  // namespace detail

/// A known precision, or one of 2 to 4 bits with the size of its groups; then perhaps a pattern.
///
/// @throws bad_input for what is none, with those there are
inline format_name find_format(std::string_view option, std::string_view written) {
    const std::string where = std::string(option) + ": the format '" + std::string(written) + "'";
    std::string text;
    for (const char c : written)
        if (c != ' ') text += c;
    const auto bar = std::min(text.find('|'), text.size());
    const std::string precision = text.substr(0, bar),
                      sparsity = bar < text.size() ? text.substr(bar + 1) : std::string(detail::dense_text);
    const bool is_grouped = precision.find('/') != std::string::npos;
    const auto [name, size] = detail::split_group(precision);
    std::string known;
    std::optional<format_name> found;
    const auto consider = [&](auto tag) {
        using tag_type = decltype(tag);
        using grouped_type = decltype(detail::with_groups(tag));
        known += (known.empty() ? "" : ", ") + std::string(tag_type::name);
        if (name != tag_type::name || (is_grouped && std::is_same_v<tag_type, grouped_type>)) return;
        const int group = detail::number_of(size).value_or(0);
        if (is_grouped && !tensor_compress::is_group_size(group))
            throw bad_input(where + " has groups of '" + size +
                            "' inputs; give a multiple of 4, in decimal, as int4/32");
        auto facts =
            is_grouped ? detail::facts_with(grouped_type{}, sparsity, where) : detail::facts_with(tag, sparsity, where);
        if (!facts) return;
        facts->first.group = group;
        found = {precision, sparsity, tag_type::activation, facts->first,
                 facts->second + (group > 0 ? 8.0 / group : 0.0)};
    };
    std::apply([&](auto... tag) { (consider(tag), ...); }, detail::precisions);
    if (found) return *found;
    throw bad_input(where + " is unknown; take one of: " + known +
                    "; with a step for each 32 inputs: int4/32, int3/32, int2/32, ternary/32, weight_only(int4/32); "
                    "with a pattern: int8|n_of_m<2,4>, int8|n_of_m<2,4>|for_speed, fp32|unstructured<90>, "
                    "fp32|block<16,1,80>, int8|codebook<4>");
}

}  // namespace compress_model
