// SPDX-License-Identifier: MIT
#include <compress/kernels/int8_end.hpp>

#include <compress/storage/pack.hpp>

#include "../catch.hpp"

namespace {
namespace int8_end_test {

namespace tc = tensor_compress;

constexpr tc::conv_geometry geometry{1, 1, 2, 1, 1, 1};
using order = tc::panel_order<geometry, 4>;

template <bool Residual>
constexpr auto read_back() {
    const std::int8_t weights[] = {1, 2};
    const tc::fixed_multiplier factor{1 << 30, 1};
    const tc::add_scaling add{-7, 3, 5, {1 << 30, -1}, {1500000000, -2}, {2147483647, -19}, -100, 99};
    std::int8_t packed[tc::int8_sections<order, Residual, tc::plain_code>::bytes]{};
    tc::pack_int8<order, geometry, Residual>(packed, {weights, nullptr, &factor, -128, -7, -50, 60, add});
    return tc::int8_end::of<tc::int8_sections<order, Residual, tc::plain_code>>(packed);
}

TEST_CASE("int8_end reads what pack_int8 wrote", "[kernels]") {
    constexpr auto plain = read_back<false>();
    STATIC_REQUIRE(plain.input_zero_point == -128);
    STATIC_REQUIRE(plain.zero_point == -7);
    STATIC_REQUIRE(plain.low == -50);
    STATIC_REQUIRE(plain.high == 60);
    STATIC_REQUIRE(plain.finish(10, {1 << 30, 1}) == 3);
    STATIC_REQUIRE(plain.finish(1000, {1 << 30, 1}) == 60);
    STATIC_REQUIRE(plain.finish(-1000, {1 << 30, 1}) == -50);

    constexpr auto added = read_back<true>();
    STATIC_REQUIRE(added.add.first_zero_point == -7);
    STATIC_REQUIRE(added.add.second_zero_point == 3);
    STATIC_REQUIRE(added.add.zero_point == 5);
    STATIC_REQUIRE(added.add.first == tc::fixed_multiplier{1 << 30, -1});
    STATIC_REQUIRE(added.add.second == tc::fixed_multiplier{1500000000, -2});
    STATIC_REQUIRE(added.add.sum == tc::fixed_multiplier{2147483647, -19});
    STATIC_REQUIRE(added.add.low == -100);
    STATIC_REQUIRE(added.add.high == 99);
}

}  // namespace int8_end_test
}  // namespace
