// SPDX-License-Identifier: MIT
#pragma once

#include <span>
#include <vector>

#include <compress/tensor/linear_algebra.hpp>
#include <compress/transform/pixel_terms.hpp>

namespace tensor_compress {

/// Moments of what one group of outputs of a layer reads and should give: with x the terms of an output's sum, in the
/// order of the weights [channel, kernel row, kernel column], and t the wanted sums.
struct group_moments {
    matrix inputs;   ///< [terms, terms], mean of (x - mean x) (x - mean x)^T
    matrix targets;  ///< [outputs, terms], mean of (t - mean t) (x - mean x)^T
    std::vector<double> input_mean, target_mean;
};

/// Gathers the moments of a layer over records. A convolution is a linear layer here whose records are its pixels.
class layer_moments {
public:
    explicit layer_moments(const conv_geometry& g)
        : g_(g),
          terms_(static_cast<std::size_t>(g.terms())),
          outputs_(static_cast<std::size_t>(g.group_outputs())) {
        for (int group = 0; group < g.groups; ++group)
            parts_.push_back({make_array<float>({portion, terms_ + 1}), make_array<float>({portion, outputs_}),
                              make_array<double>({terms_ + 1, terms_ + 1}),
                              make_array<double>({outputs_, terms_ + 1})});
    }

    /// One record: what the layer reads, [in_height, in_width, in_channels], and what it should give before its
    /// activation, [out_height, out_width, out_channels].
    void add(std::span<const float> input, std::span<const float> target) {
        for (int y = 0; y < g_.out_height; ++y)
            for (int x = 0; x < g_.out_width; ++x) {
                if (filled_ == portion) flush();
                for (int group = 0; group < g_.groups; ++group) add_pixel(group, y, x, input, target);
                ++filled_;
            }
    }

    /// Of each group. Layers with a channel to a group have one for each channel.
    std::vector<group_moments> finish() {
        flush();
        std::vector<group_moments> all;
        for (const part& p : parts_) {
            group_moments m{make_array<double>({terms_, terms_}), make_array<double>({outputs_, terms_}), {}, {}};
            for (std::size_t i = 0; i < terms_; ++i) m.input_mean.push_back(p.inputs(i, terms_) / count_);
            for (std::size_t o = 0; o < outputs_; ++o) m.target_mean.push_back(p.targets(o, terms_) / count_);
            for (std::size_t j = 0; j < terms_; ++j) {
                for (std::size_t i = 0; i < terms_; ++i)
                    m.inputs(i, j) = p.inputs(i, j) / count_ - m.input_mean[i] * m.input_mean[j];
                for (std::size_t o = 0; o < outputs_; ++o)
                    m.targets(o, j) = p.targets(o, j) / count_ - m.target_mean[o] * m.input_mean[j];
            }
            all.push_back(m);
        }
        return all;
    }

private:
    static constexpr std::size_t portion = 2048;

    /// Rows of terms, with a 1 behind them, and of targets; sums of their products.
    struct part {
        array<float> rows, wanted;
        matrix inputs, targets;
    };

    void add_pixel(int group, int y, int x, std::span<const float> input, std::span<const float> target) {
        part& p = parts_[static_cast<std::size_t>(group)];
        float* row = p.rows.data() + filled_ * (terms_ + 1);
        detail::copy_terms(g_, group, y, x, input, row);
        row[terms_] = 1;
        const int at = (y * g_.out_width + x) * g_.out_channels + group * g_.group_outputs();
        std::copy_n(target.data() + at, outputs_, p.wanted.data() + filled_ * outputs_);
    }
    void flush() {
        if (filled_ == 0) return;
        for (part& p : parts_) {
            add_products(p.rows, p.rows, filled_, p.inputs);
            add_products(p.wanted, p.rows, filled_, p.targets);
        }
        count_ += static_cast<double>(filled_);
        filled_ = 0;
    }

    conv_geometry g_;
    std::size_t terms_, outputs_, filled_ = 0;
    double count_ = 0;
    std::vector<part> parts_;
};

}  // namespace tensor_compress
