// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <compress/graph/rewrite/keep_channels.hpp>
#include <compress/graph/rewrite/low_rank.hpp>
#include <compress/io/imported_model.hpp>
#include <compress/io/model_text.hpp>

#include "frozen_channels.hpp"
#include "techniques.hpp"

namespace compress_model {

/// A model as the command line changes it, as a value and as C++: fewer channels first, then thin layers, so that ranks
/// are those of the net that comes out.
class rewritten_model {
public:
    using graph_type = tensor_compress::model<tensor_compress::imported_capacity>;

    struct thin_layer {
        std::string before;  ///< name of the model it is a layer of
        std::string label;
        int rank;
    };

    /// @throws bad_input where a ratio changes nothing, or a layer has no such rank
    rewritten_model(const graph_type& original, const techniques& t)
        : graph_(std::make_unique<graph_type>(original)),
          text_(tensor_compress::model_text(original, "original")) {
        if (t.keep_channels) keep_channels(*t.keep_channels);
        for (const std::string& words : t.low_rank) split(words);
    }

    [[nodiscard]] const graph_type& graph() const { return *graph_; }
    /// Definitions of `original` and of each model made of the one before it.
    [[nodiscard]] const std::string& text() const { return text_; }
    /// Name of the last of them.
    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] const std::vector<thin_layer>& thin_layers() const { return thin_layers_; }

    /// Channels of all layers, when a share of them stays; in fours, which int8 kernels multiply at once.
    static graph_type with_share(const graph_type& from, double ratio) {
        namespace rewrite = tensor_compress::detail;
        const tensor_compress::channel_groups<tensor_compress::imported_capacity> groups(from);
        return rewrite::with_channels(from, groups,
                                      rewrite::sizes_of_share(from, groups, {.ratio = ratio, .multiple = 4}).of);
    }
    static bool has_same_channels(const graph_type& a, const graph_type& b) {
        for (int id = 0; id < a.count; ++id)
            if (!(a[id].output == b[id].output)) return false;
        return true;
    }

private:
    void define(const std::string& name, const std::string& expression) {
        text_ += "inline constexpr auto " + name + " = tensor_compress::" + expression + ";\n";
        name_ = name;
    }

    void keep_channels(double ratio) {
        const graph_type fewer = with_share(*graph_, ratio);
        if (has_same_channels(*graph_, fewer))
            throw bad_input("--keep-channels: a ratio of " + detail::number(ratio) + " leaves every layer as it is (" +
                            frozen_channels(*graph_).text() +
                            (has_same_channels(*graph_, with_share(*graph_, 1e-3))
                                 ? "), as any other would; leave it out"
                                 : "); give a smaller one, as channels stay in fours"));
        *graph_ = fewer;
        define("narrower", "keep_channels(original, {.ratio = " + detail::number(ratio) + ", .multiple = 4})");
    }

    void split(const std::string& words) {
        const auto equals = words.rfind('=');
        int rank = 0;
        const char* const end = words.data() + words.size();
        const bool is_number = equals != std::string::npos && equals > 0 &&
                               std::from_chars(words.data() + equals + 1, end, rank).ptr == end &&
                               equals + 1 < words.size();
        if (!is_number) throw bad_input("--low-rank: '" + words + "' is no layer with a rank; write 'label=rank'");
        const std::string label = words.substr(0, equals);
        const int id = find_layer(label);
        const auto extents = tensor_compress::matrix_of(*graph_, (*graph_)[id]);
        const int largest = tensor_compress::break_even_rank(extents);
        if (rank < 1 || rank > largest)
            throw bad_input(
                "--low-rank: a rank of " + std::to_string(rank) + " saves nothing of the " +
                std::to_string(extents.height) + " x " + std::to_string(extents.width) + " weights of " + label + "; " +
                (largest < 1 ? "leave it as it is"
                             : "give a rank from 1 to " + std::to_string(largest) + ", or leave it as it is"));
        if (label.size() + std::string("/low_rank").size() >= tensor_compress::label::capacity)
            throw bad_input(
                "--low-rank: the label '" + label +
                "' is too long for one with '/low_rank' behind it (63 characters); shorten it in the model");
        *graph_ = tensor_compress::resized<tensor_compress::imported_capacity>(
            tensor_compress::detail::split_by_rank(*graph_, id, rank));
        thin_layers_.push_back({name_, label, rank});
        define("thinner_" + std::to_string(thin_layers_.size()), "low_rank(" + name_ + ", " +
                                                                     tensor_compress::detail::quoted_text(label) +
                                                                     ", " + std::to_string(rank) + ')');
    }

    /// A layer that has a rank, by its label.
    [[nodiscard]] int find_layer(const std::string& label) const {
        const graph_type& g = *graph_;
        std::string labels;
        for (int id = 0; id < g.count; ++id) {
            const bool has_rank =
                (g[id].kind == tensor_compress::op::linear || g[id].kind == tensor_compress::op::conv2d) &&
                g[id].slide.groups == 1;
            const std::string name = tensor_compress::text_of(g[id].name);
            const bool is_split = std::any_of(thin_layers_.begin(), thin_layers_.end(), [&](const thin_layer& l) {
                return name == l.label || name == l.label + "/low_rank";
            });
            if (!has_rank || is_split) continue;
            if (name == label) return id;
            labels += (labels.empty() ? "" : ", ") + name;
        }
        throw bad_input("--low-rank: '" + label + "' is no layer that has a rank" +
                        (labels.empty() ? "; leave it out" : "; the layers are: " + labels));
    }

    std::unique_ptr<graph_type> graph_;
    std::string text_, name_ = "original";
    std::vector<thin_layer> thin_layers_;
};

}  // namespace compress_model
