// SPDX-License-Identifier: MIT
#include <compress/calibrate/running_range.hpp>

#include <vector>

#include "../catch.hpp"

namespace tc = tensor_compress;

TEST_CASE("the first record starts the running means, the others move them by the momentum", "[calibrate]") {
    tc::running_range range(0.25);
    CHECK(range.empty());
    range.add(std::vector<float>{1, -3, 2});
    CHECK_FALSE(range.empty());
    CHECK(range.low() == -3);
    CHECK(range.high() == 2);
    range.add(std::vector<float>{5, 10, 1});
    CHECK(range.low() == -2);  // -3 + (1 - -3) / 4
    CHECK(range.high() == 4);  // 2 + (10 - 2) / 4
    range.add({});
    CHECK(range.low() == -2);
    range.add(std::vector<float>{6});
    CHECK(range.low() == 0);
    CHECK(range.high() == 4.5);
}

TEST_CASE("a momentum of 1 keeps the last record", "[calibrate]") {
    tc::running_range range(1);
    for (const float v : {3.0f, -8.0f, 0.5f}) range.add(std::vector<float>{v, 2 * v});
    CHECK(range.low() == 0.5f);
    CHECK(range.high() == 1);
}
