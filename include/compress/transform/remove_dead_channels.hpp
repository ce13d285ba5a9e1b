// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>

#include <compress/transform/cut_channels.hpp>

namespace tensor_compress {

/// How many channels of which layers were removed.
struct removed_channels {
    struct layer {
        std::string label;
        int before = 0, after = 0;
    };
    std::vector<layer> layers;
};

namespace detail {

/// Finds, and then cuts, the channels of each value that no output of the model depends on.
template <int Capacity>
class dead_channel_remover {
public:
    dead_channel_remover(model<Capacity>& m, named_tensors& tensors) : m_(m), tensors_(tensors) {
        for (int id = 0; id < m_.count; ++id) group_.push_back(id);
        needed_.resize(static_cast<std::size_t>(m_.count));
        zero_.resize(static_cast<std::size_t>(m_.count));
    }

    removed_channels run() {
        for (int id = 0; id < m_.count; ++id) {
            if (ties_channels(id))
                for (int i = 0; i < m_[id].input_count; ++i)
                    if (channels(m_[id].inputs[i]) == channels(id)) join(id, m_[id].inputs[i]);
            find_zeros(id);
        }
        for (int id = 0; id < m_.count; ++id) needed_[at(group(id))].resize(at(channels(group(id))));
        for (int i = 0; i < m_.output_count; ++i) need_all(m_.outputs[i]);
        for (int id = 0; id < m_.count; ++id)
            if (m_[id].kind == op::input || m_[id].kind == op::constant || has_equal_groups(id)) need_all(id);
        for (changed_ = true; changed_;) {
            changed_ = false;
            for (int id = m_.count - 1; id >= 0; --id) spread_need(id);
        }
        for (auto& flags : needed_)  // a value keeps a channel at least
            if (!flags.empty() && std::none_of(flags.begin(), flags.end(), [](bool b) { return b; })) flags[0] = true;
        return cut();
    }

private:
    static std::size_t at(int i) { return static_cast<std::size_t>(i); }
    int channels(int id) const { return m_[id].output.channels(); }
    int group(int id) const { return group_[at(id)]; }
    const std::vector<bool>& needed(int id) const { return needed_[at(group(id))]; }

    /// Operators whose channel c is made of channel c of their inputs: all values they tie keep the same channels.
    bool ties_channels(int id) const {
        const op kind = m_[id].kind;
        return kind == op::batch_norm || (is_activation(kind) && kind != op::softmax) || is_elementwise_pair(kind) ||
               kind == op::max_pool || kind == op::avg_pool || kind == op::global_average_pool || kind == op::pad ||
               (kind == op::depthwise_conv2d && channels(id) == channels(m_[id].inputs[0]));
    }
    void join(int a, int b) {
        const int from = std::max(group(a), group(b)), to = std::min(group(a), group(b));
        for (int& g : group_)
            if (g == from) g = to;
    }
    void need(int id, int channel) {
        auto flag = needed_[at(group(id))][at(channel)];
        if (!flag) flag = changed_ = true;
    }
    void need_all(int id) {
        for (int c = 0; c < channels(id); ++c) need(id, c);
    }

    const array<float>* tensor(int id, const char* part) const {
        const auto found = tensors_.find(text_of(m_[id].name) + part);
        return found == tensors_.end() ? nullptr : &found->second;
    }
    /// Whether the weights between an output and an input channel are all zero; `columns` of a linear layer behind a
    /// flatten belong to channels in turn.
    bool connects(int id, int output, int input, int input_channels) const {
        const auto& w = *tensor(id, ".weight");
        const std::size_t row = w.size() / w.shape(0);
        const float* values = w.data() + at(output) * row;
        if (m_[id].kind == op::linear) {
            for (std::size_t k = at(input); k < row; k += at(input_channels))
                if (values[k] != 0.0f) return true;
            return false;
        }
        const std::size_t taps = row / w.shape(1);
        return std::any_of(values + at(input) * taps, values + at(input + 1) * taps, [](float v) { return v != 0.0f; });
    }
    /// Node whose channels the columns of a linear layer are: the image behind a flatten, or its input itself.
    int column_source(int id) const {
        const int input = m_[id].inputs[0];
        return m_[input].kind == op::flatten ? m_[input].inputs[0] : input;
    }
    bool rows_and_columns(int id) const {
        return m_[id].kind == op::linear || (m_[id].kind == op::conv2d && m_[id].slide.groups == 1);
    }

    /// Groups of outputs that have to stay as large as each other.
    bool has_equal_groups(int id) const {
        return is_product(m_[id].kind) && !rows_and_columns(id) && !ties_channels(id);
    }

