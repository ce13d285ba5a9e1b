// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <limits>
#include <span>

namespace tensor_compress {

/// Running means of the least and of the largest value of each record: mean += momentum * (of this record - mean). The
/// first record starts them. Source: Jacob et al. 2018, Quantization and Training of Neural Networks for Efficient
/// Integer-Arithmetic-Only Inference, section 3.1.
class running_range {
public:
    /// @pre  0 < momentum <= 1
    explicit running_range(double momentum = 0.1) : momentum_(momentum) {}

    /// One record. Without values it changes nothing.
    void add(std::span<const float> values) {
        if (values.empty()) return;
        double low = std::numeric_limits<double>::infinity(), high = -low;
        for (const float v : values) {
            low = std::min(low, static_cast<double>(v));
            high = std::max(high, static_cast<double>(v));
        }
        low_ += weight() * (low - low_);
        high_ += weight() * (high - high_);
        started_ = true;
    }

    bool empty() const { return !started_; }
    float low() const { return static_cast<float>(low_); }
    float high() const { return static_cast<float>(high_); }

private:
    double weight() const { return started_ ? momentum_ : 1.0; }

    double momentum_, low_ = 0, high_ = 0;
    bool started_ = false;
};

}  // namespace tensor_compress
