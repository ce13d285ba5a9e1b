// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <numeric>
#include <span>
#include <vector>

#include <compress/core/activation.hpp>
#include <compress/tensor/random_stream.hpp>
#include <compress/tensor/xtensor.hpp>
#include <compress/transform/pixel_terms.hpp>

namespace tensor_compress {

/// How many of a layer's pixels are kept beside their moments; each layer has a stream of the seed.
struct row_sampling {
    std::size_t rows = 0;
    std::uint64_t seed = 1;
};

/// Pixels of one group of outputs of a layer, in random order: with x a row of inputs, in the order of the weights, the
/// layer is to give f(W x + b + other) = f(target + other), where f is the activation behind it.
struct group_rows {
    array<float> inputs;   ///< [rows, terms]
    array<float> targets;  ///< [rows, outputs], the wanted sums
    array<float> others;   ///< [rows, outputs], what an add behind the layer adds to them; 0 where there is none
};

/// Draws rows of a layer over records and pixels, each as likely as any other and none twice.
class row_sampler {
public:
    /// @param  pixels  of all records that will be added
    row_sampler(const conv_geometry& g, std::size_t pixels, const row_sampling& sampling, std::uint64_t stream)
        : g_(g),
          random_(sampling.seed, stream),
          unseen_(pixels),
          places_(std::min(pixels, sampling.rows)) {
        if (places_.empty()) return;
        std::iota(places_.begin(), places_.end(), std::size_t{0});
        random_.shuffle(places_);
        const auto outputs = static_cast<std::size_t>(g.group_outputs());
        for (int group = 0; group < g.groups; ++group)
            groups_.push_back({make_array<float>({places_.size(), static_cast<std::size_t>(g.terms())}),
                               make_array<float>({places_.size(), outputs}),
                               make_array<float>({places_.size(), outputs})});
    }

    /// One record, as layer_moments::add takes it; `other` is what an add behind the layer adds to its output, or
    /// empty. Source: Knuth, The Art of Computer Programming 2, section 3.4.2, Algorithm S.
    void add(std::span<const float> input, std::span<const float> target, std::span<const float> other) {
        if (groups_.empty()) return;
        for (int y = 0; y < g_.out_height; ++y)
            for (int x = 0; x < g_.out_width; ++x) {
                const auto left = static_cast<double>(places_.size() - taken_);
                if (random_.uniform(0, static_cast<double>(unseen_--)) >= left) continue;
                for (int group = 0; group < g_.groups; ++group) take(group, y, x, input, target, other);
                ++taken_;
            }
    }

    /// Of each group; none where no rows are wanted.
    std::vector<group_rows> finish() { return std::move(groups_); }

private:
    void take(int group, int y, int x, std::span<const float> input, std::span<const float> target,
              std::span<const float> other) {
        group_rows& rows = groups_[static_cast<std::size_t>(group)];
        const std::size_t place = places_[taken_];
        detail::copy_terms(g_, group, y, x, input, rows.inputs.data() + place * rows.inputs.shape(1));
        const int at = (y * g_.out_width + x) * g_.out_channels + group * g_.group_outputs();
        const std::size_t outputs = rows.targets.shape(1);
        std::copy_n(target.data() + at, outputs, rows.targets.data() + place * outputs);
        if (!other.empty()) std::copy_n(other.data() + at, outputs, rows.others.data() + place * outputs);
    }

    conv_geometry g_;
    random_stream random_;
    std::size_t unseen_, taken_ = 0;
    std::vector<std::size_t> places_;
    std::vector<group_rows> groups_;
};

}  // namespace tensor_compress
