// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

#include <compress/io/onnx/operators/activation.hpp>
#include <compress/io/onnx/operators/arithmetic.hpp>
#include <compress/io/onnx/operators/convolution.hpp>
#include <compress/io/onnx/operators/folding.hpp>
#include <compress/io/onnx/operators/joining.hpp>
#include <compress/io/onnx/operators/linear.hpp>
#include <compress/io/onnx/operators/matrix_product.hpp>
#include <compress/io/onnx/operators/normalization.hpp>
#include <compress/io/onnx/operators/pooling.hpp>
#include <compress/io/onnx/operators/rearrangement.hpp>

namespace tensor_compress::onnx {

/// An operator of ONNX's default domain and the function that writes it into the graph.
///
/// Each function throws `unsupported` before it changes the graph where it can, and `model_error` for what no reader
/// could run.
struct supported_operator {
    std::string_view kind;
    void (*convert)(operation&);
};

inline constexpr supported_operator supported_operators[] = {
    {"Add", arithmetic_of<arithmetic::add>},
    {"AveragePool", average_pool},
    {"BatchNormalization", batch_normalization},
    {"Cast", cast},
    {"Clip", clip},
    {"Concat", concat},
    {"Constant", constant_node},
    {"Conv", convolution},
    {"Div", arithmetic_of<arithmetic::divide>},
    {"Dropout", dropout},
    {"Flatten", flatten},
    {"Gather", gather},
    {"Gemm", gemm},
    {"GlobalAveragePool", global_average_pool},
    {"HardSigmoid", hard_sigmoid},
    {"HardSwish", hard_swish},
    {"Identity", identity},
    {"LayerNormalization", layer_normalization},
    {"LeakyRelu", leaky_relu},
    {"MatMul", matrix_product},
    {"MaxPool", max_pool},
    {"Mul", arithmetic_of<arithmetic::multiply>},
    {"Pad", pad},
    {"ReduceMean", reduce_mean},
    {"Relu", relu},
    {"Reshape", reshape},
    {"Shape", shape_node},
    {"Sigmoid", sigmoid},
    {"Slice", slice},
    {"Softmax", softmax},
    {"Squeeze", squeeze},
    {"Sub", arithmetic_of<arithmetic::subtract>},
    {"Tanh", tanh},
    {"Transpose", transpose},
    {"Unsqueeze", unsqueeze},
};

/// nullptr for an operator that is not in the table, or of another domain.
inline const supported_operator* find_operator(const node_proto& n) {
    if (!n.domain.empty() && n.domain != "ai.onnx") return nullptr;
    for (const auto& known : supported_operators)
        if (known.kind == n.kind) return &known;
    return nullptr;
}

}  // namespace tensor_compress::onnx
