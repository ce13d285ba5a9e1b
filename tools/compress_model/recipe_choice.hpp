// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include <compress/graph/glob.hpp>
#include <compress/io/format_text.hpp>
#include <compress/io/imported_model.hpp>
#include <compress/io/model_text.hpp>
#include <compress/net/checks.hpp>

#include "format_fit.hpp"

namespace compress_model {

/// Whether layers with weights store them as integers.
inline bool stores_integers(const format_name& f) {
    return f.precision != "fp32" && f.precision != "fp16" && f.precision != "bf16";
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

    /// Gives layers that cannot have the format of --precision the nearest that they can.
    ///
    /// @return a line for each format that some layers get instead
    /// @throws bad_input where a rule of --recipe asks of a layer what it cannot have, where there is no such format,
    /// and where no layer at all can have that of --precision
    std::vector<std::string> fit(const graph& g) {
        std::vector<rule> instead;
        std::map<std::string, std::string> labels;  // by what they get
        std::string refusal;
        bool is_used = false;
        for (int id = 0; id < g.count; ++id) {
            const tensor_compress::node& n = g[id];
            const bool is_usual = &rule_of(n) == rules_.data();
            const auto& in = g[n.inputs[0]].output;
            const std::string why = refusal_of(n, in);
            if (why.empty()) {
                is_used = is_used || (is_usual && tensor_compress::is_product(n.kind));
                continue;
            }
            if (refusal.empty()) refusal = why;
            const auto nearest = is_usual ? nearest_for(n, in) : std::nullopt;
            if (!nearest) throw bad_input(why);
            const std::string label = tensor_compress::text_of(n.name);
            instead.push_back({label, *nearest});  // the importer leaves no characters of patterns in labels
            std::string& of = labels[nearest->text()];
            of += (of.empty() ? "" : ", ") + label;
        }
        if (!instead.empty() && !is_used) throw bad_input(refusal);
        const std::string usual = rules_.front().format.text();
        rules_.insert(rules_.begin() + 1, instead.begin(), instead.end());
        std::vector<std::string> lines;
        for (const auto& [format, of] : labels)
            lines.push_back("--precision: " + usual + " does not fit " + of + ", given " + format);
        return lines;
    }

    /// Training with signs needs both of them.
    ///
    /// @throws bad_input naming a layer that multiplies signs of values that are never negative
    void expect_both_signs(const graph& g) const {
        for (int id = 0; id < g.count; ++id)
            if (tensor_compress::is_product(g[id].kind) && format_of(g[id]).facts.signs &&
                tensor_compress::detail::is_never_negative(g, g[id].inputs[0]))
                throw bad_input(
                    "--qat: '" + tensor_compress::text_of(g[id].name) +
                    "' takes the signs of values that are never negative, so that all are the same; give it "
                    "binary, or leave out the activation before it");
    }

    [[nodiscard]] const format_name& format_of(const tensor_compress::node& n) const { return rule_of(n).format; }

    /// Whether any layer needs ranges of its values.
    [[nodiscard]] bool needs_calibration(const graph& g) const {
        return any_of(g, [](const tensor_compress::node&, const format_name& f) {
            return f.activation != tensor_compress::element::float32;
        });
    }

    /// Whether any layer stores integers as its weights.
    [[nodiscard]] bool has_integers(const graph& g) const {
        return any_of(g, [](const tensor_compress::node& n, const format_name& f) {
            return tensor_compress::is_product(n.kind) && stores_integers(f);
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
        for (int id = 0; id < g.count; ++id)
            if (is_wanted(g[id], format_of(g[id]))) return true;
        return false;
    }

    [[nodiscard]] const rule& rule_of(const tensor_compress::node& n) const {
        return *std::find_if(rules_.rbegin(), rules_.rend(), [&](const auto& r) { return matches(r, n); });
    }

    /// Why a layer cannot have the format that the rules give it; empty where it can.
    [[nodiscard]] std::string refusal_of(const tensor_compress::node& n, const tensor_compress::shape& in) const {
        const rule& r = rule_of(n);
        const auto why = misfit_in(r.format, n, in);
        const std::string label = tensor_compress::text_of(n.name);
        if (why.found.empty()) return "";
        const bool is_usual = &r == rules_.data();
        return std::string(is_usual ? "--precision: '" : "--recipe: '") + label + "' cannot have " + r.format.text() +
               ": " + why.found + "; " + why.advice +
               (is_usual ? ", to this layer alone by --recipe '" + label + "=...'" : "");
    }

    [[nodiscard]] std::optional<format_name> nearest_for(const tensor_compress::node& n,
                                                         const tensor_compress::shape& in) const {
        for (const std::string& text : formats_instead_of(rules_.front().format))
            if (const auto f = find_format("--precision", text); misfit_in(f, n, in).found.empty()) return f;
        return {};
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
