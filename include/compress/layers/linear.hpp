// SPDX-License-Identifier: MIT
#pragma once

#include <compress/layers/conv2d.hpp>

namespace tensor_compress::layers {

/// output[r, o] = end(bias[o] + sum over i of weight[o, i] * input[r, i]): a convolution whose kernel is one pixel.
/// With Rows > 1 it is the product of a matrix [Rows, Inputs] with a matrix packed at conversion.
template <int Inputs, int Outputs, class Precision, class Sparsity = tag::dense, int Rows = 1,
          float_end End = float_end{}>
using linear = conv2d<conv_geometry{1, Rows, Inputs, 1, Rows, Outputs}, Precision, Sparsity, End>;

}  // namespace tensor_compress::layers
