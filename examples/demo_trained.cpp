// SPDX-License-Identifier: MIT

// Rows of the demo that are trained with the integers of their net: few bits, and zeros that are not stored.

#include <compress/transform/gptq.hpp>
#include <compress/transform/prune_gradually.hpp>
#include <compress/transform/prune_to_pattern.hpp>

#include "demo_rows.hpp"

namespace tc = tensor_compress;

inline constexpr tc::recipe all_ternary{tc::ternary};
inline constexpr auto two_of_four = tc::recipe{tc::int8}.with("conv[23]", tc::int8 | tc::n_of_m<2, 4>);
inline constexpr auto few_weights = tc::recipe{tc::int8}.with("conv[23]", tc::int8 | tc::unstructured<90>);

namespace {

/// Training starts where rounding on records ends.
template <class Net>
technique_result from_rounded(const workbench& bench) {
    const auto rounded = tc::gptq<Net>(bench.weights, tc::records(bench.some));
    return result_of(tc::fit<Net>(tc::dequantize<digits_cnn>(bench.weights, rounded), bench.training,
                                  fine_tuning(4, 2e-3), bench.threads));
}

/// What the pattern does not store becomes 0, and the rest learns to do without it.
template <class Net>
technique_result without_zeros(const workbench& bench, const tc::named_tensors& weights) {
    const auto pruned = tc::prune_to_pattern<Net>(weights);
    auto options = fine_tuning(4, 2e-3);
    options.masks = &pruned.masks;
    return result_of(tc::fit<Net>(pruned.weights, bench.training, options, bench.threads));
}

/// Ninety percent at once are too many: in steps, with an epoch after each.
template <class Net>
technique_result in_steps(const workbench& bench) {
    tc::prune_gradually_options options;
    options.ratio = 0.9;
    options.steps = 4;
    options.layers = {"conv[23]"};
    options.training = fine_tuning(1, 5e-3);
    return without_zeros<Net>(
        bench, tc::prune_gradually<digits_cnn>(bench.weights, bench.training, options, bench.threads).weights);
}

}  // namespace

void add_trained_rows(workbench& bench) {
    using ternary_net = tc::net<digits_cnn, all_ternary>;
    using two_of_four_net = tc::net<digits_cnn, two_of_four>;
    using few_weights_net = tc::net<digits_cnn, few_weights>;
    row<ternary_net>(bench, "ternary", "trained with its integers", from_rounded<ternary_net>);
    row<two_of_four_net>(bench, "INT8, 2 of 4 weights", "pruned to the pattern, trained",
                         [](const workbench& b) { return without_zeros<two_of_four_net>(b, b.weights); });
    row<few_weights_net>(bench, "INT8, 10 % of the weights", "pruned in steps, trained", in_steps<few_weights_net>);
}
