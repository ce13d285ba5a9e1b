// SPDX-License-Identifier: MIT
#include <compress/core/precision.hpp>

#include <string_view>
#include <type_traits>

#include "../catch.hpp"

namespace tc = tensor_compress;

static_assert(tc::bytes_of(tc::element::float32) == 4 && tc::bytes_of(tc::element::signed8) == 1);

static_assert(tc::precision_tag<tc::tag::fp32> && tc::precision_tag<tc::tag::int8> &&
              !tc::precision_tag<tc::tag::dense>);
static_assert(tc::sparsity_tag<tc::tag::dense> && !tc::sparsity_tag<tc::tag::int8> && !tc::sparsity_tag<int>);

static_assert(tc::tag::fp32::bits == 32 && tc::tag::int8::bits == 8);
static_assert(tc::tag::fp32::activation == tc::element::float32 && tc::tag::int8::activation == tc::element::signed8);
static_assert(std::is_same_v<tc::tag::int8::accumulator, std::int32_t> &&
              std::is_same_v<tc::tag::fp32::accumulator, float>);
static_assert(std::string_view(tc::tag::fp32::name) == "fp32" && std::string_view(tc::tag::int8::name) == "int8");

// A precision alone is dense; joined with a pattern it is written with `|`.
static_assert(std::is_same_v<decltype(tc::as_format(tc::int8)), tc::format<tc::tag::int8, tc::tag::dense>>);
static_assert(std::is_same_v<decltype(tc::int8 | tc::dense), tc::format<tc::tag::int8, tc::tag::dense>>);
static_assert(std::is_same_v<decltype(tc::as_format(tc::fp32 | tc::dense)), tc::format<tc::tag::fp32, tc::tag::dense>>);
static_assert(std::is_same_v<decltype(tc::as_format(tc::int4 | tc::group<32>)),
                             tc::format<tc::tag::grouped<tc::tag::int4, 32>, tc::tag::dense>>);
static_assert(std::is_empty_v<tc::format<tc::tag::fp32, tc::tag::dense>>);

// Every level of a precision is an int8, and no two differ by less than its unit.
template <tc::integer_precision... Precisions>
constexpr bool levels_fit = ((Precisions::grid.lowest * Precisions::grid.unit >= -128 &&
                              Precisions::grid.highest * Precisions::grid.unit <= 127 &&
                              Precisions::grid.highest - Precisions::grid.lowest < 1 << Precisions::bits) &&
                             ...);
static_assert(levels_fit<tc::tag::int8, tc::tag::int4, tc::tag::int3, tc::tag::int2, tc::tag::ternary>);
static_assert(!tc::integer_precision<tc::tag::fp32> && tc::integer_precision<tc::tag::binary>);

TEST_CASE("tags have names", "[core]") {
    CHECK(std::string_view(tc::tag::grouped<tc::tag::int3, 128>::name) == "int3/128");
    CHECK(std::string_view(tc::tag::grouped<tc::tag::int2, 8>::name) == "int2/8");
    CHECK(std::string_view(tc::int8.name) == "int8");
    CHECK(std::string_view(tc::dense.name) == "dense");
}
