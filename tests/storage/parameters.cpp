// SPDX-License-Identifier: MIT
#include <compress/storage/parameters.hpp>

#include "../catch.hpp"

namespace tc = tensor_compress;

TEST_CASE("an affine and the scaling of an add survive packing", "[storage]") {
    constexpr tc::affine a{0.25f, -17};
    constexpr tc::affine back = [](tc::affine v) {
        std::int8_t bytes[tc::affine_bytes]{};
        tc::pack_affine(bytes, v);
        return tc::unpack_affine(bytes);
    }(a);
    STATIC_REQUIRE(back == a);

    constexpr tc::add_scaling s{1, -2, 3, {1 << 30, -4}, {1500000000, -5}, {2147483647, -19}, -100, 99};
    constexpr tc::add_scaling again = [](const tc::add_scaling& v) {
        std::int8_t bytes[tc::add_scaling_bytes]{};
        tc::pack_add_scaling(bytes, v);
        return tc::unpack_add_scaling(bytes);
    }(s);
    STATIC_REQUIRE(again.first_zero_point == 1);
    STATIC_REQUIRE(again.second_zero_point == -2);
    STATIC_REQUIRE(again.zero_point == 3);
    STATIC_REQUIRE(again.first == s.first);
    STATIC_REQUIRE(again.second == s.second);
    STATIC_REQUIRE(again.sum == s.sum);
    STATIC_REQUIRE(again.low == -100);
    STATIC_REQUIRE(again.high == 99);
}
