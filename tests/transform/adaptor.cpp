// SPDX-License-Identifier: MIT
#include <compress/tensor/adaptor.hpp>

#include <compress/graph/builder.hpp>
#include <compress/transform/convert.hpp>

#include "../catch.hpp"

namespace tc = tensor_compress;
using Catch::Matchers::ContainsSubstring;

namespace adapting {
inline constexpr auto doubler = tc::make_model([](auto& g) {
    g.conv2d("double", g.input("image", {2, 3, 1}), 1, {1, 1});
});
using net = tc::net<doubler>;
}  // namespace adapting

TEST_CASE("any xtensor expression of the input's shape runs") {
    auto two = tc::make_array<float>({1, 1, 1, 1});
    two.fill(2.0f);
    const auto weights =
        tc::convert<adapting::net>({{"double.weight", two}, {"double.bias", tc::make_array<float>({1})}});
    tc::runner<adapting::net> run(weights);
    auto image = tc::make_array<float>({2, 3, 1});
    for (std::size_t i = 0; i < 6; ++i) image.data()[i] = static_cast<float>(i);
    const auto result = tc::run_expression(run, image * 0.5f + 1.0f);
    CHECK(tc::shape_of(result) == std::vector<std::size_t>{2, 3, 1});
    for (std::size_t i = 0; i < 6; ++i) CHECK(result.data()[i] == static_cast<float>(i) + 2.0f);
    CHECK_NOTHROW(tc::run_expression(run, tc::make_array<float>({1, 2, 3, 1})));
    CHECK_THROWS_WITH(tc::run_expression(run, tc::make_array<float>({3, 2, 1})),
                      ContainsSubstring("[3, 2, 1]") && ContainsSubstring("[2, 3, 1]"));
}
