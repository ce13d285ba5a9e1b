// SPDX-License-Identifier: MIT

// 14_compress_to [--mnist FOLDER]: a trained network made smaller until it fits into 1,500 bytes of weights. You will
// see every variant that was tried, with fewer channels and with fewer bits, which of them no other is better than,
// what the figures advise, and the two lines of C++ that are the result.

#include <compress/compress.hpp>

#include "digit_records.hpp"

namespace tc = tensor_compress;

inline constexpr auto model = tc::make_model([](auto& g) {
    auto x = g.input("image", {28, 28, 1});
    x = g.relu(g.batch_norm("norm1", g.conv2d("conv1", x, 16, {3, 3}, {.stride = 2, .bias = false})));
    x = g.relu(g.batch_norm("norm2", g.conv2d("conv2", x, 24, {3, 3}, {.stride = 2, .bias = false})));
    g.linear("head", g.global_average_pool("mean", x), 10);
});

int main(int count, char** words) try {
    const auto records = digit_records_for(count, words);
    const tc::thread_pool threads(2);
    const auto training = records.training.slice(0, std::min<std::size_t>(records.training.size(), 4000));
    const auto trained = tc::fit<model>(tc::initial_weights<model>(1), training,
                                        {.epochs = 6, .optimizer = tc::adam{.rate = 5e-3}}, threads);

    tc::compress_options options;
    options.max_bytes = 1500;
    options.epochs = 2;
    options.final_epochs = 6;
    const auto found = tc::compress_to<model, 100, 50>(trained.weights, training, options, threads);

    const auto front = tc::pareto_front(found);
    std::printf("float: %lld bytes, %.2f %% of held-out records\n", tc::net<model>::weights_bytes,
                found.float_accuracy);
    std::printf("%8s %8s %8s %14s %7s\n", "width", "bytes", "arena", "multiply-adds", "right");
    for (const auto& p : found.points)
        std::printf("%6d %% %8lld %8d %14lld %6.2f%s\n", p.width, p.bytes, p.arena, p.multiply_adds, p.accuracy,
                    std::find(front.begin(), front.end(), &p) == front.end() ? "" : "  none is better");
    for (const auto& sentence : tc::advice_from(found)) std::printf("%s\n", sentence.c_str());
    if (!found.met) {
        std::printf("not met: %s\n", found.explanation.c_str());
        return 1;
    }
    std::printf("\n%s", tc::declarations_of(found.chosen()).c_str());
    return 0;
} catch (const tc::error& problem) {
    std::fprintf(stderr, "%s\n", problem.what());
    return 2;
}
