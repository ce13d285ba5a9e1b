// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace bench {

/// Another engine with a model loaded: one thread, batch 1, float in and float out.
class peer {
public:
    virtual ~peer() = default;
    /// Runs over the input given at construction.
    virtual void run() = 0;
    virtual std::span<const float> output() const = 0;
};

/// ONNX Runtime with that model, or null where it was not found while configuring.
/// @param  extents  of the input, with the batch of 1
std::unique_ptr<peer> onnx_runtime(const std::string& model, std::vector<long long> extents, std::vector<float> input);

/// Smallest times of several functions, in microseconds, taken in turn within one loop so that all see the same
/// machine.
std::vector<double> smallest_times(const std::vector<std::function<void()>>& functions, double seconds);

/// One line of the result table.
struct row {
    std::string net;
    double fp32 = 0, int8 = 0, int8_with_conversion = 0;
    double peer_fp32 = 0, peer_int8 = 0;  ///< 0: not measured
    double fp32_difference = -1;  ///< largest difference to the peer's FP32 output, relative to its largest value
    long long multiply_adds = 0, fp32_bytes = 0, int8_bytes = 0;
    int int8_arena = 0;
};

row bench_mlp();
row bench_autoencoder();
row bench_ds_cnn();
row bench_resnet8();
row bench_tinycnn();
row bench_mobilenetv2();

}  // namespace bench
