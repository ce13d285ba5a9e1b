// SPDX-License-Identifier: MIT

// ResNet-8 made much smaller with training: fewer bits, patterns of zeros, fewer channels, and a search under a budget.
// Its own float net teaches, on 6,500 training images (the net was trained on 50,000). Judged by the test images, or
// with --hold-out by the last 1,000 training images, by which options were chosen.
//
// bench_compression [--hold-out] [bits] [zeros] [channels] [BYTES ...]: all, or what is named; BYTES is a budget of
// compress_to, with its defaults; bits, zeros and channels have options that were found by hand.

#include <chrono>
#include <cstdlib>
#include <iostream>

#include <compress/tensor/thread_pool.hpp>
#include <compress/transform/compress_to.hpp>
#include <compress/transform/prune_to_pattern.hpp>

#include "figures.hpp"
#include "judging.hpp"
#include "resnet8_bn_fp32.hpp"

namespace bench {

inline constexpr auto& whole = resnet8_bn_fp32;
inline constexpr auto few_ternary = tc::recipe{tc::ternary}.with("conv2d", tc::int8).with("dense", tc::int8);
inline constexpr auto few_binary = tc::recipe{tc::binary}.with("conv2d", tc::int8).with("dense", tc::int8);
inline constexpr auto two_of_four =
    tc::recipe{tc::int8 | tc::n_of_m<2, 4>}.with("conv2d", tc::int8).with("dense", tc::int8);

/// Fewer channels in three steps; 0.7 of them are 49 % of the multiply-adds.
inline constexpr auto nine_tenths = tc::keep_channels(resnet8_bn_fp32, {.ratio = 0.9});
inline constexpr auto eight_tenths = tc::keep_channels(resnet8_bn_fp32, {.ratio = 0.8});
inline constexpr auto seven_tenths = tc::keep_channels(resnet8_bn_fp32, {.ratio = 0.7});
static_assert(tc::multiply_adds(seven_tenths) * 2 <= tc::multiply_adds(resnet8_bn_fp32));

namespace {

class program {
public:
    program(const std::filesystem::path& data, bool hold_out)
        : weights_(tc::import_onnx(data / "models" / "resnet8_bn_fp32.onnx").weights),
          images_(data, hold_out),
          seen_(images_.learned.slice(0, 1024)),
          hold_out_(hold_out) {
        add("FP32", tc::net<resnet8_bn_fp32>::weights_bytes, tc::multiply_adds(resnet8_bn_fp32),
            judged<resnet8_bn_fp32>(weights_, first_), hold_out ? -1 : judged<resnet8_bn_fp32>(weights_, second_));
    }

    void run(const std::vector<std::string>& named) {
        const auto wants = [&](const char* part) {
            return named.empty() || std::find(named.begin(), named.end(), part) != named.end();
        };
        if (wants("bits")) {
            train_net<few_ternary>("ternary, first and last INT8");
            train_net<few_binary>("binary, first and last INT8");
        }
        if (wants("zeros")) train_net<two_of_four>("INT8, 2 of 4, first and last dense", 2 * training_epochs);
        if (wants("channels")) have_fewer_channels();
        for (const std::string& part : named)
            if (const long long bytes = std::atoll(part.c_str()); bytes > 0) search(bytes);
        if (named.empty())
            for (const long long bytes : {30000, 20000}) search(bytes);
    }

    void print() const {
        std::printf("%s; accuracy in %%, %s\n%s", machine_text().c_str(),
                    hold_out_ ? "held-out training images" : "500 original and 1,500 JPEG test images",
                    table_.markdown().c_str());
    }

private:
    void add(const std::string& what, long long bytes, long long multiply_adds, double first, double second,
             double seconds = 0) {
        table_.add({what, std::to_string(bytes), std::to_string(multiply_adds), percent(first),
                    second < 0 ? "-" : percent(second), seconds == 0 ? "-" : tc::fixed_text(seconds, 0)});
        std::printf("%s: %s\n", what.c_str(), percent(first).c_str());
        std::fflush(stdout);
    }
    template <class Net>
    void add(const std::string& what, const tc::packed<Net>& net, std::chrono::steady_clock::time_point begun) {
        const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
        add(what, Net::weights_bytes, Net::multiply_adds, judged(net, first_), hold_out_ ? -1 : judged(net, second_),
            seconds);
    }

    tc::distil_options options(int epochs, double rate) const {
        tc::distil_options o{
            {.epochs = epochs, .optimizer = tc::adam{.rate = rate}, .schedule = tc::cosine_rate{}}, 4, 0.9};
        o.augment = {.shift = 4, .flip = true};
        o.progress = &std::cerr;
        return o;
    }

