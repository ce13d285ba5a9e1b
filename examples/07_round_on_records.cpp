// SPDX-License-Identifier: MIT

// 07_round_on_records [--mnist FOLDER]: fewer bits without training. You will see the accuracy of one network with
// weights of 8 to 2 bits: rounded to nearest, and rounded so that on some records each layer gives what it gave before.

#include <compress/compress.hpp>

#include "digit_records.hpp"
#include "digits_cnn.hpp"

namespace tc = tensor_compress;

inline constexpr tc::recipe all_int8{tc::int8};
inline constexpr tc::recipe all_int4{tc::int4};
inline constexpr tc::recipe all_int3{tc::int3};
inline constexpr tc::recipe all_int2{tc::int2};

int main(int count, char** words) try {
    const auto records = digit_records_for(count, words);
    const tc::thread_pool threads(2);
    const auto weights =
        tc::fit<digits_cnn>(tc::initial_weights<digits_cnn>(1), records.training,
                            {.epochs = 6, .optimizer = tc::adam{.rate = 5e-3}, .schedule = tc::cosine_rate{}}, threads)
            .weights;
    const tc::records some(records.training.slice(0, 256));
    const auto seen = tc::calibrate<digits_cnn>(weights, some);

    tc::text_table table({"weights", "bytes", "to nearest", "on records"});
    double worst = 100;
    const auto add = [&]<class Net>(const char* name, std::type_identity<Net>) {
        const double nearest = tc::accuracy<Net>(tc::convert<Net>(weights, seen), records.test);
        const auto rounded = tc::gptq<Net>(weights, some);
        worst = tc::accuracy<Net>(tc::convert<Net>(weights, seen, rounded), records.test);
        table.add({name, std::to_string(Net::weights_bytes), tc::fixed_text(nearest, 2), tc::fixed_text(worst, 2)});
    };
    using float_net = tc::net<digits_cnn>;
    const double accuracy = tc::accuracy<float_net>(tc::convert<float_net>(weights), records.test);
    table.add({"fp32", std::to_string(float_net::weights_bytes), tc::fixed_text(accuracy, 2), ""});
    add("int8", std::type_identity<tc::net<digits_cnn, all_int8>>{});
    add("int4", std::type_identity<tc::net<digits_cnn, all_int4>>{});
    add("int3", std::type_identity<tc::net<digits_cnn, all_int3>>{});
    add("int2", std::type_identity<tc::net<digits_cnn, all_int2>>{});
    std::printf("%s", table.text().c_str());
    return worst > accuracy - 10 ? 0 : 1;
} catch (const tc::error& problem) {
    std::fprintf(stderr, "%s\n", problem.what());
    return 2;
}