    /// Channels that are zero whatever the input: no weights and no bias, or a negative bias before relu.
    void find_zeros(int id) {
        auto& zero = zero_[at(id)];
        zero.assign(at(channels(id)), false);
        const node& n = m_[id];
        if (rows_and_columns(id)) {
            const auto* bias = tensor(id, ".bias");
            const auto& w = *tensor(id, ".weight");
            const std::size_t row = w.size() / w.shape(0);
            for (int o = 0; o < channels(id); ++o) {
                const float* values = w.data() + at(o) * row;
                const float constant = bias == nullptr || !n.bias ? 0.0f : bias->data()[at(o)];
                const bool relu_only = m_.consumers(id) == 1 && !m_.is_output(id) && feeds_relu(id);
                zero[at(o)] = std::all_of(values, values + row, [](float v) { return v == 0.0f; }) &&
                              (constant == 0.0f || (constant < 0.0f && relu_only));
            }
        } else if (n.kind == op::relu || n.kind == op::relu6 || n.kind == op::max_pool || n.kind == op::avg_pool ||
                   n.kind == op::global_average_pool) {
            zero = zero_[at(n.inputs[0])];
        }
    }
    bool feeds_relu(int id) const {
        for (int other = id + 1; other < m_.count; ++other)
            if (m_[other].inputs[0] == id && m_[other].input_count > 0)
                return m_[other].kind == op::relu || m_[other].kind == op::relu6;
        return false;
    }

    void spread_need(int id) {
        const node& n = m_[id];
        if (rows_and_columns(id)) {
            const int source = column_source(id);
            const int inputs = channels(source);
            for (int c = 0; c < inputs; ++c) {
                if (needed(source)[at(c)] || zero_[at(source)][at(c)]) continue;
                for (int o = 0; o < channels(id); ++o)
                    if (needed(id)[at(o)] && connects(id, o, c, inputs)) {
                        need(source, c);
                        break;
                    }
            }
        } else if (n.kind == op::flatten) {
            // A linear layer asks the image itself; any other reader needs all of it.
            for (int other = id + 1; other < m_.count; ++other)
                for (int i = 0; i < m_[other].input_count; ++i)
                    if (m_[other].inputs[i] == id && m_[other].kind != op::linear) need_all(n.inputs[0]);
            if (m_.is_output(id)) need_all(n.inputs[0]);
            need_all(id);
        } else if (!ties_channels(id)) {
            for (int i = 0; i < n.input_count; ++i) need_all(n.inputs[i]);
        } else {
            for (int i = 0; i < n.input_count; ++i)
                if (channels(n.inputs[i]) != channels(id)) need_all(n.inputs[i]);  // one value spread over all channels
        }
    }

    std::vector<int> kept(int id) const {
        std::vector<int> list;
        for (int c = 0; c < static_cast<int>(needed(id).size()); ++c)
            if (needed(id)[at(c)]) list.push_back(c);
        return list;
    }

    removed_channels cut() {
        removed_channels report;
        kept_channels kept_of;
        for (int id = 0; id < m_.count; ++id)
            kept_of.push_back(m_[id].kind == op::flatten ? kept_of[at(m_[id].inputs[0])] : kept(id));
        tensors_ = cut_channels(m_, std::move(tensors_), kept_of);
        for (int id = 0; id < m_.count; ++id) {
            node& n = m_[id];
            if (n.kind == op::flatten) {
                n.output.extent[0] = m_[n.inputs[0]].output.elements();
                continue;
            }
            const int before = channels(id), count = static_cast<int>(kept_of[at(id)].size());
            if (count != before && is_product(n.kind)) report.layers.push_back({text_of(n.name), before, count});
            n.output.extent[n.output.rank - 1] = count;
            if (n.kind == op::depthwise_conv2d && count != before) n.slide.groups = count;
        }
        return report;
    }

    model<Capacity>& m_;
    named_tensors& tensors_;
    std::vector<int> group_;
    std::vector<std::vector<bool>> needed_;  ///< by group
    std::vector<std::vector<bool>> zero_;    ///< by node
    bool changed_ = false;
};

}  // namespace detail

/// Removes channels that no output depends on: those that every reader multiplies by zero, and those that are zero
/// whatever the input. Residual adds, depthwise convolutions and all else that ties channels keep the same ones on both
/// sides. Outputs are the same numbers as before, because only zeros leave the sums. Many trained int8 models are full
/// of such channels.
///
/// @param  m        a model made at run time, as the importer makes it; its shapes become smaller
/// @param  tensors  its weights; their rows and columns are cut
template <int Capacity>
removed_channels remove_dead_channels(model<Capacity>& m, named_tensors& tensors) {
    return detail::dead_channel_remover<Capacity>(m, tensors).run();
}

}  // namespace tensor_compress
