// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace bench {

/// One line of the table of nets. Times in microseconds, 0: not measured. Differences are the largest one to our
/// output, relative to the largest value; below 0: not measured.
struct row {
    std::string net;
    double fp32 = 0, int8 = 0, int4 = 0, int8_with_conversion = 0, int8_two_threads = 0;
    double onnxruntime_fp32 = 0, onnxruntime_int8 = 0;
    double xnnpack_fp32 = 0, xnnpack_int8 = 0;
    double onnxruntime_difference = -1, xnnpack_difference = -1, xnnpack_int8_difference = -1;
    long long multiply_adds = 0, fp32_bytes = 0, int8_bytes = 0, int4_bytes = 0;
    int int8_arena = 0;
};

row bench_small_mlp();
row bench_mlp();
row bench_autoencoder();
row bench_ds_cnn();
row bench_resnet8();
row bench_tinycnn();
row bench_mobilenetv1();
row bench_mobilenetv2();

}  // namespace bench
