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

#include "format_name.hpp"

namespace compress_model {

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
