// SPDX-License-Identifier: MIT
#include <compress/transform/keep_zeros.hpp>

#include <compress/graph/builder.hpp>
#include <compress/tensor/random_stream.hpp>
#include <compress/tensor/records.hpp>
#include <compress/transform/gptq.hpp>
#include <compress/transform/load_weights.hpp>
#include <compress/transform/prune.hpp>

#include "../catch.hpp"

namespace rounded_nets {

namespace tc = tensor_compress;
using Catch::Matchers::ContainsSubstring;

inline constexpr auto model = tc::make_model([](auto& g) {
    auto x = g.relu(g.linear("first", g.input("features", {24}), 16));
    g.linear("last", g.relu(g.linear("signs", x, 16)), 4);
});
inline constexpr auto some_binary =
    tc::recipe{tc::int3}.with("signs", tc::binary).with("last", tc::int8 | tc::n_of_m<2, 4>);
using net = tc::net<model, some_binary>;

tc::array<float> normal(std::vector<std::size_t> extents, std::uint64_t stream) {
    auto values = tc::make_array<float>(extents);
    tc::random_stream random(7, stream);
    for (float& v : values) v = static_cast<float>(random.uniform(-1, 1));
    return values;
}

tc::named_tensors weights() {
    tc::named_tensors all;
    std::uint64_t stream = 0;
    for (const auto& [name, extents] : tc::needed_tensors(model)) all[name] = normal(extents, ++stream);
    return all;
}

/// Records of few causes, so that one weight can make up for another.
tc::array<float> correlated() {
    auto values = normal({64, 24}, 99);
    for (std::size_t n = 0; n < 64; ++n)
        for (std::size_t k = 4; k < 24; ++k) values(n, k) = 0.9f * values(n, k % 4) + 0.1f * values(n, k);
    return values;
}

TEST_CASE("rounding on records leaves the zeros of pruning where they are", "[keep_zeros]") {
    const auto pruned = tc::prune<model>(weights(), {.ratio = 0.6});
    const tc::records records(correlated());
    const auto roundings = tc::roundings_of<net>(pruned.weights);
    const auto zeros = [&](const tc::layer_roundings& to) {
        const auto rounded = tc::gptq<model>(pruned.weights, records, to);
        const auto& mask = pruned.masks.at("first.weight");
        int moved = 0;
        for (std::size_t i = 0; i < mask.size(); ++i)
            moved += mask.data()[i] == 0 && rounded.at("first").weights[i] != 0;
        return moved;
    };
    CHECK(zeros(roundings) > 0);
    CHECK(zeros(tc::keep_zeros(roundings, pruned.masks)) == 0);
}

TEST_CASE("what has no zero stays as it is, and a pattern's zeros stay too", "[keep_zeros]") {
    const auto pruned = tc::prune<model>(weights(), {.ratio = 0.25});
    const auto before = tc::roundings_of<net>(pruned.weights), after = tc::keep_zeros(before, pruned.masks);
    CHECK(after.at("signs").kept.empty());
    const auto& mask = pruned.masks.at("last.weight");
    for (std::size_t i = 0; i < mask.size(); ++i)
        CHECK(after.at("last").kept[i] == (before.at("last").kept[i] && mask.data()[i] != 0));
    CHECK_THROWS_WITH(tc::keep_zeros(after, {{"last.weight", normal({3}, 1)}}),
                      ContainsSubstring("last.weight of 3 values for 64 weights"));
}

}  // namespace rounded_nets
