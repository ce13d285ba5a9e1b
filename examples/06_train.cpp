// SPDX-License-Identifier: MIT

// 06_train [--mnist FOLDER]: a network trained from scratch. You will see a line for each epoch, with the accuracy on
// records that are held out, and at the end that of the INT8 net on test records.

#include <iostream>

#include <compress/compress.hpp>

#include "digit_records.hpp"

namespace tc = tensor_compress;

inline constexpr auto digits = tc::make_model([](auto& g) {
    const auto layer = [&](tc::label name, auto x, int channels, int stride) {
        return g.relu(
            g.batch_norm(name / "norm", g.conv2d(name, x, channels, {3, 3}, {.stride = stride, .bias = false})));
    };
    auto x = layer("conv1", g.input("image", {28, 28, 1}), 16, 2);
    x = layer("conv2", x, 32, 2);
    x = layer("conv3", x, 32, 1);
    g.linear("head", g.dropout("dropout", g.global_average_pool("pool", x), 0.1f), 10);
});
inline constexpr tc::recipe all_int8{tc::int8};

int main(int count, char** words) try {
    const auto records = digit_records_for(count, words);
    const std::size_t learned = records.training.size() * 9 / 10;
    const auto training = records.training.slice(0, learned);
    const auto held_out = records.training.slice(learned, records.training.size());

    tc::fit_options options{.epochs = 8, .optimizer = tc::adamw{.rate = 5e-3}, .schedule = tc::cosine_rate{}};
    options.warm_up = 0.5;
    options.augment = {.shift = 1};
    options.validation = &held_out;
    options.progress = &std::cout;
    const tc::thread_pool threads(2);
    const tc::fitted trained = tc::fit<digits>(tc::initial_weights<digits>(1), training, options, threads);

    // The batch norms are folded into the convolutions, the dropout is gone.
    using net = tc::net<digits, all_int8>;
    const auto seen = tc::calibrate<digits>(trained.weights, tc::records(training.slice(0, 256)));
    const double accuracy = tc::accuracy<net>(tc::convert<net>(trained.weights, seen), records.test);
    std::printf("best epoch %d; INT8: %.2f %% of %zu test records, %lld bytes of weights, %d of arena\n",
                trained.best_epoch, accuracy, records.test.size(), net::weights_bytes, net::arena_bytes);
    return accuracy > 95 ? 0 : 1;
} catch (const tc::error& problem) {
    std::fprintf(stderr, "%s\n", problem.what());
    return 2;
}
