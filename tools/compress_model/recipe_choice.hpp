// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include <compress/graph/glob.hpp>
#include <compress/io/format_text.hpp>
#include <compress/io/imported_model.hpp>
#include <compress/io/model_text.hpp>

#include "failure.hpp"

namespace compress_model {

/// A format as the command line writes it, "int8", "int4/32" or "int8|block<4,4,80>": the names of its tags, and what
/// its values are.
struct format_name {
    std::string precision, sparsity;
    tensor_compress::element activation;
};

namespace detail {

inline bool is_number(std::string_view text) {
    return !text.empty() && text.size() < 5 && text.find_first_not_of("0123456789") == std::string_view::npos;
}

/// Whether it is a pattern with as many numbers as it takes: "n_of_m<2,4>", "n_of_m<2,4>|for_speed".
inline bool is_pattern(std::string_view text) {
    const auto open = text.find('<');
    const std::string_view name = text.substr(0, open);
    constexpr std::string_view fast = "|for_speed";
    if (name == "n_of_m" && text.ends_with(fast)) text.remove_suffix(fast.size());
    const int numbers = name == "unstructured" || name == "codebook" ? 1
                        : name == "n_of_m"                           ? 2
                        : name == "block"                            ? 3
                                                                     : 0;
    if (numbers == 0 || open == std::string_view::npos || text.back() != '>') return text == "dense";
    std::string_view rest = text.substr(open + 1, text.size() - open - 2);
    for (int i = 1; i < numbers; ++i) {
        const auto comma = rest.find(',');
        if (comma == std::string_view::npos || !is_number(rest.substr(0, comma))) return false;
        rest.remove_prefix(comma + 1);
    }
    return is_number(rest);
}

}  // namespace detail

/// A known precision, or one of 2 to 4 bits with the size of its groups; then perhaps a pattern.
inline format_name find_format(std::string_view option, std::string_view written) {
    std::string text;
    for (const char c : written)
        if (c != ' ') text += c;
    const auto bar = std::min(text.find('|'), text.size());
    const std::string precision = text.substr(0, bar), sparsity = bar < text.size() ? text.substr(bar + 1) : "dense";
    std::string known;
    std::optional<format_name> found;
    const auto consider = [&](auto tag) {
        using tag_type = decltype(tag);
        constexpr bool groups = requires { tag_type::group; }
        &&tag_type::bits > 1 && tag_type::bits < 8;
        known += (known.empty() ? "" : ", ") + std::string(tag_type::name);
        // "int4/32" is int4 and "weight_only(int4/32)" weight_only(int4), with groups of 32.
        const auto slash = std::min(precision.find('/'), precision.size());
        const auto end = std::min(precision.find(')', slash), precision.size());
        const bool sized = slash < end && detail::is_number(precision.substr(slash + 1, end - slash - 1));
        if (precision.substr(0, slash) + precision.substr(end) == tag_type::name &&
            (slash == precision.size() || (groups && sized)))
            found = {precision, sparsity, tag_type::activation};
    };
    std::apply([&](auto... tag) { (consider(tag), ...); },
               std::tuple{tensor_compress::fp32, tensor_compress::int8, tensor_compress::int4, tensor_compress::int3,
                          tensor_compress::int2, tensor_compress::ternary, tensor_compress::binary,
                          tensor_compress::binary_activations, tensor_compress::fp16, tensor_compress::bf16,
                          tensor_compress::weight_only(tensor_compress::int8),
                          tensor_compress::weight_only(tensor_compress::int4),
                          tensor_compress::dynamic(tensor_compress::int8),
                          tensor_compress::dynamic(tensor_compress::int4)});
    if (found && detail::is_pattern(sparsity)) return *found;
    throw bad_input(
        std::string(option) + ": the format '" + std::string(written) + "' is unknown; take one of: " + known +
        "; with a step for each 32 inputs: int4/32, int3/32, int2/32, ternary/32, weight_only(int4/32); "
        "with a pattern: " +
        "int8|n_of_m<2,4>, int8|n_of_m<2,4>|for_speed, fp32|unstructured<90>, fp32|block<16,1,80>, int8|codebook<4>");
}

/// Which layer gets which format: that of --precision, then the patterns of --recipe, of which the last match wins.
class recipe_choice {
public:
    using graph = tensor_compress::model<tensor_compress::imported_capacity>;

