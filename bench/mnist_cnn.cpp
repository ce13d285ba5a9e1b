// SPDX-License-Identifier: MIT

// A convolutional net trained from scratch on the 60,000 images of MNIST, on two threads: seconds, and accuracy on test
// images. With --hold-out it learns from the first 55,000 and is judged by the last 5,000, which is how its options
// were chosen.

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>

#include <compress/graph/builder.hpp>
#include <compress/tensor/thread_pool.hpp>
#include <compress/train/fit.hpp>

#include "figures.hpp"
#include "judging.hpp"

namespace bench {

namespace tc = tensor_compress;

inline constexpr auto cnn = tc::make_model([](auto& g) {
    auto x = g.relu(g.conv2d("conv1", g.input("image", {28, 28, 1}), 32, 3));
    x = g.max_pool("pool1", x, 2);
    x = g.relu(g.conv2d("conv2", x, 64, 3));
    x = g.max_pool("pool2", x, 2);
    x = g.relu(g.linear("fc1", g.flatten(x), 128));
    g.linear("fc2", g.dropout("dropout", x, 0.5f), 10);
});

namespace {

struct arguments {
    std::string file;
    bool hold_out = false;
    int seeds = 1;
};

arguments parsed(int count, char** words) {
    arguments given;
    for (int i = 1; i < count; ++i) {
        const std::string word = words[i];
        if (word == "--hold-out")
            given.hold_out = true;
        else if (word == "--seeds" && i + 1 < count)
            given.seeds = std::max(1, std::atoi(words[++i]));
        else
            given.file = word;
    }
    return given;
}

struct outcome {
    double accuracy, seconds;
};

outcome train(const tc::data_set& data, const tc::data_set& judge, int seed, const tc::thread_pool& threads) {
    tc::fit_options options;
    options.epochs = 12;
    options.batch = 128;
    options.optimizer = tc::adamw{.rate = 2e-3};
    options.schedule = tc::cosine_rate{};
    options.warm_up = 0.5;
    options.augment = {.shift = 2};
    options.seed = static_cast<std::uint64_t>(seed);
    options.progress = &std::cout;
    const auto begin = std::chrono::steady_clock::now();
    const tc::fitted trained = tc::fit<cnn>(tc::initial_weights<cnn>(options.seed), data, options, threads);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    // Judged once, when all is over, as the net that would be shipped.
    return {tc::accuracy<tc::net<cnn>>(tc::convert<tc::net<cnn>>(trained.weights), judge), seconds};
}

}  // namespace
}  // namespace bench

int main(int count, char** words) {
    namespace tc = tensor_compress;
    using namespace bench;
    const arguments given = parsed(count, words);
    const auto data = tests::data_directory();
    if (!data || !std::filesystem::exists(*data / "mnist")) {
        tests::skip_notice("training on MNIST: neither COMPRESS_DATA nor ../shared/data has a folder mnist");
        return 0;
    }
    const tc::data_set all = mnist(*data, "train");
    const std::size_t held_out = given.hold_out ? 5000 : 0;
    const tc::data_set learned = all.slice(0, all.size() - held_out);
    const tc::data_set judge = given.hold_out ? all.slice(learned.size(), all.size()) : mnist(*data, "test5k");

    const tc::thread_pool two(2);
    tc::text_table table({"seed", "accuracy %", "seconds"});
    nlohmann::ordered_json rows = nlohmann::ordered_json::array();
    double sum = 0;
    for (int seed = 1; seed <= given.seeds; ++seed) {
        const outcome o = train(learned, judge, seed, two);
        sum += o.accuracy;
        table.add({std::to_string(seed), tc::fixed_text(o.accuracy, 2), tc::fixed_text(o.seconds, 1)});
        rows.push_back({{"seed", seed}, {"accuracy", o.accuracy}, {"seconds", o.seconds}});
    }
    std::printf("\n%s; two threads; %zu images, judged by %zu %s ones; mean accuracy %.2f %%\n%s",
                machine_text().c_str(), learned.size(), judge.size(), given.hold_out ? "held-out training" : "test",
                sum / given.seeds, table.markdown().c_str());
    write_figures(given.file, {{"records", learned.size()}, {"held_out", given.hold_out}, {"runs", rows}});
    return 0;
}
