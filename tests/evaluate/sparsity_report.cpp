// SPDX-License-Identifier: MIT
#include <compress/evaluate/sparsity_report.hpp>

#include <compress/graph/builder.hpp>

#include "../catch.hpp"

namespace tc = tensor_compress;

namespace {

constexpr auto two =
    tc::make_model([](auto& g) { g.linear("head", g.relu(g.linear("hidden", g.input("vector", {5}), 200)), 3); });

}  // namespace

TEST_CASE("a report has a row for each layer with weights and one for all", "[report]") {
    tc::named_tensors masks{{"hidden.weight", tc::make_array<float>({200, 5})},
                            {"head.weight", tc::make_array<float>({3, 200})}};
    std::fill_n(masks.at("hidden.weight").data(), 333, 1.0f);
    std::fill_n(masks.at("head.weight").data(), 600, 1.0f);
    CHECK(tc::sparsity_report(two, masks) == "layer   weights  zeros  zeros %\n"
                                             "hidden     1000    667     66.7\n"
                                             "head        600      0      0.0\n"
                                             "all        1600    667     41.7\n");
    masks.erase("head.weight");
    CHECK(tc::sparsity_report(two, masks) == "layer   weights  zeros  zeros %\n"
                                             "hidden     1000    667     66.7\n"
                                             "all        1000    667     66.7\n");
}
