// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <compress/graph/model.hpp>
#include <compress/tensor/weights.hpp>

namespace tensor_compress {

/// Nodes an imported model may have.
inline constexpr int imported_capacity = 1024;

/// One input or output of a model file, in the file's own terms.
struct imported_tensor {
    std::string name;                ///< in the file
    std::string label;               ///< of the node in the graph
    std::vector<std::size_t> shape;  ///< in the file's layout without the batch: {3, 32, 32} for NCHW
    bool channels_first =
        false;  ///< an image [C, H, W] in the file, [H, W, C] in the graph; otherwise the orders agree
};

/// A model file as a graph and the weights it names.
///
/// Weights have PyTorch's names and layouts: `<label>.weight` and `<label>.bias` of a convolution ([O, I/groups, KH,
/// KW]) or linear layer ([out, in]); `.weight .bias .running_mean .running_var` of a batch_norm; `.weight .bias` of a
/// layer_norm; `.value` of a constant, in the graph's layout. Where the source flattens an image in the order C, H, W,
/// the columns of the linear layer's weight are already those of H, W, C.
struct imported_model {
    model<imported_capacity> graph;
    named_tensors weights;
    std::vector<imported_tensor> inputs, outputs;
};

}  // namespace tensor_compress
