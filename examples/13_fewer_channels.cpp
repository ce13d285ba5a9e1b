// SPDX-License-Identifier: MIT

// 13_fewer_channels [--mnist FOLDER]: a physically smaller model. You will see a residual network of which every layer
// keeps three quarters of its channels, chosen by the size of their weights and by what the loss would change without
// them: accuracy before and after two epochs of training, bytes, multiply-adds and time of both models.

#include <compress/compress.hpp>

#include "digit_records.hpp"

namespace tc = tensor_compress;

inline constexpr auto full = tc::make_model([](auto& g) {
    const auto normed = [&](tc::label name, auto x) { return g.relu(g.batch_norm(name / "norm", x)); };
    auto x = normed("stem", g.conv2d("stem", g.input("image", {28, 28, 1}), 32, {3, 3}, {.stride = 2, .bias = false}));
    auto y = normed("deep", g.depthwise_conv2d("deep", x, {3, 3}, {.bias = false}));
    y = g.batch_norm("point/norm", g.conv2d("point", y, 32, {1, 1}, {.bias = false}));
    x = g.relu(g.add("sum", x, y));
    x = normed("wide", g.conv2d("wide", x, 64, {3, 3}, {.stride = 2, .bias = false}));
    g.linear("head", g.global_average_pool("pool", x), 10);
});
// The residual ties stem, deep and point together: they keep the same channels. The head keeps its 10 classes.
inline constexpr auto slim = tc::keep_channels(full, {.ratio = 0.75});
static_assert(slim[slim.find("point")].output.channels() == 24 && slim[slim.find("wide")].output.channels() == 48);

using full_net = tc::net<full>;
using slim_net = tc::net<slim>;

namespace {

/// Largest difference of outputs between the smaller net and the larger one with zeros for the channels that go.
double largest_difference(const tc::named_tensors& masked, const tc::named_tensors& fewer, const tc::data_set& data) {
    const auto larger = tc::convert<full_net>(masked);
    const auto smaller = tc::convert<slim_net>(fewer);
    tc::runner<full_net> run_larger(larger);
    tc::runner<slim_net> run_smaller(smaller);
    double largest = 0;
    for (std::size_t i = 0; i < data.size(); ++i) {
        const auto expected = run_larger(data.input(i)), found = run_smaller(data.input(i));
        for (std::size_t k = 0; k < found.size(); ++k)
            largest = std::max(largest, std::abs(static_cast<double>(found[k] - expected[k])));
    }
    return largest;
}

/// Microseconds of both, taken in turn.
std::pair<double, double> smallest_times(const full_net::weights& larger, const slim_net::weights& smaller) {
    std::pair<double, double> least{1e30, 1e30};
    for (int round = 0; round < 20; ++round) {
        least.first = std::min(least.first, tc::measure_latency<full_net>(larger, 0.005).min);
        least.second = std::min(least.second, tc::measure_latency<slim_net>(smaller, 0.005).min);
    }
    return least;
}

}  // namespace

int main(int count, char** words) try {
    const auto records = digit_records_for(count, words);
    const tc::thread_pool threads(2);
    const tc::fit_options options{.epochs = 6, .optimizer = tc::adam{.rate = 5e-3}, .schedule = tc::cosine_rate{}};
    const tc::fit_options again{.epochs = 2, .optimizer = tc::adam{.rate = 1e-2}, .schedule = tc::cosine_rate{}};
    const auto weights = tc::fit<full>(tc::initial_weights<full>(1), records.training, options, threads).weights;
    const auto larger = tc::convert<full_net>(weights);

    tc::text_table table({"channels", "accuracy", "then two epochs", "difference from zeros"});
    table.add({"all", tc::fixed_text(tc::accuracy<full_net>(larger, records.test), 2), "", ""});
    tc::named_tensors tuned;
    double accuracy = 0, difference = 0;
    const auto add = [&](const char* name, const tc::channel_scores& scores) {
        const auto fewer = tc::keep_channels<full, slim>(weights, scores);
        const auto masked = tc::mask_channels<full, slim>(weights, scores);
        tuned = tc::fit<slim>(fewer, records.training, again, threads).weights;
        const auto judged = [&](const tc::named_tensors& w) {
            return tc::accuracy<slim_net>(tc::convert<slim_net>(w), records.test);
        };
        accuracy = judged(tuned);
        difference = std::max(difference, largest_difference(masked.weights, fewer, records.test));
        table.add({name, tc::fixed_text(judged(fewer), 2), tc::fixed_text(accuracy, 2), tc::fixed_text(difference, 7)});
    };
    add("by l1", tc::score_channels(full, weights, tc::channel_importance::l1));
    add("by the loss", tc::score_channels_by_loss<full>(weights, records.training.slice(0, 512), 8, threads));
    std::printf("%s", table.text().c_str());

    const auto [us_full, us_slim] = smallest_times(larger, tc::convert<slim_net>(tuned));
    tc::text_table costs({"channels", "bytes", "multiply-adds", "us"});
    costs.add({"all", std::to_string(full_net::weights_bytes), std::to_string(full_net::multiply_adds),
               tc::fixed_text(us_full, 2)});
    costs.add({"three quarters", std::to_string(slim_net::weights_bytes), std::to_string(slim_net::multiply_adds),
               tc::fixed_text(us_slim, 2)});
    std::printf("%s", costs.text().c_str());
    return accuracy > 90 && difference < 1e-3 ? 0 : 1;
} catch (const tc::error& problem) {
    std::fprintf(stderr, "%s\n", problem.what());
    return 2;
}
