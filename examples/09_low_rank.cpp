// SPDX-License-Identifier: MIT

// 09_low_rank [--mnist FOLDER]: a layer as two thin ones. You will see the weights, multiply-adds and accuracy of a
// network whose largest layer has less and less rank, with the product nearest to its weights and the one nearest to
// what it gives on records; and what is said of a rank that saves nothing.

#include <compress/compress.hpp>

#include "digit_records.hpp"

namespace tc = tensor_compress;

inline constexpr auto mlp = tc::make_model([](auto& g) {
    auto x = g.relu(g.linear("fc1", g.flatten(g.input("image", {28, 28, 1})), 128));
    x = g.relu(g.linear("fc2", x, 128));
    g.linear("fc3", x, 10);
});
// Rewrites are constexpr functions from model to model.
inline constexpr auto rank_32 = tc::low_rank(mlp, "fc1", 32);
inline constexpr auto rank_16 = tc::low_rank(mlp, "fc1", 16);
inline constexpr auto rank_8 = tc::low_rank(mlp, "fc1", 8);

int main(int count, char** words) try {
    const auto records = digit_records_for(count, words);
    const tc::thread_pool threads(2);
    const auto weights = tc::fit<mlp>(tc::initial_weights<mlp>(1), records.training,
                                      {.epochs = 6, .schedule = tc::cosine_rate{}}, threads)
                             .weights;
    const tc::records some(records.training.slice(0, 512));

    tc::text_table table({"fc1", "bytes", "multiply-adds", "nearest weights", "nearest on records"});
    double accuracy = 0;
    const auto add = [&]<const auto & Model>(const std::string& name, const tc::named_tensors& nearest,
                                             const tc::named_tensors& on_records) {
        using net = tc::net<Model>;
        const auto judged = [&](const tc::named_tensors& w) {
            return tc::accuracy<net>(tc::convert<net>(w), records.test);
        };
        accuracy = judged(on_records);
        table.add({name, std::to_string(net::weights_bytes), std::to_string(net::multiply_adds),
                   tc::fixed_text(judged(nearest), 2), tc::fixed_text(accuracy, 2)});
    };
    add.template operator()<mlp>("full, 128", weights, weights);
    const auto add_rank = [&]<const auto & Model>(int rank) {
        add.template operator()<Model>("rank " + std::to_string(rank), tc::low_rank(mlp, "fc1", rank, weights),
                                       tc::low_rank<mlp>("fc1", rank, weights, some));
    };
    add_rank.template operator()<rank_32>(32);
    add_rank.template operator()<rank_16>(16);
    add_rank.template operator()<rank_8>(8);
    std::printf("%s", table.text().c_str());
    std::printf("90 %% of the energy of fc1 is in rank %d\n", tc::rank_of_energy(mlp, "fc1", weights, 0.9));
    try {
        static_cast<void>(tc::low_rank(mlp, "fc2", tc::rank_of_ratio(mlp, "fc2", 0.5), weights));
    } catch (const tc::error& refused) {
        std::printf("%s\n", refused.what());
    }
    return accuracy > 70 ? 0 : 1;
} catch (const tc::error& problem) {
    std::fprintf(stderr, "%s\n", problem.what());
    return 2;
}
