// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include <compress/tensor/linear_algebra.hpp>
#include <compress/transform/reconstruct.hpp>

namespace tensor_compress {

/// How far a layer with other weights is from its targets on rows that were drawn, behind its activation f. Of each
/// output, mean over rows, with z = W x + b + other and t = target + other:
///
///   (1 - a) (f(z) - f(t))^2 + a (z - t)^2
///
/// Source: Nagel et al. 2020, Up or Down? Adaptive Rounding for Post-Training Quantization, equation 25, where a is 0.
class activation_error {
public:
    /// @param  layer    rows are taken out of it
    /// @param  before   a: part of the sums themselves, before the activation
    /// @param  centred  biases follow the weights, so that the mean of a sum is that of its target
    activation_error(layer_to_change& layer, double before, bool centred)
        : rows_(std::move(layer.rows)),
          count_(rows_[0].inputs.shape(0)),
          outputs_(layer.group_outputs()),
          terms_(layer.weights.terms),
          clamp_(layer.clamp),
          before_(static_cast<float>(before)),
          biases_(layer.weights.bias) {
        for (std::size_t g = 0; g < rows_.size() && centred; ++g) centre(g, layer.groups[g]);
    }

    std::size_t rows() const { return count_; }

    /// Targets become the sums of these weights.
    ///
    /// @param  weights  [outputs, terms] of the whole layer
    void aim_at(std::span<const float> weights) {
        for (std::size_t g = 0; g < rows_.size(); ++g) {
            array<float>& targets = rows_[g].targets;
            multiply_rows(rows_from(g, 0, count_), part_of(weights, g), targets.data());
            for (std::size_t i = 0; i < targets.size(); ++i) targets.data()[i] += biases_[g * outputs_ + i % outputs_];
        }
    }

    /// The error of each output over `count` rows from `first` on, and where there are any, gradients by the weights.
    ///
    /// @param  weights    [outputs, terms] of the whole layer
    /// @param  gradients  the same, or empty
    std::vector<double> operator()(std::span<const float> weights, std::size_t first, std::size_t count,
                                   std::span<float> gradients = {}) {
        std::vector<double> errors;
        sums_.resize(count * outputs_);
        for (std::size_t g = 0; g < rows_.size(); ++g) {
            const auto x = rows_from(g, first, count);
            multiply_rows(x, part_of(weights, g), sums_.data());
            for (std::size_t o = 0; o < outputs_; ++o) errors.push_back(differentiate(g, o, first, count));
            if (!gradients.empty())
                multiply_columns({sums_.data(), count, outputs_}, x, gradients.data() + g * outputs_ * terms_);
        }
        return errors;
    }
    /// Over all rows.
    std::vector<double> operator()(std::span<const float> weights) { return (*this)(weights, 0, count_); }

private:
    /// Sums of centred inputs, whose means stay where they are while weights change.
    void centre(std::size_t group, const group_moments& m) {
        float* x = rows_[group].inputs.data();
        for (std::size_t n = 0; n < count_; ++n)
            for (std::size_t k = 0; k < terms_; ++k) *x++ -= static_cast<float>(m.input_mean[k]);
        for (std::size_t o = 0; o < outputs_; ++o) biases_[group * outputs_ + o] = static_cast<float>(m.target_mean[o]);
    }

    row_block<const float> rows_from(std::size_t group, std::size_t first, std::size_t count) const {
        return {rows_[group].inputs.data() + first * terms_, count, terms_};
    }
    row_block<const float> part_of(std::span<const float> weights, std::size_t group) const {
        return {weights.data() + group * outputs_ * terms_, outputs_, terms_};
    }

    /// The error of one output; its sums become the gradients by them.
    double differentiate(std::size_t group, std::size_t o, std::size_t first, std::size_t count) {
        const float* targets = rows_[group].targets.data() + first * outputs_;
        const float* others = rows_[group].others.data() + first * outputs_;
        const float bias = biases_[group * outputs_ + o], low = clamp_low(clamp_), high = clamp_high(clamp_);
        double error = 0;
        for (std::size_t n = 0; n < count; ++n) {
            const std::size_t at = n * outputs_ + o;
            const float z = sums_[at] + bias + others[at], t = targets[at] + others[at], sum = z - t;
            const float behind = std::clamp(z, low, high) - std::clamp(t, low, high);
            const float slope = z > low && z < high ? 1 - before_ : 0.0f;
            error += static_cast<double>((1 - before_) * behind * behind + before_ * sum * sum);
            sums_[at] = 2 / static_cast<float>(count) * (slope * behind + before_ * sum);
        }
        return error / static_cast<double>(count);
    }

    std::vector<group_rows> rows_;
    std::size_t count_, outputs_, terms_;
    clamp_kind clamp_;
    float before_;
    std::vector<float> biases_;
    std::vector<float> sums_;  ///< [rows, group outputs]
};

}  // namespace tensor_compress