    /// Pruned to its pattern, where it has one, and rounded on records, then trained with its integers.
    template <const auto& Recipe>
    void train_net(const std::string& name, int epochs = training_epochs) {
        using net = tc::net<resnet8_bn_fp32, Recipe>;
        const auto begun = std::chrono::steady_clock::now();
        const auto pruned = tc::prune_to_pattern<net>(weights_, seen_).weights;
        const auto rounded = tc::gptq<net>(pruned, seen_);
        add(name + ", rounded on records",
            tc::convert<net>(pruned, tc::calibrate<resnet8_bn_fp32>(pruned, seen_), rounded), begun);
        const auto start = tc::dequantize<resnet8_bn_fp32>(pruned, rounded);
        add(name + ", trained",
            tc::convert(
                tc::distil<resnet8_bn_fp32, net>(weights_, start, learned_, options(epochs, with_integers), threads_)),
            begun);
    }

    template <const auto& Before, const auto& After>
    tc::named_tensors narrowed(const tc::named_tensors& weights, int epochs) {
        const auto scores = tc::score_channels_by_loss<Before>(weights, learned_.slice(0, 1024), 8, threads_);
        const auto cut = tc::keep_channels<Before, After>(weights, scores);
        return tc::distil<resnet8_bn_fp32, After>(weights_, cut, learned_, options(epochs, in_floats), threads_)
            .weights;
    }
    void have_fewer_channels() {
        const auto begun = std::chrono::steady_clock::now();
        auto weights = narrowed<resnet8_bn_fp32, nine_tenths>(weights_, 8);
        weights = narrowed<nine_tenths, eight_tenths>(weights, 8);
        weights = narrowed<eight_tenths, seven_tenths>(weights, 2 * training_epochs);
        add("0.7 of the channels, FP32", tc::convert<tc::net<seven_tenths>>(weights), begun);
        using net = tc::net<seven_tenths, every_int8>;
        add("0.7 of the channels, INT8", tc::convert<net>(weights, tc::calibrate<seven_tenths>(weights, seen_)), begun);
    }

    void search(long long bytes) {
        const auto begun = std::chrono::steady_clock::now();
        tc::compress_options o;
        o.max_bytes = bytes;
        o.model_name = "resnet8_bn_fp32";
        o.training.progress = &std::cerr;
        const auto found = tc::compress_to<resnet8_bn_fp32>(weights_, learned_, o, threads_);
        for (const auto* p : tc::pareto_front(found))
            std::printf("  %lld bytes, held out %.2f %%: %s, %s\n", p->bytes, p->accuracy, p->model.c_str(),
                        p->recipe.c_str());
        for (const std::string& sentence : tc::advice_from(found)) std::printf("  %s\n", sentence.c_str());
        if (!found.met) std::printf("  not met: %s\n", found.explanation.c_str());
        judge(bytes, found.chosen(), begun);
    }
    /// In the simulation, with integer weights and values: the type of the choice is not known to this program.
    void judge(long long bytes, const tc::compressed_point& p, std::chrono::steady_clock::time_point begun) {
        const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
        const auto figures = [&]<const auto & Model>() {
            add("compress_to " + std::to_string(bytes) + " bytes", p.bytes, p.multiply_adds,
                tc::simulated_accuracy<Model>(p, first_), hold_out_ ? -1 : tc::simulated_accuracy<Model>(p, second_),
                seconds);
        };
        if (p.width == 100)
            figures.operator()<resnet8_bn_fp32>();
        else
            figures.operator()<tc::detail::narrower<resnet8_bn_fp32, 75>>();
    }

    static constexpr int training_epochs = 40;
    // Of Adam. With integers between two rates that were tried on held-out images; in floats its default.
    static constexpr double in_floats = 1e-3, with_integers = 4e-4;

    tc::named_tensors weights_;
    cifar_parts images_;
    const tc::data_set &learned_ = images_.learned, &first_ = images_.first, &second_ = images_.second;
    tc::records seen_;
    bool hold_out_;
    tc::thread_pool threads_{2};
    tc::text_table table_{{"ResNet-8", "bytes", "multiply-adds", "first part", "second part", "seconds"}};
};

}  // namespace
}  // namespace bench

int main(int count, char** words) {
    const auto data = tests::data_directory();
    if (!data) {
        tests::skip_notice("compression with training: neither COMPRESS_DATA nor ../shared/data is a folder");
        return 0;
    }
    std::vector<std::string> named;
    bool hold_out = false;
    for (int i = 1; i < count; ++i)
        if (std::string(words[i]) == "--hold-out")
            hold_out = true;
        else
            named.emplace_back(words[i]);
    bench::program program(*data, hold_out);
    program.run(named);
    program.print();
    return 0;
}
