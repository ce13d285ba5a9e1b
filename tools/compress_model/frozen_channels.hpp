// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include <compress/graph/channel_groups.hpp>
#include <compress/io/imported_model.hpp>
#include <compress/tensor/label_text.hpp>

namespace compress_model {

/// Why layers keep all of their channels, by the rules of channel_groups: each layer with weights that cannot have
/// fewer, and the node that asks for all of them.
class frozen_channels {
public:
    using graph_type = tensor_compress::model<tensor_compress::imported_capacity>;

    explicit frozen_channels(const graph_type& g) : graph_(g), groups_(g) {}

    /// "first: all are read by 'mix', a conv2d of 2 groups; head: they are an output", or nothing.
    [[nodiscard]] std::string text() const {
        std::string all;
        for (int id = 0; id < graph_.count; ++id)
            if (const std::string why = reason_of(id); !why.empty())
                all += (all.empty() ? "" : "; ") + tensor_compress::text_of(graph_[id].name) + ": " + why;
        return all;
    }

private:
    [[nodiscard]] std::string reason_of(int id) const {
        if (!tensor_compress::is_product(graph_[id].kind) || !groups_.begins(id)) return "";
        const int group = groups_.group(id), channels = graph_[id].output.channels();
        if (groups_.is_free(group))
            return channels > 4 ? "" : "it has " + std::to_string(channels) + ", and they stay in fours";
        for (int i = 0; i < graph_.output_count; ++i)
            if (has_run_of(graph_.outputs[i], group)) return "they are those of an output";
        for (int reader = 0; reader < graph_.count; ++reader) {
            const tensor_compress::node& n = graph_[reader];
            if (n.kind == tensor_compress::op::input && groups_.group(reader) == group)
                return "they are tied to the input's";
            if (!mixes(reader)) continue;
            if (reader == id) return "it is " + kind_text(n);
            for (int i = 0; i < n.input_count; ++i)
                if (has_run_of(n.inputs[i], group))
                    return "all are read by '" + tensor_compress::text_of(n.name) + "', " + kind_text(n);
        }
        return "they are tied to others of another number";
    }

    /// Whether a node asks for all channels that it reads, and has channels of its own.
    [[nodiscard]] bool mixes(int id) const {
        const tensor_compress::node& n = graph_[id];
        const bool has_weights_for_each =
            n.kind == tensor_compress::op::linear || (n.kind == tensor_compress::op::conv2d && n.slide.groups == 1);
        return n.input_count > 0 && groups_.begins(id) && !groups_.is_free(groups_.group(id)) && !has_weights_for_each;
    }
    [[nodiscard]] bool has_run_of(int id, int group) const {
        for (int i = 0; i < groups_.runs(id); ++i)
            if (groups_.group(id, i) == group) return true;
        return false;
    }
    static std::string kind_text(const tensor_compress::node& n) {
        const std::string kind = tensor_compress::name_of(n.kind);
        return n.slide.groups > 1 ? "a " + kind + " of " + std::to_string(n.slide.groups) + " groups" : "a " + kind;
    }

    const graph_type& graph_;
    tensor_compress::channel_groups<tensor_compress::imported_capacity> groups_;
};

}  // namespace compress_model
