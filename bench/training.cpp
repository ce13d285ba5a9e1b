// SPDX-License-Identifier: MIT

// Training: images a second of one step after another over batches of 64, each forward, backward and an update by Adam,
// on one thread and on two, beside PyTorch. Both run in turn, never at once; the fastest step of many rounds counts.

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <functional>
#include <memory>

#include <compress/evaluate/machine_peak.hpp>
#include <compress/evaluate/text_table.hpp>
#include <compress/graph/builder.hpp>
#include <compress/graph/cost.hpp>
#include <compress/tensor/thread_pool.hpp>
#include <compress/train/optimizer.hpp>
#include <compress/train/trainer.hpp>

#include "figures.hpp"
#include "pseudo_numbers.hpp"
#include "pytorch.hpp"

namespace bench {

namespace tc = tensor_compress;

inline constexpr auto tinycnn = tc::make_model([](auto& g) {
    auto x = g.relu(g.conv2d("conv1", g.input("image", {28, 28, 1}), 32, 3));
    x = g.relu(g.conv2d("conv2", x, 64, 3));
    g.linear("fc", g.flatten(g.avg_pool("pool", x, 7)), 10);
});

inline constexpr auto mlp = tc::make_model([](auto& g) {
    auto x = g.relu(g.linear("fc1", g.input("image", {784}), 256));
    x = g.relu(g.linear("fc2", x, 256));
    g.linear("fc3", x, 10);
});

inline constexpr auto resnet8 = tc::make_model([](auto& g) {
    const auto block = [&](tc::label name, auto x, int channels, int stride) {
        auto skip = stride == 1 ? x : g.conv2d(name / "skip", x, channels, 1, {.stride = stride});
        auto y = g.relu(g.conv2d(name / "conv1", x, channels, 3, {.stride = stride}));
        return g.relu(g.add(name / "add", g.conv2d(name / "conv2", y, channels, 3), skip));
    };
    auto x = g.relu(g.conv2d("stem", g.input("image", {32, 32, 3}), 16, 3));
    x = block("block1", x, 16, 1);
    x = block("block2", x, 32, 2);
    x = block("block3", x, 64, 2);
    g.softmax("probabilities", g.linear("head", g.global_average_pool("pool", x), 10));
});

namespace {

constexpr int batch = 64, rounds = 20;
constexpr double round_seconds = 0.15;  ///< of each function that takes turns

/// One model in training, on records without meaning.
template <const auto& Model>
class training {
public:
    training() {
        const auto size = static_cast<std::size_t>(Model[0].output.elements());
        data_.inputs = tc::make_array<float>(std::vector<std::size_t>{batch, size});
        const auto numbers = pseudo_numbers(batch * size);
        std::copy(numbers.begin(), numbers.end(), data_.inputs.data());
        for (int i = 0; i < batch; ++i) data_.labels.push_back(i % 10);
        state_.first.resize(trainer_.parameters().size());
        state_.second.resize(trainer_.parameters().size());
    }
    void step(const tc::thread_pool& threads) {
        const auto fill = [&](int index, int, std::span<float> values) {
            const auto from = data_.input(static_cast<std::size_t>(index));
            std::copy(from.begin(), from.end(), values.begin());
        };
        trainer_.run(batch, fill, tc::cross_entropy(data_, 10), {}, threads);
        ++state_.steps;
        // A rate of 0: after many steps over the same records gradients would be denormal.
        tc::update(tc::adam{.rate = 0}, state_, 1, groups_, trainer_.parameters(), trainer_.gradients(), threads);
    }

private:
    tc::data_set data_;
    tc::trainer<Model> trainer_{tc::initial_weights<Model>(1)};
    std::vector<tc::parameter_group> groups_ = tc::parameter_groups<Model>();
    tc::optimizer_state state_;
};

/// What takes turns: runs steps for `round_seconds`, at least two, and returns the seconds of the fastest.
using stepper = std::function<std::optional<double>()>;

stepper steps_of(std::function<void()> step) {
    return [step = std::move(step)] {
        using clock = std::chrono::steady_clock;
        step();  // brings its weights back into the caches
        double fastest = 1e30, sum = 0;
        for (int steps = 0; steps < 2 || sum < round_seconds; ++steps) {
            const auto begin = clock::now();
            step();
            const double seconds = std::chrono::duration<double>(clock::now() - begin).count();
            fastest = std::min(fastest, seconds);
            sum += seconds;
        }
        return std::optional(fastest);
    };
}

/// One line of the table; seconds of a step, 0: not measured.
struct training_row {
    std::string net;
    int threads;
    long long multiply_adds;  ///< of one record forwards
    double ours = 0, contiguous = 0, channels_last = 0;

