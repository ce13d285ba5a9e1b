// SPDX-License-Identifier: MIT
#include "mnist_tinycnn.hpp"
#include "net_row.hpp"
#include "resnet8_fp32.hpp"

namespace bench {

row bench_tinycnn() { return bench_file<mnist_tinycnn>("TinyCNN 28x28", "mnist_tinycnn.onnx", "", 2); }
row bench_resnet8() { return bench_file<resnet8_fp32>("ResNet-8", "resnet8_fp32.onnx", "resnet8_int8_qdq.onnx", 2); }

}  // namespace bench
