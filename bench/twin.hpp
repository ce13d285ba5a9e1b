// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include <compress/calibrate/calibration.hpp>
#include <compress/net/net.hpp>
#include <compress/transform/effective_weights.hpp>

namespace bench {

namespace tc = tensor_compress;

/// A node of what our net runs, with all that another engine needs to compute the same.
struct twin_node {
    tc::node node;
    tc::effective_weights weights;  ///< of products; folded, in PyTorch's layout
    tc::affine stage, value;        ///< as int8: before a fused add, and of the result
};

/// Our net as values, for engines that are given a graph node by node.
struct twin {
    std::vector<twin_node> nodes;
    int output = 0;

    bool only_linear_reads(int id) const {
        for (const twin_node& t : nodes)
            for (int i = 0; i < t.node.input_count; ++i)
                if (t.node.inputs[i] == id && t.node.kind != tc::op::linear) return false;
        return true;
    }
};

/// The lowered graph of `Net`, whose nodes all have one format: with it, fused clamps and adds are the same in FP32 and
/// INT8.
template <class Net>
twin twin_of(const tc::named_tensors& tensors, const tc::calibration& seen) {
    twin t;
    for (int id = 0; id < Net::node_count; ++id) {
        const tc::node& n = Net::graph[id];
        twin_node made{
            n, {}, tc::affine_of(Net::model, n.stage_origin, seen), tc::affine_of(Net::model, n.value_origin, seen)};
        if (tc::is_product(n.kind)) made.weights = tc::effective_weights_of(Net::model, n, tensors);
        t.nodes.push_back(std::move(made));
    }
    t.output = Net::output_id(0);
    return t;
}

}  // namespace bench
