// SPDX-License-Identifier: MIT
#pragma once

#include <map>
#include <string>
#include <vector>

#include <compress/io/onnx/operators.hpp>

namespace tensor_compress::onnx {

/// Converts the nodes; those that cannot be are collected, and what depends on them is passed over.
class converter {
public:
    explicit converter(importer& im) : im_(im) {}

    void convert(const node_proto& n) {
        const auto* known = find_operator(n);
        if (known == nullptr) return refuse(n, why_unknown(n));
        try {
            operation o(im_, n);
            known->convert(o);
        } catch (const unsupported& reason) {
            refuse(n, reason.reason);
        } catch (const depends_on_unsupported&) {
            skipped_[n.kind + ": it reads a result that is not supported"].push_back(short_name(n));
        } catch (const model_error& wrong) {
            throw model_error(node_text(n) + ": " + wrong.found, wrong.advice);
        }
    }

    /// @throws model_error that names every node that was refused, a line for each operator and reason
    void report() const {
        const auto& refused = refused_.empty() ? skipped_ : refused_;
        if (refused.empty()) return;
        std::string lines;
        for (const auto& [reason, names] : refused) {
            lines.append("\n  ").append(reason).append(" (");
            for (const auto& name : names) lines.append(&name == &names.front() ? "" : ", ").append(name);
            lines.append(")");
        }
        throw model_error("has nodes that cannot be imported:" + lines,
                          "replace them, or export the model without them");
    }

private:
    static std::string short_name(const node_proto& n) {
        return "node " + (n.name.empty() ? std::to_string(n.index) : "'" + n.name + "'");
    }
    static std::string why_unknown(const node_proto& n) {
        if (!n.domain.empty() && n.domain != "ai.onnx") return "the domain '" + n.domain + "' is not supported";
        if (n.kind == "QuantizeLinear" || n.kind == "DequantizeLinear")
            return "quantised models are not read from ONNX, import the float model";
        return "the operator is not supported";
    }
    void refuse(const node_proto& n, const std::string& reason) {
        refused_[n.kind + ": " + reason].push_back(short_name(n));
    }

    importer& im_;
    std::map<std::string, std::vector<std::string>> refused_, skipped_;
};

}  // namespace tensor_compress::onnx