    recipe_choice(const std::string& precision, const std::string& rules)
        : rules_{{"*", find_format("--precision", precision)}} {
        text_ = precision;
        if (rules.empty()) return;
        text_ += "; " + rules;
        for (std::size_t at = 0; at <= rules.size();) {
            const auto end = std::min(rules.find(';', at), rules.size());
            add(rules.substr(at, end - at));
            at = end + 1;
        }
    }

    /// @throws bad_input when a pattern matches no label, listing the labels
    void expect_matches(const graph& g) const {
        for (const auto& r : rules_) {
            bool is_matched = false;
            for (int id = 0; id < g.count; ++id) is_matched = is_matched || matches(r, g[id]);
            if (is_matched) continue;
            std::string labels;
            for (int id = 0; id < g.count; ++id) labels += (id == 0 ? "" : ", ") + tensor_compress::text_of(g[id].name);
            throw bad_input("--recipe: the pattern '" + r.pattern + "' matches no label; the labels are: " + labels);
        }
    }

    /// Whether any layer needs ranges of its values.
    [[nodiscard]] bool needs_calibration(const graph& g) const {
        return any_of(g, [](const tensor_compress::node&, const format_name& f) {
            return f.activation != tensor_compress::element::float32;
        });
    }

    /// Whether any layer stores integers as its weights.
    [[nodiscard]] bool has_integers(const graph& g) const {
        return any_of(g, [](const tensor_compress::node& n, const format_name& f) {
            return tensor_compress::is_product(n.kind) && f.precision != "fp32" && f.precision != "fp16" &&
                   f.precision != "bf16";
        });
    }

    /// As the user gave it.
    [[nodiscard]] const std::string& text() const { return text_; }

    /// tensor_compress::recipe{tensor_compress::int8}.with("head", tensor_compress::fp32)
    [[nodiscard]] std::string cpp_text() const {
        std::string text;
        for (const auto& r : rules_) {
            const std::string tag = tensor_compress::format_text(r.format.precision, r.format.sparsity);
            text += text.empty() ? "tensor_compress::recipe{" + tag + '}'
                                 : ".with(" + tensor_compress::detail::quoted_text(r.pattern) + ", " + tag + ')';
        }
        return text;
    }

private:
    struct rule {
        std::string pattern;
        format_name format;
    };

    template <class Predicate>
    bool any_of(const graph& g, const Predicate& is_wanted) const {
        for (int id = 0; id < g.count; ++id) {
            const auto last =
                std::find_if(rules_.rbegin(), rules_.rend(), [&](const auto& r) { return matches(r, g[id]); });
            if (is_wanted(g[id], last->format)) return true;
        }
        return false;
    }

    static bool matches(const rule& r, const tensor_compress::node& n) {
        return tensor_compress::glob_match(r.pattern.c_str(), n.name.c_str());
    }

    static std::string trimmed(const std::string& text) {
        const auto begin = text.find_first_not_of(' ');
        return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(' ') - begin + 1);
    }

    void add(const std::string& text) {
        const auto equals = text.rfind('=');
        if (equals == std::string::npos)
            throw bad_input("--recipe: '" + text + "' is no rule; write 'pattern=format', separated by ';'");
        const std::string pattern = trimmed(text.substr(0, equals));
        if (pattern.empty())
            throw bad_input("--recipe: '" + text +
                            "' has an empty pattern; write 'pattern=format', with '*' for all layers");
        if (pattern.size() >= tensor_compress::label::capacity)
            throw bad_input("--recipe: the pattern '" + pattern +
                            "' is longer than any label (63 characters); shorten it with '*'");
        rules_.push_back({pattern, find_format("--recipe", trimmed(text.substr(equals + 1)))});
    }

    std::vector<rule> rules_;
    std::string text_;
};

}  // namespace compress_model
