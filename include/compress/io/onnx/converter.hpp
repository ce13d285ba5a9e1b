// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <compress/io/onnx/operators.hpp>

namespace tensor_compress::onnx {

namespace detail {

/// What to write instead of an operator that is not supported.
struct replacement {
    std::string_view kind, advice;
};

inline constexpr replacement replacements[] = {
    {"DequantizeLinear", "quantised models are not read from ONNX, import the float model"},
    {"QuantizeLinear", "quantised models are not read from ONNX, import the float model"},
    {"Split", "give each part a layer of its own, a convolution or linear layer with the weights of its channels"},
};

}  // namespace detail

/// Converts the nodes. Those that cannot be are collected; what reads their results is only counted, because what it
/// would be refused for follows from them.
class converter {
public:
    explicit converter(importer& im) : im_(im) {}

    void convert(const node_proto& n) {
        const auto* known = find_operator(n);
        if (known == nullptr) return refuse(n, why_unknown(n));
        if (std::any_of(n.inputs.begin(), n.inputs.end(), [&](const auto& name) { return missing_.contains(name); }))
            return ++skipped_, mark_missing(n);
        try {
            operation o(im_, n);
            known->convert(o);
        } catch (const unsupported& reason) {
            refuse(n, reason.reason);
        } catch (const model_error& wrong) {
            throw model_error(node_text(n) + ": " + wrong.found, wrong.advice);
        }
    }

    /// @throws model_error that names the nodes that were refused, a line for each operator and reason
    void report() const {
        if (refused_.empty()) return;
        constexpr std::size_t most_lines = 30;
        std::vector<std::string> lines;
        for (const auto& [reason, names] : refused_) {
            if (lines.size() == most_lines) break;
            lines.push_back(reason + " (" + listed(names) + ")");
        }
        if (refused_.size() > most_lines)
            lines.push_back("and " + std::to_string(refused_.size() - most_lines) + " more operators and reasons");
        if (refused_count_ == most_refused)
            lines.push_back("and what comes behind these " + std::to_string(most_refused) +
                            ", which was not looked at");
        if (skipped_ > 0)
            lines.push_back(tensor_compress::detail::counted(skipped_, "more node") + " that " +
                            (skipped_ == 1 ? "needs" : "need") + " their results");
        throw model_error("has nodes that cannot be imported:", lines,
                          "replace them, or export the model without them");
    }

private:
    /// Each may have looked at a whole constant, so that without an end to them work would be nodes times constants.
    static constexpr std::size_t most_refused = 1000;

    static std::string short_name(const node_proto& n) {
        return "node " + (n.name.empty() ? std::to_string(n.index) : "'" + n.name + "'");
    }
    static std::string listed(const std::vector<std::string>& names) {
        constexpr std::size_t most = 12;
        std::string text;
        for (std::size_t i = 0; i < std::min(most, names.size()); ++i) text.append(i > 0 ? ", " : "").append(names[i]);
        return names.size() <= most ? text : text + " and " + std::to_string(names.size() - most) + " more";
    }
    std::string why_unknown(const node_proto& n) const {
        if (!n.domain.empty() && n.domain != "ai.onnx") return "the domain '" + n.domain + "' is not supported";
        const std::string text = "the operator is not supported";
        for (const auto& known : detail::replacements)
            if (known.kind == n.kind) return text + "; " + std::string(known.advice);
        const auto is_known = [&](const auto& name) {
            return name.empty() || im_.constants.contains(name) || im_.initializers.contains(name);
        };
        if (!std::all_of(n.inputs.begin(), n.inputs.end(), is_known)) return text;
        return text + "; all that it reads is known, so simplify the model before import, with onnxsim for instance";
    }
    void refuse(const node_proto& n, const std::string& reason) {
        refused_[n.kind + ": " + reason].push_back(short_name(n));
        mark_missing(n);
        if (++refused_count_ == most_refused) report();
    }
    void mark_missing(const node_proto& n) {
        for (const auto& name : n.outputs)
            if (!name.empty()) missing_.insert(name);
    }

    importer& im_;
    std::map<std::string, std::vector<std::string>> refused_;
    std::set<std::string, std::less<>> missing_;  ///< values that a refused node, or one behind it, would write
    std::size_t skipped_ = 0, refused_count_ = 0;
};

}  // namespace tensor_compress::onnx
