// SPDX-License-Identifier: MIT

// One trained MLP, 784-256-256-10 on MNIST, made smaller by one technique after the other: accuracy on the test images;
// and how much faster it is with fewer channels. With --hold-out the last 5,000 training images judge, by which options
// of training are chosen, and the net is trained here on the others: the reference net knows them too well (99.3 %) to
// be judged by them.

#include <compress/tensor/thread_pool.hpp>
#include <compress/transform/distil.hpp>
#include <compress/transform/gptq.hpp>
#include <compress/transform/keep_channels.hpp>
#include <compress/transform/low_rank.hpp>
#include <compress/transform/prune_on_records.hpp>

#include "figures.hpp"
#include "judging.hpp"
#include "mnist_mlp.hpp"
#include "smallest_times.hpp"

namespace bench {

inline constexpr tc::recipe int4_weights{tc::weight_only(tc::int4)};
inline constexpr tc::recipe int8_at_run_time{tc::dynamic(tc::int8)};
inline constexpr tc::recipe int4_at_run_time{tc::dynamic(tc::int4)};
inline constexpr tc::recipe every_ternary{tc::ternary};
inline constexpr tc::recipe every_binary{tc::binary};
inline constexpr tc::recipe every_table{tc::int8 | tc::codebook<2>};

/// fc1 at half of its full rank; fc2 would gain nothing from that. Both at a quarter, and at an eighth.
inline constexpr auto half_rank = tc::low_rank(mnist_mlp, "fc1/Gemm", 128);
inline constexpr auto quarter_first = tc::low_rank(mnist_mlp, "fc1/Gemm", 64);
inline constexpr auto quarter_rank = tc::low_rank(quarter_first, "fc2/Gemm", 64);
inline constexpr auto eighth_first = tc::low_rank(mnist_mlp, "fc1/Gemm", 32);
inline constexpr auto eighth_rank = tc::low_rank(eighth_first, "fc2/Gemm", 32);

/// 784-179-179-10.
inline constexpr auto fewer_channels = tc::keep_channels(mnist_mlp, {.ratio = 0.7});
static_assert(fewer_channels[fewer_channels.find("fc2/Gemm")].output.channels() == 179);

inline constexpr auto teacher = tc::make_model([](auto& g) {
    auto x = g.relu(g.linear("fc1", g.flatten(g.input("image", {28, 28, 1})), 512));
    x = g.relu(g.linear("fc2", x, 256));
    g.linear("fc3", x, 10);
});
inline constexpr auto student = tc::make_model([](auto& g) {
    auto x = g.relu(g.linear("fc1", g.flatten(g.input("image", {28, 28, 1})), 64));
    g.linear("fc2", x, 10);
});

namespace {

class program {
public:
    program(const std::filesystem::path& data, bool hold_out)
        : all_(mnist(data, "train")),
          learned_(hold_out ? all_.slice(0, all_.size() - 5000) : all_),
          judge_(hold_out ? all_.slice(all_.size() - 5000, all_.size()) : mnist(data, "test5k")),
          seen_(learned_.slice(0, 1024)),
          weights_(
              hold_out
                  ? tc::fit<mnist_mlp>(tc::initial_weights<mnist_mlp>(1), learned_, {.epochs = 3, .optimizer = tc::adam{}}, threads_).weights
                  : tc::import_onnx(data / "models" / "mnist_mlp.onnx").weights) {}

    void run() {
        add("FP32", judged<mnist_mlp>(weights_, judge_));
        add("FP32, one more epoch",
            judged<mnist_mlp>(tc::fit<mnist_mlp>(weights_, learned_, once_in_floats_, threads_).weights, judge_));
        quantize_at_run_time<int8_at_run_time>("INT8");
        quantize_at_run_time<int4_at_run_time>("INT4");
        round_all();
        train_all();
        prune_all();
        cut_all();
        factorise_all();
        distil_all();
        std::printf("%s; %zu images judge; accuracy in %%\n%s\n%s", machine_text().c_str(), judge_.size(),
                    table_.markdown().c_str(), times_.markdown().c_str());
    }

private:
    void add(const std::string& technique, double accuracy) { table_.add({technique, percent(accuracy)}); }

