// SPDX-License-Identifier: MIT

// Rows of the demo that are trained with the integers of their net: few bits, and zeros that are not stored.

#include <compress/transform/gptq.hpp>
#include <compress/transform/prune_gradually.hpp>
#include <compress/transform/prune_to_pattern.hpp>

#include "demo_rows.hpp"

namespace tc = tensor_compress;

inline constexpr tc::recipe all_ternary{tc::ternary};
inline constexpr auto two_of_four = tc::recipe{tc::int8}.with("conv[23]", tc::int8 | tc::n_of_m<2, 4>);
inline constexpr auto mostly_zeros = tc::recipe{tc::int8}.with("conv[23]", tc::int8 | tc::unstructured<90>);

namespace {

/// Training starts where rounding on records ends.
constexpr auto from_rounded = []<class Net>(const workbench& bench, std::type_identity<Net>) {
    const auto rounded = tc::gptq<Net>(bench.weights, tc::records(bench.some));
    return result_of(tc::fit<Net>(tc::dequantize<digits_cnn>(bench.weights, rounded), bench.training,
                                  fine_tuning(8, 2e-3), bench.threads));
};

/// What the pattern does not store becomes 0, and the rest learns to do without it.
template <class Net>
technique_result without_zeros(const workbench& bench, const tc::named_tensors& weights, tc::fit_options options) {
    const auto pruned = tc::prune_to_pattern<Net>(weights);
    options.masks = &pruned.masks;
    return result_of(tc::fit<Net>(pruned.weights, bench.training, options, bench.threads));
}

constexpr auto at_once = []<class Net>(const workbench& bench, std::type_identity<Net>) {
    return without_zeros<Net>(bench, bench.weights, fine_tuning(4, 2e-3));
};

/// Of ninety percent the net loses less when they go in steps, with an epoch after each.
constexpr auto in_steps = []<class Net>(const workbench& bench, std::type_identity<Net>) {
    tc::prune_gradually_options options;
    options.ratio = 0.9;
    options.layers = {"conv[23]"};
    options.training = fine_tuning(1, 5e-3);
    const auto pruned = tc::prune_gradually<digits_cnn>(bench.weights, bench.training, options, bench.threads);
    return without_zeros<Net>(bench, pruned.weights, fine_tuning(8, 5e-3));
};

}  // namespace

void add_trained_rows(workbench& bench) {
    row<digits_with<all_ternary>>(bench, "ternary", "trained with its integers", from_rounded);
    row<digits_with<two_of_four>>(bench, "INT8, 2 of 4 weights", "pruned to the pattern, trained", at_once);
    row<digits_with<mostly_zeros>>(bench, "INT8, 90 % zeros", "pruned in steps, trained", in_steps);
}
