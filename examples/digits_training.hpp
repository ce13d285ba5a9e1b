// SPDX-License-Identifier: MIT
#pragma once

#include <compress/tensor/digits.hpp>
#include <compress/tensor/thread_pool.hpp>
#include <compress/train/fit.hpp>

#include "digits_cnn.hpp"

/// Generated digits as digits_cnn takes them: pixel / 255. The nets of these examples learn from those of seed 1 and
/// are judged by those of seed 2; their ranges come from the first 256 of seed 1.
inline tensor_compress::data_set generated_digits(std::size_t count, std::uint64_t seed) {
    auto digits = tensor_compress::make_digits(count, seed);
    digits.inputs /= 255.0f;
    return digits;
}

inline constexpr std::size_t digits_to_learn = 16000;

/// Weights of digits_cnn in FP32: 8 epochs from a fixed start, some three seconds for 16,000 records. The number of
/// threads does not change a bit of them, so that two programs of one build get the same.
inline tensor_compress::named_tensors train_digits_cnn(const tensor_compress::data_set& records,
                                                       const tensor_compress::thread_pool& threads,
                                                       std::ostream* progress = nullptr, bool live = false) {
    namespace tc = tensor_compress;
    tc::fit_options options{.epochs = 8, .optimizer = tc::adam{.rate = 1e-2}, .schedule = tc::cosine_rate{}};
    options.progress = progress;
    options.live = live;
    return tc::fit<digits_cnn>(tc::initial_weights<digits_cnn>(1), records, options, threads).weights;
}
