// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <string>
#include <vector>

#include <compress/tensor/data_set.hpp>
#include <compress/train/augment.hpp>

namespace tensor_compress {

/// One record that is trained on, as a loss sees it. A loss returns a number and adds its gradients.
template <std::size_t Outputs>
struct trained_record {
    std::size_t index = 0;                                ///< of the record in its data set
    std::array<std::span<const float>, Outputs> outputs;  ///< of the model; of a softmax that ends it, the logits
    std::array<std::span<float>, Outputs> gradients;      ///< zeros at first
    std::span<const float> input{};                       ///< the first input, augmented
    blend blended{};                                      ///< with the record at `index`, by augmentation::mix
};

namespace detail {

/// The loss of a record whose loss against the target of record i is target(i, weight of the gradient): of two targets
/// where two records are blended.
template <std::size_t Outputs, class Target>
double loss_of_blend(const trained_record<Outputs>& r, double weight, const Target& target) {
    const double share = static_cast<double>(r.blended.share);
    double loss = (1 - share) * target(r.index, weight * (1 - share));
    if (share > 0) loss += share * target(r.blended.other, weight * share);
    return loss;
}

/// log of the sum of exp(values / temperature), without overflow.
inline double log_sum_exp(std::span<const float> values, double temperature = 1) {
    const double largest = static_cast<double>(*std::max_element(values.begin(), values.end())) / temperature;
    double sum = 0;
    for (const float v : values) sum += std::exp(static_cast<double>(v) / temperature - largest);
    return largest + std::log(sum);
}

}  // namespace detail

/// -sum over k of t[k] * log softmax(logits)[k] with t = (1 - smoothing) at the label and smoothing / classes
/// everywhere; its gradient, softmax(logits) - t, times `weight` is added to `gradient`. Source of the smoothing:
/// Szegedy et al. 2016, Rethinking the Inception Architecture, section 7.
inline double add_cross_entropy(std::span<const float> logits, int label, std::span<float> gradient,
                                double smoothing = 0, double weight = 1) {
    const double log_sum = detail::log_sum_exp(logits);
    const double everywhere = smoothing / static_cast<double>(logits.size());
    double loss = 0;
    for (std::size_t k = 0; k < logits.size(); ++k) {
        const double log_part = static_cast<double>(logits[k]) - log_sum;
        const double wanted = everywhere + (static_cast<int>(k) == label ? 1 - smoothing : 0.0);
        loss -= wanted * log_part;
        gradient[k] += static_cast<float>(weight * (std::exp(log_part) - wanted));
    }
    return loss;
}

/// Mean over the elements of (value - target)^2; its gradient times `weight` is added to `gradient`.
inline double add_squared_error(std::span<const float> values, std::span<const float> targets,
                                std::span<float> gradient, double weight = 1) {
    double loss = 0;
    const double part = 1 / static_cast<double>(values.size());
    for (std::size_t k = 0; k < values.size(); ++k) {
        const double distance = static_cast<double>(values[k]) - static_cast<double>(targets[k]);
        loss += part * distance * distance;
        gradient[k] += static_cast<float>(weight * 2 * part * distance);
    }
    return loss;
}

/// T^2 * KL(softmax(teacher / T) || softmax(logits / T)); its gradient, T * (softmax(logits / T) - softmax(teacher /
/// T)), times `weight` is added to `gradient`: with T^2 it keeps its size as T grows. Source: Hinton, Vinyals, Dean
/// 2015, Distilling the Knowledge in a Neural Network, section 2.
inline double add_divergence(std::span<const float> logits, std::span<const float> teacher, double temperature,
                             std::span<float> gradient, double weight = 1) {
    const double own_sum = detail::log_sum_exp(logits, temperature);
    const double teacher_sum = detail::log_sum_exp(teacher, temperature);
    double loss = 0;
    for (std::size_t k = 0; k < logits.size(); ++k) {
        const double own = static_cast<double>(logits[k]) / temperature - own_sum;
        const double wanted = static_cast<double>(teacher[k]) / temperature - teacher_sum;
        loss += std::exp(wanted) * (wanted - own);
        gradient[k] += static_cast<float>(weight * temperature * (std::exp(own) - std::exp(wanted)));
    }
    return loss * temperature * temperature;
}

/// Cross-entropy of the first output with the labels of a data set.
class cross_entropy {
public:
    /// @throws error where a record has no label, or one that is no output of the model
    cross_entropy(const data_set& data, std::size_t classes, double smoothing = 0)
        : labels_(data.labels),
          smoothing_(smoothing) {
        if (labels_.size() != data.size())
            throw error("cross_entropy",
                        std::to_string(labels_.size()) + " labels for " + std::to_string(data.size()) + " records",
                        "give one label for each record");
        for (std::size_t i = 0; i < labels_.size(); ++i)
            if (labels_[i] < 0 || static_cast<std::size_t>(labels_[i]) >= classes)
                throw error("cross_entropy",
                            "label " + std::to_string(labels_[i]) + " of record " + std::to_string(i) +
                                ", the model has " + std::to_string(classes) + " classes",
                            "labels are 0 to " + std::to_string(classes - 1));
        if (!(smoothing >= 0 && smoothing < 1))
            throw error("cross_entropy", "a label smoothing of " + std::to_string(smoothing),
                        "it lies from 0 to below 1; 0.1 is usual");
    }
    /// @param  weight  of the gradient
    template <std::size_t Outputs>
    double operator()(const trained_record<Outputs>& r, double weight = 1) const {
        return detail::loss_of_blend(r, weight, [&](std::size_t record, double part) {
            return add_cross_entropy(r.outputs[0], labels_[record], r.gradients[0], smoothing_, part);
        });
    }

private:
    const std::vector<int>& labels_;
    double smoothing_;
};

/// Squared error of the first output to a target for each record, [N, ...]; an autoencoder's are its inputs.
class squared_error {
public:
    /// @throws error where the targets are not as many or not as large as the outputs
    squared_error(const array<float>& targets, std::size_t records, std::size_t outputs) : targets_(targets) {
        if (targets.size() != records * outputs)
            throw error("squared_error",
                        "targets " + shape_text(targets) + " for " + std::to_string(records) + " records of " +
                            std::to_string(outputs) + " outputs",
                        "give one target for each output of each record");
    }
    template <std::size_t Outputs>
    double operator()(const trained_record<Outputs>& r) const {
        const std::size_t size = r.outputs[0].size();
        return detail::loss_of_blend(r, 1, [&](std::size_t record, double part) {
            return add_squared_error(r.outputs[0], {targets_.data() + record * size, size}, r.gradients[0], part);
        });
    }

private:
    const array<float>& targets_;
};

}  // namespace tensor_compress
