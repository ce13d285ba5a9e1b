// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include <compress/tensor/aligned.hpp>
#include <compress/tensor/label_text.hpp>
#include <compress/tensor/named_weights.hpp>
#include <compress/train/steps.hpp>

namespace tensor_compress {

/// One batch_norm in training: y = gamma * (x - mean) / sqrt(variance + epsilon) + beta with mean and variance (divided
/// by the number of values) of the batch, and running ones for inference: running += momentum * (batch - running), the
/// variance divided by one less. Source: Ioffe and Szegedy 2015, Batch Normalization, Algorithms 1 and 2; momentum and
/// divisors as in PyTorch.
class training_norm {
public:
    training_norm(int channels, float epsilon, int parts)
        : channels_(channels),
          epsilon_(epsilon),
          moments_(static_cast<std::size_t>(parts), channel_moments(channels)),
          sums_(static_cast<std::size_t>(parts), aligned_floats(2 * padded())) {
        for (aligned_floats* v : {&running_mean, &running_variance, &mean_, &factor_, &scale_, &shift_, &of_gradient_,
                                  &of_input_, &constant_})
            v->resize(padded());
    }

    aligned_floats running_mean, running_variance;  ///< [channels]

    /// What the nodes of one part of a batch see of it.
    norm_step view(int part) {
        float* sums = sums_[static_cast<std::size_t>(part)].data();
        return {scale_.data(),   shift_.data(),       mean_.data(),     factor_.data(),  sums,
                sums + padded(), of_gradient_.data(), of_input_.data(), constant_.data()};
    }
    channel_moments& moments(int part) { return moments_[static_cast<std::size_t>(part)]; }

    void clear() {
        for (channel_moments& m : moments_) m.clear();
        for (aligned_floats& s : sums_) s.assign(s.size(), 0.0f);
    }

    /// Scales by the moments that all parts have gathered.
    void use_batch(const float* gamma, const float* beta, float momentum) {
        channel_moments all(channels_);
        for (const channel_moments& m : moments_) all.merge(m);
        count_ = all.count;
        for (std::size_t c = 0; c < all.mean.size(); ++c) {
            const double variance = all.squares[c] / all.count;
            const double unbiased = all.count > 1 ? all.squares[c] / (all.count - 1) : variance;
            set(c, gamma, beta, all.mean[c], variance);
            running_mean[c] += momentum * (static_cast<float>(all.mean[c]) - running_mean[c]);
            running_variance[c] += momentum * (static_cast<float>(unbiased) - running_variance[c]);
        }
    }
    /// Scales as in inference.
    void use_running(const float* gamma, const float* beta) {
        count_ = 0;
        for (std::size_t c = 0; c < static_cast<std::size_t>(channels_); ++c)
            set(c, gamma, beta, static_cast<double>(running_mean[c]), static_cast<double>(running_variance[c]));
    }

    /// From the sums of all parts to the gradients of gamma and beta, and what an input's gradient is made of:
    /// gamma / deviation * (gradient - mean(gradient) - n * mean(gradient * n)) with n the normalised input; where
    /// running statistics are used they do not depend on the input.
    void finish(const float* gamma, float* gamma_gradient, float* beta_gradient) {
        for (std::size_t c = 0; c < static_cast<std::size_t>(channels_); ++c) {
            float gamma_sum = 0, beta_sum = 0;
            for (const aligned_floats& s : sums_) gamma_sum += s[c], beta_sum += s[padded() + c];
            gamma_gradient[c] = gamma_sum;
            beta_gradient[c] = beta_sum;
            const float part = count_ > 0 ? static_cast<float>(1 / count_) : 0.0f;
            of_gradient_[c] = gamma[c] * factor_[c];
            of_input_[c] = -of_gradient_[c] * factor_[c] * gamma_sum * part;
            constant_[c] = -of_gradient_[c] * beta_sum * part - of_input_[c] * mean_[c];
        }
    }

private:
    std::size_t padded() const { return static_cast<std::size_t>(round_up(channels_, 16)); }

    void set(std::size_t c, const float* gamma, const float* beta, double mean, double variance) {
        const double factor = 1 / std::sqrt(variance + static_cast<double>(epsilon_));
        mean_[c] = static_cast<float>(mean);
        factor_[c] = static_cast<float>(factor);
        scale_[c] = static_cast<float>(static_cast<double>(gamma[c]) * factor);
        shift_[c] = static_cast<float>(static_cast<double>(beta[c]) - mean * static_cast<double>(gamma[c]) * factor);
    }

    int channels_;
    float epsilon_;
    double count_ = 0;
    std::vector<channel_moments> moments_;  ///< by part
    std::vector<aligned_floats> sums_;      ///< by part: of gamma, then of beta
    aligned_floats mean_, factor_, scale_, shift_, of_gradient_, of_input_, constant_;
};

/// One for each batch_norm of a model, with the running statistics of its tensors.
template <const auto& Model>
std::vector<training_norm> training_norms(const named_tensors& tensors, int parts) {
    constexpr const auto& graph = training_graph<Model>::graph;
    std::vector<training_norm> norms;
    for (int id = 0; id < graph.count; ++id) {
        const node& n = graph[id];
        if (n.kind != op::batch_norm) continue;
        norms.emplace_back(n.output.channels(), n.parameter, parts);
        const std::string label = text_of(Model[n.origin].name);
        const auto copy = [&](const char* part, aligned_floats& to) {
            const array<float>& from = tensors.find(label + part)->second;
            std::copy_n(from.data(), from.size(), to.data());
        };
        copy(".running_mean", norms.back().running_mean);
        copy(".running_var", norms.back().running_variance);
    }
    return norms;
}

}  // namespace tensor_compress
