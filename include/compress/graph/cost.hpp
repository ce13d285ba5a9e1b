// SPDX-License-Identifier: MIT
#pragma once

#include <compress/graph/model.hpp>

namespace tensor_compress {

/// Terms of the sum behind one output of a convolution, linear layer or product of matrices.
template <int Capacity>
constexpr int products_per_output(const model<Capacity>& m, const node& n) {
    const shape& in = m[n.inputs[0]].output;
    const int taps = n.slide.kernel.height * n.slide.kernel.width;
    if (n.kind == op::linear || n.kind == op::matmul) return in.channels();
    if (n.kind == op::depthwise_conv2d) return taps;
    return n.kind == op::conv2d ? taps * (in.channels() / n.slide.groups) : 0;
}

/// Multiply-adds of one node; 0 for operators that are no products, as is usual in the field.
template <int Capacity>
constexpr long long multiply_adds(const model<Capacity>& m, const node& n) {
    return static_cast<long long>(products_per_output(m, n)) * n.output.elements();
}

/// Weights and biases of one node, as numbers.
template <int Capacity>
constexpr long long parameters(const model<Capacity>& m, const node& n) {
    if (n.kind == op::layer_norm) return 2 * n.output.channels();
    if (!is_product(n.kind)) return n.kind == op::constant ? n.output.elements() : 0;
    return static_cast<long long>(products_per_output(m, n) + (n.bias ? 1 : 0)) * n.output.channels();
}

template <int Capacity>
constexpr long long multiply_adds(const model<Capacity>& m) {
    long long sum = 0;
    for (int id = 0; id < m.count; ++id) sum += multiply_adds(m, m[id]);
    return sum;
}

}  // namespace tensor_compress
