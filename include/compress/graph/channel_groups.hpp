// SPDX-License-Identifier: MIT
#pragma once

#include <compress/graph/rewrite/fuse.hpp>

namespace tensor_compress {

/// Which channels of a model belong together. A residual add, a depthwise convolution and everything else that makes
/// channel c of channel c ties values: they keep the same channels or none of them. The channels of a concat are those
/// of its parts in turn. Channels that the outside world sees, or that an operator mixes in another way than by weights
/// for each of them, are fixed. Source: Fang et al. 2023, DepGraph: Towards Any Structural Pruning, section 3.
template <int Capacity>
class channel_groups {
public:
    static constexpr int max_runs = 16;  ///< parts of a concat of concats

    constexpr explicit channel_groups(const model<Capacity>& m) : count_(m.count) {
        for (int id = 0; id < m.count; ++id) group_[id] = id;
        for (int id = 0; id < m.count; ++id) see(m, id);
        for (int i = 0; i < m.output_count; ++i) fix(m.outputs[i]);
        for (int id = 0; id < m.count; ++id)
            if (fixed_[id]) fixed_[group_[id]] = true;
        for (int id = 0; id < m.count; ++id)
            if (begins(id) && is_product(m[id].kind)) has_layer_[group_[id]] = true;
    }

    /// Runs of channels that a value is made of: one, but of a concat.
    constexpr int runs(int id) const { return run_count_[id]; }
    /// The group that run `i` of a value belongs to, called by the id of its first node.
    constexpr int group(int id, int i = 0) const { return group_[runs_[id][i]]; }
    /// How often the channels of a value repeat: pixels of a flattened image, else 1.
    constexpr int repeats(int id) const { return repeats_[id]; }
    /// Whether a layer computes the channels of a group, and nothing asks for all of them.
    constexpr bool is_free(int group) const { return !fixed_[group] && has_layer_[group]; }
    /// Whether a node's own channels begin with it, rather than being those of what it reads.
    constexpr bool begins(int id) const { return run_count_[id] == 1 && runs_[id][0] == id; }

    /// Channels of a value, when group g has sizes[g].
    template <class Sizes>
    constexpr int channels(int id, const Sizes& sizes) const {
        int sum = 0;
        for (int i = 0; i < run_count_[id]; ++i) sum += sizes[static_cast<std::size_t>(group(id, i))];
        return sum * repeats_[id];
    }

private:
    constexpr void begin(int id) {
        runs_[id][0] = id;
        run_count_[id] = 1;
        repeats_[id] = 1;
    }
    constexpr void follow(int id, int source) {
        run_count_[id] = run_count_[source];
        repeats_[id] = repeats_[source];
        for (int i = 0; i < run_count_[id]; ++i) runs_[id][i] = runs_[source][i];
    }
    constexpr void fix(int id) {
        for (int i = 0; i < run_count_[id]; ++i) fixed_[runs_[id][i]] = true;
    }
    constexpr void join(int a, int b) {
        const int from = group_[a] > group_[b] ? group_[a] : group_[b];
        const int to = group_[a] > group_[b] ? group_[b] : group_[a];
        for (int id = 0; id < count_; ++id)
            if (group_[id] == from) group_[id] = to;
    }
    constexpr bool same_runs(const model<Capacity>& m, int a, int b) const {
        if (run_count_[a] != run_count_[b] || repeats_[a] != repeats_[b]) return false;
        for (int i = 0; i < run_count_[a]; ++i)
            if (m[runs_[a][i]].output.channels() != m[runs_[b][i]].output.channels()) return false;
        return true;
    }
    constexpr void tie(const model<Capacity>& m, int a, int b) {
        if (!same_runs(m, a, b)) {
            fix(a);
            fix(b);
        } else {
            for (int i = 0; i < run_count_[a]; ++i) join(runs_[a][i], runs_[b][i]);
        }
    }

    constexpr void see(const model<Capacity>& m, int id) {
        const node& n = m[id];
        const int source = n.inputs[0];
        if (n.kind == op::input || n.kind == op::constant) {
            begin(id);
            fixed_[id] = n.kind == op::input || n.output.elements() != n.output.channels();
        } else if (n.kind == op::linear || (n.kind == op::conv2d && n.slide.groups == 1)) {
            begin(id);
        } else if (n.kind == op::flatten) {
            follow(id, source);
            repeats_[id] *= m[source].output.elements() / m[source].output.channels();
        } else if (n.kind == op::concat) {
            see_concat(m, id);
        } else if (is_elementwise_pair(n.kind)) {
            see_pair(m, id);
        } else if (passes_channels(m, n)) {
            follow(id, source);
            if (n.kind == op::batch_norm && repeats_[id] > 1) fix(id);
        } else {
            for (int i = 0; i < n.input_count; ++i) fix(n.inputs[i]);
            begin(id);
            fixed_[id] = true;
        }
    }
    static constexpr bool passes_channels(const model<Capacity>& m, const node& n) {
        return n.kind == op::batch_norm || is_activation(n.kind) || n.kind == op::max_pool || n.kind == op::avg_pool ||
               n.kind == op::global_average_pool || n.kind == op::dropout || n.kind == op::pad ||
               (n.kind == op::depthwise_conv2d && n.output.channels() == m[n.inputs[0]].output.channels());
    }
    constexpr void see_pair(const model<Capacity>& m, int id) {
        const node& n = m[id];
        const bool first_is_wider = m[n.inputs[0]].output == n.output;
        const int wide = n.inputs[first_is_wider ? 0 : 1], narrow = n.inputs[first_is_wider ? 1 : 0];
        follow(id, wide);
        if (m[narrow].output.channels() == m[wide].output.channels())
            tie(m, wide, narrow);
        else
            fix(narrow);  // one number for all channels
    }
    constexpr void see_concat(const model<Capacity>& m, int id) {
        const node& n = m[id];
        if (n.axis + 1 < n.output.rank) {
            follow(id, n.inputs[0]);
            for (int i = 1; i < n.input_count; ++i) tie(m, n.inputs[0], n.inputs[i]);
            return;
        }
        int runs = 0;
        bool follows = true;
        for (int i = 0; i < n.input_count; ++i) {
            runs += run_count_[n.inputs[i]];
            follows = follows && repeats_[n.inputs[i]] == 1;
        }
        if (!follows || runs > max_runs) {
            for (int i = 0; i < n.input_count; ++i) fix(n.inputs[i]);
            begin(id);
            fixed_[id] = true;
            return;
        }
        repeats_[id] = 1;
        for (int i = 0; i < n.input_count; ++i)
            for (int run = 0; run < run_count_[n.inputs[i]]; ++run)
                runs_[id][run_count_[id]++] = runs_[n.inputs[i]][run];
    }

    int count_;
    int group_[Capacity]{};
    int runs_[Capacity][max_runs]{};
    int run_count_[Capacity]{};
    int repeats_[Capacity]{};
    bool fixed_[Capacity]{};
    bool has_layer_[Capacity]{};
};

}  // namespace tensor_compress
