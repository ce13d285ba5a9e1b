// SPDX-License-Identifier: MIT

// 09_low_rank [--mnist FOLDER]: a layer as two or three thin ones. You will see the multiply-adds and the accuracy of a
// small CNN whose large convolution is split in each of the ways there are, at about 40 % of its weights: with the
// parts nearest to its weights, and with the last part refitted to what the layer gave on records. Then which ranks a
// budget of multiply-adds chooses for all layers, and what is said of a rank that saves nothing.

#include <compress/compress.hpp>

#include "digit_records.hpp"

namespace tc = tensor_compress;

inline constexpr auto cnn = tc::make_model([](auto& g) {
    auto x = g.relu(g.conv2d("conv1", g.input("image", {28, 28, 1}), 16, {3, 3}, {.stride = 2}));
    x = g.relu(g.conv2d("conv2", x, 32, {3, 3}));
    x = g.relu(g.conv2d("conv3", x, 32, {3, 3}, {.stride = 2}));
    g.linear("head", g.global_average_pool("mean", x), 10);
});
// Rewrites are constexpr functions from model to model. conv2 has 16 x 32 x 3 x 3 = 4,608 weights.
inline constexpr auto kernel_then_channels = tc::low_rank(cnn, "conv2", 10);     // 10 x (144 + 32)
inline constexpr auto column_then_row = tc::spatial_low_rank(cnn, "conv2", 13);  // 13 x (16 x 3 + 32 x 3)
inline constexpr auto kernel_between = tc::tucker(cnn, "conv2", {10, 12});       // 160 + 1,080 + 384
static_assert(tc::multiply_adds(kernel_between) < tc::multiply_adds(cnn));

int main(int count, char** words) try {
    const auto records = digit_records_for(count, words);
    const tc::thread_pool threads(2);
    const tc::fit_options training{.epochs = 6, .optimizer = tc::adam{.rate = 5e-3}, .schedule = tc::cosine_rate{}};
    const auto weights = tc::fit<cnn>(tc::initial_weights<cnn>(1), records.training, training, threads).weights;
    const tc::records some(records.training.slice(0, 256));

    tc::text_table table({"conv2", "weights bytes", "multiply-adds", "nearest weights", "refitted on records"});
    double accuracy = 0;
    const auto add = [&]<const auto & Model>(const char* name, const tc::named_tensors& nearest) {
        using net = tc::net<Model>;
        const auto judged = [&](const tc::named_tensors& w) {
            return tc::accuracy<net>(tc::convert<net>(w), records.test);
        };
        accuracy = judged(tc::refit_layer<cnn, Model>("conv2", weights, nearest, some));
        table.add({name, std::to_string(net::weights_bytes), std::to_string(net::multiply_adds),
                   tc::fixed_text(judged(nearest), 2), tc::fixed_text(accuracy, 2)});
    };
    add.operator()<cnn>("whole", weights);
    add.operator()<kernel_then_channels>("low_rank", tc::low_rank(cnn, "conv2", 10, weights));
    add.operator()<column_then_row>("spatial_low_rank", tc::spatial_low_rank(cnn, "conv2", 13, weights));
    add.operator()<kernel_between>("tucker", tc::tucker(cnn, "conv2", {10, 12}, weights));
    std::printf("%s", table.text().c_str());

    std::printf("90 %% of the energy of conv2 is in rank %d\n", tc::rank_of_energy(cnn, "conv2", weights, 0.9));
    const auto choice = tc::choose_ranks<cnn>(weights, some, {.ratio = 0.5});
    std::printf("half of the multiply-adds: %s\n", tc::low_rank_text(choice, "cnn", "tc::").c_str());
    try {
        static_cast<void>(tc::low_rank(cnn, "conv3", 29, weights));
    } catch (const tc::error& refused) {
        std::printf("%s\n", refused.what());
    }
    return accuracy > 80 && choice.met ? 0 : 1;
} catch (const tc::error& problem) {
    std::fprintf(stderr, "%s\n", problem.what());
    return 2;
}