    template <const auto& Recipe>
    void round_to(const std::string& name) {
        using net = tc::net<mnist_mlp, Recipe>;
        const auto ranges = tc::calibrate<mnist_mlp>(weights_, seen_);
        const auto rounded = tc::gptq<net>(weights_, seen_);
        add(name + ", rounded to nearest", judged(tc::convert<net>(weights_, ranges), judge_));
        add(name + " with GPTQ", judged(tc::convert<net>(weights_, ranges, rounded), judge_));
        add(name + " with GPTQ, FP32 activations",
            judged<mnist_mlp>(tc::dequantize<mnist_mlp>(weights_, rounded), judge_));
    }
    /// No calibration: values are quantised over the range that they have at each run.
    template <const auto& Recipe>
    void quantize_at_run_time(const std::string& name) {
        using net = tc::net<mnist_mlp, Recipe>;
        add("dynamic " + name + ", rounded to nearest", judged(tc::convert<net>(weights_), judge_));
    }
    void round_all() {
        using net = tc::net<mnist_mlp, int4_weights>;
        add("weight-only INT4, rounded to nearest", judged(tc::convert<net>(weights_), judge_));
        round_to<every_int8>("INT8");
        round_to<every_int4>("INT4");
        round_to<every_int3>("INT3");
        round_to<every_int2>("INT2");
    }

    template <const auto& Recipe>
    void train_with(const std::string& name) {
        using net = tc::net<mnist_mlp, Recipe>;
        const auto rounded = tc::dequantize<mnist_mlp>(weights_, tc::gptq<net>(weights_, seen_));
        add(name + " with GPTQ, then one epoch",
            judged(tc::convert(tc::fit<net>(rounded, learned_, once_with_integers_, threads_)), judge_));
    }
    void train_all() {
        train_with<every_int2>("INT2");
        round_to<every_ternary>("ternary");
        train_with<every_ternary>("ternary");
        round_to<every_binary>("binary");
        train_with<every_binary>("binary");
        round_to<every_table>("tables of 4 values");
        train_with<every_table>("tables of 4 values");
    }

    void prune_all() {
        for (const double ratio : {0.3, 0.5, 0.8, 0.9})
            add(tc::fixed_text(100 * ratio, 0) + " % zeros by magnitude",
                judged<mnist_mlp>(tc::prune<mnist_mlp>(weights_, {.ratio = ratio}).weights, judge_));
        for (const double ratio : {0.8, 0.9})
            add(tc::fixed_text(100 * ratio, 0) + " % zeros on records",
                judged<mnist_mlp>(tc::prune_on_records<mnist_mlp>(weights_, seen_, {.ratio = ratio}).weights, judge_));
        for (const auto scope : {tc::prune_scope::layer, tc::prune_scope::global}) {
            const auto pruned = tc::prune<mnist_mlp>(weights_, {.ratio = 0.9, .scope = scope});
            tc::fit_options once{.epochs = 1, .optimizer = tc::adam{.rate = 2e-3}, .schedule = tc::cosine_rate{}};
            once.masks = &pruned.masks;
            const auto tuned = tc::fit<mnist_mlp>(pruned.weights, learned_, once, threads_);
            add(std::string("90 % zeros by magnitude, ") +
                    (scope == tc::prune_scope::layer ? "of each layer" : "of all layers together") + ", then one epoch",
                judged<mnist_mlp>(tuned.weights, judge_));
        }
    }

    void cut_all() {
        cut_by("l1", tc::score_channels(mnist_mlp, weights_));
        const auto tuned = cut_by("the loss", tc::score_channels_by_loss<mnist_mlp>(weights_, learned_.slice(0, 1024)));
        time_both<tc::all_fp32>("FP32", tuned);
        time_both<every_int8>("INT8", tuned);
        time_both<int8_at_run_time>("dynamic INT8", tuned);
    }
    tc::named_tensors cut_by(const std::string& name, const tc::channel_scores& scores) {
        const auto fewer = tc::keep_channels<mnist_mlp, fewer_channels>(weights_, scores);
        add("fc1, fc2 without 30 % of their channels, by " + name, judged<fewer_channels>(fewer, judge_));
        auto tuned = tc::fit<fewer_channels>(fewer, learned_, once_in_floats_, threads_).weights;
        add("fc1, fc2 without 30 % of their channels, by " + name + ", then one epoch",
            judged<fewer_channels>(tuned, judge_));
        return tuned;
    }

