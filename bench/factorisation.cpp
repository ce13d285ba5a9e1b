// SPDX-License-Identifier: MIT

// ResNet-8 with its three largest 3x3 convolutions at about half of their weights, split in the three ways there are,
// and by the ranks that a budget of multiply-adds chooses: accuracy without training, with the last part of each layer
// refitted on records, and after a few epochs with the whole net as teacher. Judged by the test images, or with
// --hold-out by the last 1,000 training images.

#include <compress/tensor/thread_pool.hpp>
#include <compress/transform/choose_ranks.hpp>
#include <compress/transform/distil.hpp>
#include <compress/transform/refit_layer.hpp>
#include <compress/transform/split_convolution.hpp>

#include "figures.hpp"
#include "judging.hpp"
#include "resnet8_bn_fp32.hpp"

namespace bench {

inline constexpr const auto& whole = resnet8_bn_fp32;
inline constexpr const char* split_layers[] = {"conv2d_4", "conv2d_6", "conv2d_7"};

inline constexpr auto two_parts =
    tc::low_rank(tc::low_rank(tc::low_rank(whole, "conv2d_4", 14), "conv2d_6", 26), "conv2d_7", 28);
inline constexpr auto rows_and_columns = tc::spatial_low_rank(
    tc::spatial_low_rank(tc::spatial_low_rank(whole, "conv2d_4", 24), "conv2d_6", 32), "conv2d_7", 48);
inline constexpr auto three_parts =
    tc::tucker(tc::tucker(tc::tucker(whole, "conv2d_4", {20, 20}), "conv2d_6", {20, 36}), "conv2d_7", {40, 40});

namespace {

class program {
public:
    program(const std::filesystem::path& data, bool hold_out)
        : weights_(tc::import_onnx(data / "models" / "resnet8_bn_fp32.onnx").weights),
          images_(data, hold_out),
          seen_(images_.learned.slice(0, 1024)) {}

    void run() {
        add<whole>("whole", {{"-", weights_}});
        split<two_parts>("low_rank: kernel, 1x1", [&](const char* layer, auto w) {
            return tc::low_rank(whole, layer, layer == split_layers[0] ? 14 : layer == split_layers[1] ? 26 : 28, w);
        });
        split<rows_and_columns>("spatial_low_rank: column, row", [&](const char* layer, auto w) {
            return tc::spatial_low_rank(whole, layer,
                                        layer == split_layers[0]   ? 24
                                        : layer == split_layers[1] ? 32
                                                                   : 48,
                                        w);
        });
        split<three_parts>("tucker: 1x1, kernel, 1x1", [&](const char* layer, auto w) {
            const tc::tucker_ranks ranks = layer == split_layers[0]   ? tc::tucker_ranks{20, 20}
                                           : layer == split_layers[1] ? tc::tucker_ranks{20, 36}
                                                                      : tc::tucker_ranks{40, 40};
            return tc::tucker(whole, layer, ranks, w);
        });
        const auto plain = tc::choose_ranks(whole, weights_, {.ratio = 0.6, .whole = {"dense"}});
        const auto on_records = tc::choose_ranks<whole>(weights_, seen_, {.ratio = 0.6, .whole = {"dense"}});
        std::printf("%s; accuracy in %%\n%s\n60 %% of the multiply-adds, by weights: %s\non records: %s\n",
                    machine_text().c_str(), table_.markdown().c_str(), tc::low_rank_text(plain, "resnet8", "").c_str(),
                    tc::low_rank_text(on_records, "resnet8", "").c_str());
    }

private:
    /// Each layer's tensors from a split of the whole model, where labels are what they were.
    template <const auto& Split, class One>
    void split(const std::string& name, const One& one) {
        tc::named_tensors parts = weights_;
        for (const char* layer : split_layers)
            for (const auto& [tensor, values] : one(layer, weights_))
                if (tensor.starts_with(std::string(layer) + '/') || tensor == std::string(layer) + ".weight")
                    parts[tensor] = values;
        tc::named_tensors refitted = parts;
        for (const char* layer : split_layers)
            refitted = tc::refit_layer<whole, Split>(layer, weights_, refitted, seen_);
        tc::distil_options o{{.epochs = 8, .optimizer = tc::adam{.rate = 3e-4}, .schedule = tc::cosine_rate{}}, 4, 0.9};
        o.augment = {.shift = 4, .flip = true};
        const auto trained = tc::distil<whole, Split>(weights_, refitted, images_.learned, o, threads_).weights;
        add<Split>(name, {{"as it is", parts}, {"refitted", refitted}, {"trained", trained}});
    }
    template <const auto& Model>
    void add(const std::string& name, const std::vector<std::pair<std::string, tc::named_tensors>>& all) {
        for (const auto& [how, weights] : all)
            table_.add({name, how, std::to_string(tc::net<Model>::weights_bytes),
                        std::to_string(tc::net<Model>::multiply_adds), percent(judged<Model>(weights, images_.first)),
                        images_.second.size() == 0 ? "-" : percent(judged<Model>(weights, images_.second))});
    }

    tc::named_tensors weights_;
    cifar_parts images_;
    tc::records seen_;
    tc::thread_pool threads_{2};
    tc::text_table table_{{"convolutions", "parts", "weights bytes", "multiply-adds", "first part", "second part"}};
};

}  // namespace
}  // namespace bench

int main(int count, char** words) {
    const auto data = tests::data_directory();
    if (!data) {
        tests::skip_notice("factorisation: neither COMPRESS_DATA nor ../shared/data is a folder");
        return 0;
    }
    bench::program(*data, count > 1 && std::string(words[1]) == "--hold-out").run();
    return 0;
}
