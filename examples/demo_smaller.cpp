// SPDX-License-Identifier: MIT

// Rows of the demo whose models are smaller: fewer channels, a layer of low rank, a student.

#include <compress/transform/distil.hpp>
#include <compress/transform/keep_channels.hpp>
#include <compress/transform/low_rank.hpp>

#include "demo_rows.hpp"

namespace tc = tensor_compress;

inline constexpr auto half_as_wide = tc::keep_channels(digits_cnn, {.ratio = 0.5});
inline constexpr auto conv3_of_rank_8 = tc::low_rank(digits_cnn, "conv3", 8);
using half_net = tc::net<half_as_wide, all_int8>;
using low_rank_net = tc::net<conv3_of_rank_8, all_int8>;

namespace {

/// The channels stay without which the loss would change most.
technique_result with_fewer_channels(const workbench& bench, std::type_identity<half_net>) {
    const auto scores =
        tc::score_channels_by_loss<digits_cnn>(bench.weights, bench.training.slice(0, 512), 8, bench.threads);
    const auto fewer = tc::keep_channels<digits_cnn, half_as_wide>(bench.weights, scores);
    return result_of(tc::fit<half_net>(fewer, bench.training, fine_tuning(8, 5e-3), bench.threads));
}

technique_result with_low_rank(const workbench& bench, std::type_identity<low_rank_net>) {
    const auto factors = tc::low_rank<digits_cnn>("conv3", 8, bench.weights, tc::records(bench.some));
    return result_of(tc::fit<low_rank_net>(factors, bench.training, fine_tuning(4, 5e-3), bench.threads));
}

/// From nothing, with the labels and what the FP32 net thinks of each record; with the integers as soon as it knows
/// how.
technique_result taught(const workbench& bench, std::type_identity<half_net>) {
    constexpr double temperature = 2, alpha = 0.5;
    const auto student =
        tc::distil<digits_cnn, half_as_wide>(bench.weights, tc::initial_weights<half_as_wide>(1), bench.training,
                                             {fine_tuning(16, 1e-2), temperature, alpha}, bench.threads);
    return result_of(tc::distil<digits_cnn, half_net>(bench.weights, student.weights, bench.training,
                                                      {fine_tuning(4, 5e-3), temperature, alpha}, bench.threads));
}

}  // namespace

void add_smaller_rows(workbench& bench) {
    row<half_net>(bench, "INT8, half of the channels", "chosen by the loss, trained", with_fewer_channels);
    row<low_rank_net>(bench, "INT8, conv3 of rank 8", "nearest on records, trained", with_low_rank);
    row<half_net>(bench, "INT8 student, half as wide", "taught by the FP32 net", taught);
}
