// SPDX-License-Identifier: MIT

// 12_train_for_few_bits [--mnist FOLDER]: weights of 2 bits and 1. You will see the bytes and the accuracy of one
// network with such weights: rounded to nearest, rounded on records, and trained with them for four more epochs. At
// the end a line says whether the converted net gives what training saw.

#include <compress/compress.hpp>

#include "digit_records.hpp"
#include "digits_cnn.hpp"

namespace tc = tensor_compress;

inline constexpr tc::recipe all_int2{tc::int2};
inline constexpr tc::recipe all_ternary{tc::ternary};
inline constexpr tc::recipe all_binary{tc::binary};

namespace {

/// Logits that differ between the net and the forward pass of its training.
template <class Net>
std::size_t differences(const tc::fitted_net<Net>& trained, const tc::data_set& data) {
    const auto weights = tc::convert(trained);
    tc::runner<Net> run(weights);
    tc::deployed_forward<Net> forward(1);
    forward.pack(trained.weights, trained.ranges, trained.rounded);
    tc::trainer<Net::model> training(trained.weights, 1);
    std::size_t count = 0;
    training.predict(
        static_cast<int>(data.size()),
        [&](int index, int, std::span<float> values) {
            std::ranges::copy(data.input(static_cast<std::size_t>(index)), values.begin());
        },
        [&](int index, const auto& outputs) {
            const auto deployed = run(data.input(static_cast<std::size_t>(index)));
            for (std::size_t k = 0; k < deployed.size(); ++k) count += outputs[0][k] != deployed[k] ? 1 : 0;
        },
        tc::serial{}, forward);
    return count;
}

}  // namespace

int main(int count, char** words) try {
    const auto records = digit_records_for(count, words);
    const tc::thread_pool threads(2);
    const auto weights =
        tc::fit<digits_cnn>(tc::initial_weights<digits_cnn>(1), records.training,
                            {.epochs = 12, .optimizer = tc::adam{.rate = 1e-2}, .schedule = tc::cosine_rate{}}, threads)
            .weights;
    const tc::records some(records.training.slice(0, 256));
    const auto seen = tc::calibrate<digits_cnn>(weights, some);

    tc::text_table table({"weights", "bytes", "to nearest", "on records", "trained"});
    std::size_t different = 0;
    double worst = 100;
    const auto add = [&]<class Net>(const char* name, std::type_identity<Net>) {
        const auto rounded = tc::gptq<Net>(weights, some);
        // Training starts where rounding on records ends.
        const auto trained =
            tc::fit<Net>(tc::dequantize<digits_cnn>(weights, rounded), records.training,
                         {.epochs = 4, .optimizer = tc::adam{.rate = 2e-3}, .schedule = tc::cosine_rate{}}, threads);
        const double accuracy = tc::accuracy<Net>(tc::convert(trained), records.test);
        table.add({name, std::to_string(Net::weights_bytes),
                   tc::fixed_text(tc::accuracy<Net>(tc::convert<Net>(weights, seen), records.test), 2),
                   tc::fixed_text(tc::accuracy<Net>(tc::convert<Net>(weights, seen, rounded), records.test), 2),
                   tc::fixed_text(accuracy, 2)});
        worst = std::min(worst, accuracy);
        different += differences(trained, records.test);
    };
    using float_net = tc::net<digits_cnn>;
    const double accuracy = tc::accuracy<float_net>(tc::convert<float_net>(weights), records.test);
    table.add({"fp32", std::to_string(float_net::weights_bytes), tc::fixed_text(accuracy, 2), "", ""});
    add("int2", std::type_identity<tc::net<digits_cnn, all_int2>>{});
    add("ternary", std::type_identity<tc::net<digits_cnn, all_ternary>>{});
    add("binary", std::type_identity<tc::net<digits_cnn, all_binary>>{});
    std::printf("%s", table.text().c_str());
    std::printf("logits that differ between training and the converted nets: %zu of %zu\n", different,
                3 * 10 * records.test.size());
    return worst > accuracy - 10 && different == 0 ? 0 : 1;
} catch (const tc::error& problem) {
    std::fprintf(stderr, "%s\n", problem.what());
    return 2;
}
