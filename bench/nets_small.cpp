// SPDX-License-Identifier: MIT
#include "ad_fp32.hpp"
#include "kws_sm_fp32.hpp"
#include "mnist_mlp.hpp"
#include "net_row.hpp"

namespace bench {

row bench_mlp() { return bench_file<mnist_mlp>("MLP 784-256-256-10", "mnist_mlp.onnx", "", 1); }
row bench_autoencoder() { return bench_file<ad_fp32>("FC autoencoder", "ad_fp32.onnx", "", 1); }
row bench_ds_cnn() { return bench_file<kws_sm_fp32>("DS-CNN", "kws_sm_fp32.onnx", "kws_int8_qdq_u8.onnx", 2); }

}  // namespace bench
