// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include <compress/evaluate/text_table.hpp>
#include <compress/graph/cost.hpp>
#include <compress/io/imported_model.hpp>
#include <compress/tensor/label_text.hpp>

#include "frozen_channels.hpp"
#include "recipe_choice.hpp"
#include "rewritten_model.hpp"
#include "source_records.hpp"
#include "techniques.hpp"

namespace compress_model {

/// What --explain prints: the model as it was imported and as options change it, a line for each layer; then what each
/// option does to which layers. All of it is known without a compiler.
class explanation {
public:
    using graph_type = rewritten_model::graph_type;

    explanation(const tensor_compress::imported_model& imported, const rewritten_model& model,
                const recipe_choice& recipe, const techniques& asked)
        : before_(imported.graph),
          after_(model.graph()),
          recipe_(recipe),
          asked_(asked) {
        const auto described = [](const tensor_compress::imported_tensor& t) {
            return t.name + ' ' + tensor_compress::shape_text(t.shape);
        };
        text_ =
            "reads " + described(imported.inputs.front()) + ", gives " + described(imported.outputs.front()) + "\n\n";
        const recipe_choice floats("fp32", "");
        text_ += "as imported\n\n" + table_of(before_, floats);
        if (asked.rewrites() || recipe.text() != floats.text()) text_ += "\nas changed\n\n" + table_of(after_, recipe);
        text_ += '\n';
    }

    void add(const std::string& line) { text_ += line + '\n'; }

    /// A line for each option that changes layers, in the order in which they are changed.
    void add_options(bool has_calibration) {
        if (asked_.keep_channels) add("--keep-channels: " + channels_text());
        for (const std::string& words : asked_.low_rank)
            add("--low-rank: " + words.substr(0, words.rfind('=')) + " becomes two thin layers of rank " +
                words.substr(words.rfind('=') + 1));
        if (asked_.prune)
            add("--prune: zeros are " + detail::number(*asked_.prune) + " of the weights of " + products(is_any) +
                (has_calibration ? ", where calibration records say" : ", the smallest") + "; " + stored_zeros_text());
        if (asked_.qat) add_rounding();
        if (asked_.trains() && !asked_.searches())
            add(std::string("--train: ") +
                (asked_.qat ? "with the integers of " + products(has_integers)
                            : "in floating point, all of " + products(is_any)) +
                (asked_.is_taught_by_original() ? "; the model as it was teaches"
                 : asked_.is_taught_by_other()  ? "; the teacher is " + asked_.distil_from
                                                : std::string()));
        if (!asked_.qat) add_rounding();
        if (recipe_.needs_calibration(after_))
            add(asked_.qat ? "--qat: chooses ranges of values on the records of --train"
                           : "--calibrate: ranges are chosen for the values that are int8");
    }

    [[nodiscard]] const std::string& text() const { return text_; }

private:
    void add_rounding() {
        if (asked_.rounds_on_records())
            add(std::string(asked_.ada_round ? "--ada-round" : "--gptq") + ": rounds " + products(has_integers));
    }

    static bool is_any(const format_name&) { return true; }
    static bool has_integers(const format_name& f) { return stores_integers(f); }

    /// Labels of layers with weights whose format is like that.
    template <class Predicate>
    [[nodiscard]] std::string products(const Predicate& is_wanted) const {
        std::string labels;
        for (int id = 0; id < after_.count; ++id)
            if (tensor_compress::is_product(after_[id].kind) && is_wanted(recipe_.format_of(after_[id])))
                labels += (labels.empty() ? "" : ", ") + tensor_compress::text_of(after_[id].name);
        return labels.empty() ? "no layer" : labels;
    }

    [[nodiscard]] std::string stored_zeros_text() const {
        return "not stored in " + products([](const format_name& f) { return f.facts.leaves_out; });
    }

    [[nodiscard]] std::string channels_text() const {
        std::string fewer;
        for (int id = 0; id < before_.count; ++id) {
            const auto& n = before_[id];
            const int now = after_.find(n.name) < 0 ? 0 : after_[after_.find(n.name)].output.channels();
            if (tensor_compress::is_product(n.kind) && now > 0 && now < n.output.channels())
                fewer += (fewer.empty() ? "" : ", ") + tensor_compress::text_of(n.name) + " has " +
                         std::to_string(now) + " of " + std::to_string(n.output.channels());
        }
        const std::string frozen = frozen_channels(before_).text();
        return fewer + (frozen.empty() ? "" : "; all stay in " + frozen);
    }

    static std::string shape_text(const tensor_compress::shape& s) {
        return tensor_compress::shape_text(std::vector<std::size_t>(s.extent, s.extent + s.rank));
    }

    /// Without the padding of kernels, which the compiler knows.
    static long long bytes_of(const graph_type& g, const tensor_compress::node& n, const format_name& f) {
        const long long numbers = tensor_compress::parameters(g, n), outputs = n.output.channels();
        if (!tensor_compress::is_product(n.kind)) return 4 * numbers;
        const double weights = static_cast<double>(numbers - (n.bias ? outputs : 0));
        return static_cast<long long>(weights * f.bits / 8) + 4 * outputs;
    }

    static std::string table_of(const graph_type& g, const recipe_choice& recipe) {
        tensor_compress::text_table table({"layer", "operator", "gives", "format", "bytes, about", "multiply-adds"});
        long long bytes = 0;
        for (int id = 0; id < g.count; ++id) {
            const format_name& f = recipe.format_of(g[id]);
            const bool has_weights = tensor_compress::is_product(g[id].kind);
            const bool is_float = f.activation == tensor_compress::element::float32;
            const long long own = bytes_of(g, g[id], f);
            bytes += own;
            table.add({tensor_compress::text_of(g[id].name), tensor_compress::name_of(g[id].kind),
                       shape_text(g[id].output),
                       has_weights ? f.text()
                       : is_float  ? "fp32"
                                   : "int8",
                       std::to_string(own), std::to_string(tensor_compress::multiply_adds(g, g[id]))});
        }
        table.add({"all", "", "", "", std::to_string(bytes), std::to_string(tensor_compress::multiply_adds(g))});
        return table.text();
    }

    const graph_type &before_, &after_;
    const recipe_choice& recipe_;
    const techniques& asked_;
    std::string text_;
};

}  // namespace compress_model
