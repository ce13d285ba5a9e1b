// SPDX-License-Identifier: MIT

// 10_distil [--mnist FOLDER]: a small network taught by a large one. You will see the accuracy of the teacher, and that
// of a student a tenth of its size which learns from few records: from their labels alone, and from what the teacher
// thinks of each class.

#include <compress/compress.hpp>

#include "digit_records.hpp"

namespace tc = tensor_compress;

inline constexpr auto teacher = tc::make_model([](auto& g) {
    auto x = g.relu(g.linear("fc1", g.flatten(g.input("image", {28, 28, 1})), 256));
    x = g.relu(g.linear("fc2", x, 128));
    g.linear("fc3", x, 10);
});
inline constexpr auto student = tc::make_model([](auto& g) {
    auto x = g.relu(g.linear("fc1", g.flatten(g.input("image", {28, 28, 1})), 24));
    g.linear("fc2", x, 10);
});

int main(int count, char** words) try {
    const auto records = digit_records_for(count, words);
    const auto few = records.training.slice(0, 1000);
    const tc::thread_pool threads(2);
    const auto judged = [&]<const auto & Model>(const tc::named_tensors& weights) {
        using net = tc::net<Model>;
        return tc::accuracy<net>(tc::convert<net>(weights), records.test);
    };
    const auto taught_by =
        tc::fit<teacher>(tc::initial_weights<teacher>(1), records.training, {.epochs = 4, .optimizer = tc::adam{}}, threads).weights;
    std::printf("teacher: %.2f %%, %lld bytes\n", judged.template operator()<teacher>(taught_by),
                tc::net<teacher>::weights_bytes);

    double gain = 0;
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        const tc::distil_options options{{.epochs = 100, .optimizer = tc::adam{}, .seed = seed}, 4, 0.7};  // temperature, alpha
        const auto start = tc::initial_weights<student>(seed);
        const double alone =
            judged.template operator()<student>(tc::fit<student>(start, few, options, threads).weights);
        const double taught = judged.template operator()<student>(
            tc::distil<teacher, student>(taught_by, start, few, options, threads).weights);
        std::printf("student, %lld bytes, seed %d: alone %.2f %%, taught %.2f %%\n", tc::net<student>::weights_bytes,
                    static_cast<int>(seed), alone, taught);
        gain += (taught - alone) / 3;
    }
    std::printf("mean gain: %.2f\n", gain);
    return gain > 0 ? 0 : 1;
} catch (const tc::error& problem) {
    std::fprintf(stderr, "%s\n", problem.what());
    return 2;
}
