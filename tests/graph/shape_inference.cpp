// SPDX-License-Identifier: MIT
#include <compress/graph/shape_inference.hpp>

#include "../catch.hpp"

namespace tc = tensor_compress;

constexpr tc::shape image{10, 7, 6};

// `same`: what is odd goes after.
static_assert(tc::resolve(tc::same, image, {3, 3}, {1, 1}, {1, 1}) == tc::margins{1, 1, 1, 1});
static_assert(tc::resolve(tc::same, image, {2, 4}, {1, 1}, {1, 1}) == tc::margins{0, 1, 1, 2});
static_assert(tc::resolve(tc::same, image, {3, 3}, {2, 2}, {1, 1}) ==
              tc::margins{0, 1, 1, 1});  // 10: 4 * 2 + 3 - 10 = 1; 7: 3 * 2 + 3 - 7 = 2
static_assert(tc::resolve(tc::same, image, {1, 1}, {2, 2}, {1, 1}) == tc::margins{});
static_assert(tc::resolve(tc::same, image, {1, 1}, {3, 5}, {1, 1}) == tc::margins{});  // nothing is cut off
static_assert(tc::resolve(tc::same, image, {3, 3}, {1, 1}, {2, 3}) == tc::margins{2, 3, 2, 3});
static_assert(tc::resolve(tc::valid, image, {3, 3}, {1, 1}, {1, 1}) == tc::margins{});
static_assert(tc::resolve(2, image, {3, 3}, {1, 1}, {1, 1}) == tc::margins{2, 2, 2, 2});
static_assert(tc::resolve({1, 2, 3, 4}, image, {3, 3}, {5, 5}, {1, 1}) == tc::margins{1, 2, 3, 4});

static_assert(tc::window_positions(image, {{3, 3}, {1, 1}, {1, 1}, {}}) == tc::extent2{8, 5});
static_assert(tc::window_positions(image, {{3, 3}, {2, 3}, {1, 1}, {0, 1, 1, 1}}) == tc::extent2{5, 3});
static_assert(tc::window_positions(image, {{11, 7}, {1, 1}, {1, 1}, {}}) == tc::extent2{0, 1});
static_assert(tc::window_positions(image, {{11, 7}, {4, 4}, {1, 1}, {1, 0, 0, 0}}) == tc::extent2{1, 1});

static_assert(tc::transposed(image, {2, 0, 1}) == tc::shape{6, 10, 7});

TEST_CASE("same padding gives ceil(size / stride) positions, and no more of it than that needs", "[graph]") {
    for (int size = 1; size <= 12; ++size)
        for (int kernel = 1; kernel <= 5; ++kernel)
            for (int stride = 1; stride <= 4; ++stride)
                for (int dilation = 1; dilation <= 3; ++dilation) {
                    const tc::shape in{size, 1, 1};
                    const tc::margins p = tc::resolve(tc::same, in, {kernel, 1}, {stride, 1}, {dilation, 1});
                    const tc::window w{{kernel, 1}, {stride, 1}, {dilation, 1}, p};
                    const int positions = tc::window_positions(in, w).height;
                    const bool even = p.bottom == p.top || p.bottom == p.top + 1;
                    const int reach = (positions - 1) * stride + (kernel - 1) * dilation + 1;
                    if (positions != (size + stride - 1) / stride || !even ||
                        (p.bottom > 0 && reach != size + p.top + p.bottom))
                        FAIL("size " << size << ", kernel " << kernel << ", stride " << stride << ", dilation "
                                     << dilation);
                }
}
