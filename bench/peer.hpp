// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace bench {

struct twin;

/// Another engine with a model and an input loaded: one thread, batch 1.
class peer {
public:
    virtual ~peer() = default;
    /// Runs over the input given at construction.
    virtual void run() = 0;
    /// What the last run gave, as real values.
    virtual std::vector<float> output() const = 0;
};

/// ONNX Runtime with that model, float in and float out, or null where it was not found while configuring.
/// @param  extents  of the input, with the batch of 1
std::unique_ptr<peer> onnx_runtime(const std::string& model, std::vector<long long> extents, std::vector<float> input);

/// XNNPACK with the same graph and weights; float or int8 in and out, except that a softmax gives floats. Null where it
/// was not found while configuring, and, with a line on stderr, where it lacks an operator.
std::unique_ptr<peer> xnnpack(const twin& net, bool int8, const std::vector<float>& input);

/// Date of the XNNPACK that is linked, as 2024-11-08, or nothing.
std::string xnnpack_version();

}  // namespace bench
