// SPDX-License-Identifier: MIT
#include <compress/transform/layer_sparsity.hpp>

#include <compress/graph/builder.hpp>
#include <compress/transform/prune.hpp>

#include "../catch.hpp"

namespace tc = tensor_compress;

namespace {

constexpr auto three = tc::make_model([](auto& g) {
    auto x = g.relu(g.batch_norm("norm", g.conv2d("stem", g.input("image", {4, 4, 2}), 3, {3, 3})));
    g.linear("head", g.flatten(g.depthwise_conv2d("deep", x, {1, 1})), 5);
});

tc::named_tensors ones() {
    tc::named_tensors tensors;
    for (const auto& [name, extents] : tc::needed_tensors(three)) {
        tensors[name] = tc::make_array<float>(extents);
        std::fill_n(tensors[name].data(), tensors[name].size(), 1.0f);
    }
    return tensors;
}

}  // namespace

TEST_CASE("zeros are counted layer by layer, in the order of the model", "[prune]") {
    auto weights = ones();
    weights.at("stem.bias").data()[0] = weights.at("norm.running_mean").data()[1] = 0;
    weights.at("deep.weight").data()[1] = 0;
    for (std::size_t i = 0; i < 60; ++i) weights.at("head.weight").data()[i] = 0;
    const auto rows = tc::layer_sparsities(three, weights);
    REQUIRE(rows.size() == 3);
    const std::size_t expected[][2] = {{54, 0}, {3, 1}, {240, 60}};
    const char* labels[] = {"stem", "deep", "head"};
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(rows[i].label == labels[i]);
        CHECK(rows[i].weights == expected[i][0]);
        CHECK(rows[i].zeros == expected[i][1]);
    }
    CHECK(rows[2].share() == 0.25);
    const tc::layer_sparsity all = tc::sum_of(rows);
    CHECK(all.weights == 297);
    CHECK(all.zeros == 61);
    CHECK(all.share() == Approx(61.0 / 297));
    CHECK(tc::layer_sparsity{}.share() == 0);
}

TEST_CASE("masks of some layers are counted as their weights", "[prune]") {
    const tc::named_tensors masks{{"deep.weight", {0, 1, 0}}};
    const auto rows = tc::layer_sparsities(three, masks);
    REQUIRE(rows.size() == 1);
    CHECK(rows[0].label == "deep");
    CHECK(rows[0].zeros == 2);
    CHECK(tc::sum_of(rows).share() == tc::sparsity_of(masks));
    CHECK(tc::layer_sparsities(three, {}).empty());
}
