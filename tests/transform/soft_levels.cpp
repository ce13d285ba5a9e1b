// SPDX-License-Identifier: MIT
#include <compress/transform/soft_levels.hpp>

#include "../catch.hpp"

namespace choices {

namespace tc = tensor_compress;

TEST_CASE("a weight begins where it is, between two levels of its grid", "[soft]") {
    tc::soft_levels soft(6, {});
    const tc::weight_grid grid = tc::tag::int4::grid;
    soft.set(0, 0.6, 0.5, 1, grid);  // 1.2 steps
    soft.set(1, 0.9, 0.5, 3, grid);  // 1.8 steps, but the level is 3: 2 or 3
    soft.set(2, 0.9, 0.5, 1, grid);  // and where it is 1: 1 or 2
    soft.set(3, 9.0, 0.5, 7, grid);  // beyond the last level
    soft.set(4, -9.0, 0.5, -8, grid);
    std::vector<float> weights(6);
    soft.soften(weights);
    CHECK(weights[0] == Approx(0.6));
    CHECK(weights[1] == Approx(1.005));
    CHECK(weights[2] == Approx(0.9));
    CHECK(weights[3] == Approx(3.495));
    CHECK(weights[4] == Approx(-3.995));
    CHECK(weights[5] == 0);  // was not set
    std::vector<int> levels;
    for (std::size_t i = 0; i < 6; ++i) levels.push_back(soft.level(i));
    CHECK(levels == std::vector<int>{1, 2, 2, 7, -8, 0});
}

TEST_CASE("weights follow the error, and are at levels in the end", "[soft]") {
    // Both want to be at 1.7 steps, but their sum is to be 3: (w0 + w1 - 3)^2.
    tc::soft_levels soft(3, {.iterations = 800});
    for (std::size_t i = 0; i < 2; ++i) soft.set(i, 1.7, 1, 2, tc::tag::int3::grid);
    std::vector<float> weights(3), gradients(3, 1.0f);
    for (int i = 0; i < 800; ++i) {
        soft.soften(weights);
        gradients[0] = gradients[1] = 2 * (weights[0] + weights[1] - 3);
        gradients[0] += 0.1f;  // which of the two
        soft.learn(weights, gradients);
    }
    soft.soften(weights);
    CHECK(weights == std::vector<float>{1, 2, 0});
    CHECK(soft.level(0) == 1);
    CHECK(soft.level(1) == 2);
    CHECK(soft.level(2) == 0);
}

}  // namespace choices