    double pytorch() const {
        return channels_last > 0 && contiguous > 0 ? std::min(contiguous, channels_last) : contiguous;
    }
    double gflops() const { return 6e-9 * batch * static_cast<double>(multiply_adds) / ours; }
};

/// The number of threads with a pool of ours and a PyTorch of that many.
struct workers {
    int threads;
    tc::thread_pool pool{threads};
    pytorch peer{threads};
};

/// Rows of the table, and the functions that take turns to measure them.
class race {
public:
    race() { rows_.reserve(16); }  // functions keep their places

    template <const auto& Model>
    void add(const char* net, const char* pytorch_net, training<Model>& trained, workers& by) {
        training_row& r = rows_.emplace_back(training_row{net, by.threads, tc::multiply_adds(Model)});
        functions_.emplace_back(&r.ours, steps_of([&trained, &by] { trained.step(by.pool); }));
        const auto add_peer = [&](double& to, const char* layout) {
            functions_.emplace_back(
                &to, [&by, pytorch_net, layout] { return by.peer.fastest_step(pytorch_net, layout, round_seconds); });
        };
        if (!by.peer.version()) return;
        add_peer(r.contiguous, "contiguous");
        if (Model[0].output.rank == 3) add_peer(r.channels_last, "channels_last");
    }
    const std::vector<training_row>& run() {
        for (int round = 0; round < rounds; ++round)
            for (const auto& [fastest, measure] : functions_)
                if (const auto seconds = measure()) *fastest = *fastest > 0 ? std::min(*fastest, *seconds) : *seconds;
        return rows_;
    }

private:
    std::vector<training_row> rows_;
    std::vector<std::pair<double*, stepper>> functions_;
};

std::vector<std::string> cells_of(const training_row& r, double one_thread, double peak, bool with_pytorch) {
    std::vector<std::string> cells{r.net,
                                   std::to_string(r.threads),
                                   tc::fixed_text(r.ours * 1e3, 2),
                                   tc::fixed_text(batch / r.ours, 0),
                                   tc::fixed_text(one_thread / r.ours, 2),
                                   tc::fixed_text(r.gflops(), 1),
                                   tc::fixed_text(100 * r.gflops() / (peak * r.threads), 1)};
    if (with_pytorch) {
        const auto rate = [](double seconds) {
            return seconds > 0 ? tc::fixed_text(batch / seconds, 0) : std::string("-");
        };
        cells.push_back(rate(r.contiguous));
        cells.push_back(rate(r.channels_last));
        cells.push_back(r.pytorch() > 0 ? tc::fixed_text(r.pytorch() / r.ours, 2) : "-");
    }
    return cells;
}

}  // namespace
}  // namespace bench

int main(int count, char** arguments) {
    namespace tc = tensor_compress;
    using namespace bench;
    const std::string file = count > 1 ? arguments[1] : "";
    std::array<workers, 2> by{{{1}, {2}}};
    const bool with_pytorch = by[0].peer.version() && by[1].peer.version();
    training<tinycnn> tinycnn_training;
    training<mlp> mlp_training;
    training<resnet8> resnet8_training;
    race all;
    for (workers& w : by) all.add("TinyCNN 28x28", "tinycnn", tinycnn_training, w);
    for (workers& w : by) all.add("MLP 784-256-256-10", "mlp", mlp_training, w);
    for (workers& w : by) all.add("ResNet-8", "resnet8", resnet8_training, w);

    const auto measured_peak = [] { return 2e-3 * tc::measure_peak<tc::native>().fp32.value_or(0); };
    const double before = measured_peak();
    const auto& rows = all.run();
    const double peak = std::max(before, measured_peak());

    const std::string version = with_pytorch ? *by[0].peer.version() : "";
    std::printf("%s; batches of %d; peak of a core: %.0f GFLOP/s FP32; PyTorch %s\n", machine_text().c_str(), batch,
                peak, with_pytorch ? version.c_str() : "left out, " COMPRESS_PYTORCH " does not find it");
    std::vector<std::string> heads{"net", "threads", "ms a step", "images/s", "faster", "GFLOP/s", "peak %"};
    if (with_pytorch)
        for (const char* head : {"PyTorch images/s", "channels last", "ratio"}) heads.emplace_back(head);
    tc::text_table table(heads);
    nlohmann::ordered_json json = nlohmann::ordered_json::array();
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const training_row& r = rows[i];
        table.add(cells_of(r, rows[i - i % by.size()].ours, peak, with_pytorch));
        json.push_back({{"net", r.net},
                        {"threads", r.threads},
                        {"step_seconds", r.ours},
                        {"pytorch_step_seconds", r.contiguous},
                        {"pytorch_channels_last_step_seconds", r.channels_last},
                        {"multiply_adds", r.multiply_adds}});
    }
    std::fputs(table.markdown().c_str(), stdout);
    write_figures(file, {{"batch", batch}, {"peak_fp32_gflops", peak}, {"pytorch", version}, {"rows", json}});
    return 0;
}
