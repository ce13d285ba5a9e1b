// SPDX-License-Identifier: MIT

// 08_prune [--mnist FOLDER]: weights that become 0. You will see the accuracy of one network with 50 to 90 % of them
// gone: the smallest ones, those that cost least on some records, those shared out over all layers, and each after one
// epoch of training that leaves the zeros alone. At the end the zeros are not stored any more.

#include <compress/compress.hpp>

#include "digit_records.hpp"
#include "digits_cnn.hpp"

namespace tc = tensor_compress;

using float_net = tc::net<digits_cnn>;
inline constexpr auto without_zeros = tc::recipe{tc::int8}.with("conv[23]", tc::int8 | tc::unstructured<80>);

int main(int count, char** words) try {
    const auto records = digit_records_for(count, words);
    const tc::thread_pool threads(2);
    const tc::fit_options options{.epochs = 6, .optimizer = tc::adam{.rate = 5e-3}, .schedule = tc::cosine_rate{}};
    const auto weights =
        tc::fit<digits_cnn>(tc::initial_weights<digits_cnn>(1), records.training, options, threads).weights;
    const tc::records some(records.training.slice(0, 256));
    const auto judged = [&](const tc::named_tensors& w) {
        return tc::fixed_text(tc::accuracy<float_net>(tc::convert<float_net>(w), records.test), 2);
    };
    const auto tuned = [&](const tc::pruned& p) {
        tc::fit_options once{.epochs = 1, .optimizer = tc::adam{.rate = 2e-3}, .schedule = tc::cosine_rate{}};
        once.masks = &p.masks;
        return tc::fit<digits_cnn>(p.weights, records.training, once, threads).weights;
    };

    std::printf("dense: %s %%\n", judged(weights).c_str());
    tc::text_table table(
        {"zeros %", "smallest", "then an epoch", "on records", "then an epoch", "shared out", "then an epoch"});
    for (const double ratio : {0.5, 0.8, 0.9}) {
        const auto smallest = tc::prune<digits_cnn>(weights, {.ratio = ratio});
        const auto chosen = tc::prune_on_records<digits_cnn>(weights, some, {.ratio = ratio});
        const auto shared =
            tc::prune_on_records<digits_cnn>(weights, some, {.ratio = ratio, .scope = tc::prune_scope::global});
        table.add({tc::fixed_text(100 * ratio, 0), judged(smallest.weights), judged(tuned(smallest)),
                   judged(chosen.weights), judged(tuned(chosen)), judged(shared.weights), judged(tuned(shared))});
    }
    std::printf("%s", table.text().c_str());

    // The pattern holds 20 % of each panel of 16 outputs: convert keeps the largest weights of each.
    const auto pruned = tc::prune_on_records<digits_cnn>(weights, some, {.ratio = 0.8, .layers = {"conv[23]"}});
    const auto final_weights = tuned(pruned);
    using net = tc::net<digits_cnn, without_zeros>;
    const auto seen = tc::calibrate<digits_cnn>(final_weights, some);
    const double accuracy = tc::accuracy<net>(tc::convert<net>(final_weights, seen), records.test);
    std::printf("int8 without the zeros of conv2 and conv3: %.2f %%, %lld bytes of weights (fp32: %lld)\n", accuracy,
                net::weights_bytes, float_net::weights_bytes);
    return accuracy > 80 ? 0 : 1;
} catch (const tc::error& problem) {
    std::fprintf(stderr, "%s\n", problem.what());
    return 2;
}
