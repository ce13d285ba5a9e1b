// SPDX-License-Identifier: MIT
#pragma once

#include <compress/core/activation.hpp>
#include <compress/core/label.hpp>
#include <compress/core/precision.hpp>
#include <compress/core/shape.hpp>

namespace tensor_compress {

/// Operators of a model. The last two are never written by a user: a net inserts `convert` where precisions meet, and
/// `quantize_range` before layers whose values are quantised at run time.
enum class op : unsigned char {
    input,
    constant,
    conv2d,
    depthwise_conv2d,
    linear,
    batch_norm,
    add,
    mul,
    relu,
    relu6,
    leaky_relu,
    sigmoid,
    tanh,
    hard_swish,
    softmax,
    max_pool,
    avg_pool,
    global_average_pool,
    flatten,
    reshape,
    transpose,
    concat,
    pad,
    layer_norm,
    matmul,
    dropout,
    convert,
    quantize_range,
};

constexpr const char* name_of(op kind) {
    constexpr const char* names[] = {"input",      "constant",
                                     "conv2d",     "depthwise_conv2d",
                                     "linear",     "batch_norm",
                                     "add",        "mul",
                                     "relu",       "relu6",
                                     "leaky_relu", "sigmoid",
                                     "tanh",       "hard_swish",
                                     "softmax",    "max_pool",
                                     "avg_pool",   "global_average_pool",
                                     "flatten",    "reshape",
                                     "transpose",  "concat",
                                     "pad",        "layer_norm",
                                     "matmul",     "dropout",
                                     "convert",    "quantize_range"};
    return names[static_cast<int>(kind)];
}

constexpr bool is_product(op kind) { return kind == op::conv2d || kind == op::depthwise_conv2d || kind == op::linear; }
constexpr bool is_activation(op kind) { return kind >= op::relu && kind <= op::hard_swish; }
constexpr bool is_elementwise_pair(op kind) { return kind == op::add || kind == op::mul; }

/// Operators that only move or select values: their int8 output has the scale and zero point of their input.
constexpr bool keeps_quantization(op kind) {
    return kind == op::max_pool || kind == op::avg_pool || kind == op::global_average_pool || kind == op::flatten ||
           kind == op::reshape || kind == op::transpose || kind == op::pad || kind == op::dropout;
}

inline constexpr int max_inputs = 8;
inline constexpr int max_folded = 4;

/// Rows and columns added around an image, or cut off it.
struct margins {
    int top = 0, left = 0, bottom = 0, right = 0;
    friend constexpr bool operator==(const margins&, const margins&) = default;
};

/// Geometry of everything that slides a window: kernel, stride, dilation, padding, groups.
struct window {
    extent2 kernel{1, 1};
    extent2 stride{1, 1};
    extent2 dilation{1, 1};
    margins padding{};
    int groups = 1;
    bool count_padding = false;  ///< avg_pool: zeros of the padding count in the divisor
    friend constexpr bool operator==(const window&, const window&) = default;
};

/// One operator of a model: what it computes, from which nodes, and the shape of the result.
struct node {
    op kind = op::input;
    label name{};
    int inputs[max_inputs]{};
    int input_count = 0;
    shape output{};
    window slide{};
    bool bias = true;
    float parameter = 0;      ///< leaky_relu: slope below 0; batch_norm, layer_norm: epsilon; pad: value; dropout: rate
    int axis = 0;             ///< concat
    int order[max_rank]{};    ///< transpose: output axis i is input axis order[i]
    margins cut{};            ///< pad
    bool transposed = false;  ///< matmul: rows of the second value are columns of the matrix
    clamp_kind clamp = clamp_kind::none;      ///< fused activation of the operator itself
    int residual = -1;                        ///< fused add: node added to the operator's clamped result
    clamp_kind sum_clamp = clamp_kind::none;  ///< fused activation after that add

    int format = 0;  ///< which format of the recipe

    // Streaming (rewrite/stream.hpp): how many rows of the value are in memory at a time, or 0 for all of them; of the
    // layer at the end of a stream, how many rows it computes at a time.
    int kept_rows = 0;
    int band_rows = 0;

    // Where a rewritten node comes from, as ids of the model that was written: whose weights it has, which values it
    // and its stage before a fused add compute, which batch_norm, mul and add nodes are folded into its weights, in
    // that order.
    int origin = -1;
    int value_origin = -1;
    int stage_origin = -1;
    int folded[max_folded]{};
    int folded_count = 0;
};

}  // namespace tensor_compress
