// SPDX-License-Identifier: MIT

// One trained model, three recipes: all FP32, all INT8, and INT8 with the last layer in FP32. You will see accuracy,
// bytes, working memory and time of each variant side by side, and which layer of each is farthest from the float net.
// The digits are generated, so the table shows what the recipes change and not what a model is worth.

#include <cstdio>

#include <compress/compress.hpp>

#include "digits_training.hpp"

namespace tc = tensor_compress;

// The last pattern that matches a layer decides; one that matches none does not compile.
inline constexpr auto all_int8 = tc::recipe{tc::int8};
inline constexpr auto float_head = tc::recipe{tc::int8}.with("head", tc::fp32);

using float_net = tc::net<digits_cnn>;
using int8_net = tc::net<digits_cnn, all_int8>;
using mixed_net = tc::net<digits_cnn, float_head>;

static_assert(int8_net::weights_bytes * 3 < float_net::weights_bytes);
static_assert(mixed_net::arena_bytes == int8_net::arena_bytes);

namespace {

void print_worst_layer(const tc::variant_report& variant) {
    const tc::layer_report* worst = nullptr;
    for (const auto& layer : variant.layers)
        if (layer.sqnr_db && (!worst || *layer.sqnr_db < *worst->sqnr_db)) worst = &layer;
    if (worst)
        std::printf("%-10s worst layer: %s (%s), %.1f dB\n", variant.name.c_str(), worst->label.c_str(),
                    worst->format.c_str(), *worst->sqnr_db);
}

}  // namespace

int main() try {
    const auto tensors = tc::load_weights<digits_cnn>(DIGITS_WEIGHTS);
    const auto seen = tc::calibrate<digits_cnn>(tensors, tc::records(generated_digits(256, 1)));
    const auto test = generated_digits(2000, 2);

    tc::model_report report = tc::new_report("digits_cnn");
    const auto add = [&]<class Net>(const char* name, std::type_identity<Net>) {
        report.variants.push_back(tc::evaluate<Net>(name, tensors, seen, tc::convert<Net>(tensors, seen), test));
    };
    add("fp32", std::type_identity<float_net>{});
    add("int8", std::type_identity<int8_net>{});
    add("fp32 head", std::type_identity<mixed_net>{});

    std::printf("%s, %s, %s\n%s", report.cpu.c_str(), report.isa.c_str(), report.compiler.c_str(),
                tc::report_table(report).c_str());
    for (const auto& variant : report.variants) print_worst_layer(variant);
    return *report.variants[1].accuracy > *report.variants[0].accuracy - 1 ? 0 : 1;
} catch (const tc::error& problem) {
    std::fprintf(stderr, "%s\n", problem.what());
    return 2;
}
