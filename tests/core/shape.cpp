// SPDX-License-Identifier: MIT
#include <compress/core/shape.hpp>

#include "../catch.hpp"

namespace tc = tensor_compress;

constexpr tc::shape image{4, 5, 3}, sequence{7, 6}, vector{9}, everything{2, 3, 4, 5}, nothing{};

static_assert(image.rank == 3 && image[0] == 4 && image[1] == 5 && image[2] == 3);
static_assert(image.elements() == 60 && sequence.elements() == 42 && vector.elements() == 9 &&
              everything.elements() == 120);
static_assert(nothing.rank == 0 && nothing.elements() == 1 && nothing.channels() == 1);

static_assert(image.height() == 4 && image.width() == 5 && image.channels() == 3);
static_assert(sequence.height() == 1 && sequence.width() == 7 && sequence.channels() == 6);
static_assert(vector.height() == 1 && vector.width() == 1 && vector.channels() == 9);
static_assert(everything.height() == 3 && everything.width() == 4 && everything.channels() == 5);

static_assert(everything.outer(0) == 1 && everything.outer(2) == 6 && everything.outer(3) == 24);
static_assert(everything.inner(3) == 1 && everything.inner(1) == 20 && everything.inner(0) == 60);

static_assert(image == tc::shape{4, 5, 3} && !(image == tc::shape{4, 5, 4}));
static_assert(!(tc::shape{6} == tc::shape{6, 1}) && !(tc::shape{} == tc::shape{1}));

static_assert(tc::extent2() == tc::extent2(1, 1) && tc::extent2(3) == tc::extent2(3, 3) &&
              !(tc::extent2(3, 2) == tc::extent2(2, 3)));

static_assert(tc::round_up(0, 16) == 0 && tc::round_up(1, 16) == 16 && tc::round_up(16, 16) == 16 &&
              tc::round_up(17, 16) == 32);
static_assert(tc::ceil_div(0, 4) == 0 && tc::ceil_div(1, 4) == 1 && tc::ceil_div(4, 4) == 1 && tc::ceil_div(5, 4) == 2);

TEST_CASE("outer, extent and inner multiply to the elements", "[core]") {
    for (const tc::shape& s : {image, sequence, vector, everything})
        for (int axis = 0; axis < s.rank; ++axis) CHECK(s.outer(axis) * s[axis] * s.inner(axis) == s.elements());
}