    template <const auto& Recipe>
    void time_both(const std::string& name, const tc::named_tensors& tuned) {
        using full_net = tc::net<mnist_mlp, Recipe>;
        using fewer_net = tc::net<fewer_channels, Recipe>;
        const auto full = tc::convert<full_net>(weights_, tc::calibrate<mnist_mlp>(weights_, seen_));
        const auto fewer = tc::convert<fewer_net>(tuned, tc::calibrate<fewer_channels>(tuned, seen_));
        tc::runner<full_net> run_full(full);
        tc::runner<fewer_net> run_fewer(fewer);
        run_full(learned_.input(0));
        run_fewer(learned_.input(0));
        const auto us = smallest_times({[&] { run_full.execute_raw(); }, [&] { run_fewer.execute_raw(); }}, 3);
        const auto add_net = [&]<class Net>(const char* shape, double time, std::type_identity<Net>) {
            times_.add({shape, name, std::to_string(Net::weights_bytes), std::to_string(Net::multiply_adds),
                        tc::fixed_text(time, 2), tc::fixed_text(us[0] / time, 2)});
        };
        add_net("784-256-256-10", us[0], std::type_identity<full_net>{});
        add_net("784-179-179-10", us[1], std::type_identity<fewer_net>{});
    }

    void factorise_all() {
        const auto both = [&](const auto& first_split, int rank) {
            return tc::low_rank(first_split, "fc2/Gemm", rank, tc::low_rank(mnist_mlp, "fc1/Gemm", rank, weights_));
        };
        add("fc1 of rank 128", judged<half_rank>(tc::low_rank(mnist_mlp, "fc1/Gemm", 128, weights_), judge_));
        add("fc1, fc2 of rank 64", judged<quarter_rank>(both(quarter_first, 64), judge_));
        add("fc1, fc2 of rank 32", judged<eighth_rank>(both(eighth_first, 32), judge_));
        try {
            tc::low_rank(mnist_mlp, "fc2/Gemm", tc::rank_of_ratio(mnist_mlp, "fc2/Gemm", 0.5), weights_);
        } catch (const tc::error& refused) {
            std::printf("refused: %s\n", refused.what());
        }
    }

    void distil_all() {
        const auto few = learned_.slice(0, 6000);
        double gain = 0;
        for (std::uint64_t seed = 0; seed < 3; ++seed) {
            const auto taught_by = tc::fit<teacher>(tc::initial_weights<teacher>(seed), learned_,
                                                    {.epochs = 3, .batch = 128, .optimizer = tc::adam{}, .seed = seed}, threads_);
            tc::distil_options options{{.epochs = 20, .optimizer = tc::adam{}, .seed = seed}};
            const auto start = tc::initial_weights<student>(seed + 100);
            const double alone = judged<student>(tc::fit<student>(start, few, options, threads_).weights, judge_);
            const double taught = judged<student>(
                tc::distil<teacher, student>(taught_by.weights, start, few, options, threads_).weights, judge_);
            const std::string name = "784-64-10, seed " + std::to_string(seed);
            add(name + ", alone", alone);
            add(name + ", distilled from 784-512-256-10", taught);
            gain += (taught - alone) / 3;
        }
        add("mean gain of the distilled ones", gain);
    }

    // Rates were chosen with --hold-out: for integers the best one on average over INT2, ternary and binary.
    const tc::fit_options once_with_integers_{.epochs = 1, .optimizer = tc::adam{.rate = 2e-3}, .schedule = tc::cosine_rate{}};
    const tc::fit_options once_in_floats_{.epochs = 1, .optimizer = tc::adam{.rate = 1e-3}, .schedule = tc::cosine_rate{}};
    const tc::thread_pool threads_{2};
    tc::data_set all_, learned_, judge_;
    tc::records seen_;
    tc::named_tensors weights_;
    tc::text_table table_{{"technique", "accuracy"}};
    tc::text_table times_{{"net", "formats", "weights bytes", "multiply-adds", "us", "times as fast"}};
};

}  // namespace
}  // namespace bench

int main(int count, char** words) {
    using namespace bench;
    const auto data = tests::data_directory();
    if (!data) {
        tests::skip_notice("techniques on MNIST: neither COMPRESS_DATA nor ../shared/data is a folder");
        return 0;
    }
    program(*data, count > 1 && std::string(words[1]) == "--hold-out").run();
    return 0;
}
