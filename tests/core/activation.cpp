// SPDX-License-Identifier: MIT
#include <compress/core/activation.hpp>

#include "../catch.hpp"

namespace tc = tensor_compress;

constexpr float infinity = std::numeric_limits<float>::infinity();
static_assert(tc::clamp_low(tc::clamp_kind::none) == -infinity && tc::clamp_high(tc::clamp_kind::none) == infinity);
static_assert(tc::clamp_low(tc::clamp_kind::relu) == 0.0f && tc::clamp_high(tc::clamp_kind::relu) == infinity);
static_assert(tc::clamp_low(tc::clamp_kind::relu6) == 0.0f && tc::clamp_high(tc::clamp_kind::relu6) == 6.0f);

TEST_CASE("a clamp has its low bound below its high one", "[core]") {
    for (const auto kind : {tc::clamp_kind::none, tc::clamp_kind::relu, tc::clamp_kind::relu6})
        CHECK(tc::clamp_low(kind) < tc::clamp_high(kind));
}
