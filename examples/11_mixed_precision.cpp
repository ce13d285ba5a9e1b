// SPDX-License-Identifier: MIT

// 11_mixed_precision [--mnist FOLDER]: each layer as few bits as it can do with. You will see how far every format of
// every layer alone moves the outputs of one network, which formats are the best for a number of bytes, and what the
// network with those formats keeps of its accuracy beside others of one format throughout.

#include <compress/compress.hpp>

#include "digit_records.hpp"
#include "digits_cnn.hpp"

namespace tc = tensor_compress;

inline constexpr tc::recipe all_int8{tc::int8};
inline constexpr tc::recipe all_int4{tc::int4};
inline constexpr tc::recipe all_int2{tc::int2};
/// What the program prints as the choice for 6,000 bytes, for the generated digits. Other weights choose otherwise.
inline constexpr auto mixed =
    tc::recipe{tc::int8}.with("conv2", tc::int8 | tc::codebook<2>).with("conv3", tc::int8 | tc::codebook<2>);

constexpr long long budget = 6000;

namespace {

void print_costs(const tc::sensitivities& costs) {
    tc::text_table table({"layer", "format", "bytes", "divergence"});
    for (const auto& layer : costs.layers)
        for (const auto& format : layer.formats)
            table.add({layer.label, format.precision + (format.sparsity == "dense" ? "" : " " + format.sparsity),
                       std::to_string(format.bytes), tc::fixed_text(format.error, 5)});
    std::printf("%s", table.text().c_str());
}

}  // namespace

int main(int count, char** words) try {
    const auto records = digit_records_for(count, words);
    const tc::thread_pool threads(2);
    const auto weights =
        tc::fit<digits_cnn>(tc::initial_weights<digits_cnn>(1), records.training,
                            {.epochs = 6, .optimizer = tc::adam{.rate = 5e-3}, .schedule = tc::cosine_rate{}}, threads)
            .weights;
    const tc::records some(records.training.slice(0, 512));

    const auto costs = tc::sensitivity<digits_cnn, tc::tag::int8, tc::tag::int4, tc::tag::int3, tc::tag::int2,
                                       decltype(tc::int8 | tc::codebook<2>)>(weights, some);
    print_costs(costs);
    const auto choice = tc::choose_formats(costs, {.max_bytes = budget});
    std::printf("%lld bytes, divergence %.5f: %s\n", choice.bytes, choice.error,
                tc::recipe_text(choice, "tc::").c_str());
    if (tc::recipe_text(choice) != tc::recipe_text(mixed))
        std::printf("the program was compiled with another choice: %s\n", tc::recipe_text(mixed, "tc::").c_str());

    tc::text_table table({"formats", "bytes", "accuracy"});
    const auto judged = [&]<class Net>(const char* name, std::type_identity<Net>) {
        const auto seen = tc::calibrate<digits_cnn>(weights, some);
        const auto rounded = tc::gptq<Net>(weights, some);
        const double accuracy = tc::accuracy<Net>(tc::convert<Net>(weights, seen, rounded), records.test);
        table.add({name, std::to_string(Net::weights_bytes), tc::fixed_text(accuracy, 2)});
        return accuracy;
    };
    const double best = judged("int8", std::type_identity<tc::net<digits_cnn, all_int8>>{});
    judged("int4", std::type_identity<tc::net<digits_cnn, all_int4>>{});
    const double chosen = judged("mixed", std::type_identity<tc::net<digits_cnn, mixed>>{});
    judged("int2", std::type_identity<tc::net<digits_cnn, all_int2>>{});
    std::printf("%s", table.text().c_str());
    return chosen > best - 2 ? 0 : 1;
} catch (const tc::error& problem) {
    std::fprintf(stderr, "%s\n", problem.what());
    return 2;
}
