// SPDX-License-Identifier: MIT
// Layers that cannot be split in two of a lower rank, and ranks that save nothing.
#include <compress/graph/builder.hpp>
#include <compress/graph/rewrite/low_rank.hpp>

namespace tc = tensor_compress;

inline constexpr auto written = tc::make_model([](auto& g) {
    auto x = g.conv2d("stem", g.input("image", {4, 4, 8}), 16, {3, 3});
    x = g.conv2d("grouped", x, 16, {3, 3}, {.groups = 2});
    x = g.depthwise_conv2d("deep", x, {3, 3});
    x = g.relu("clamped", g.linear("square", g.flatten(x), 256));
    g.linear("head", x, 10);
});

inline constexpr auto accepted = tc::low_rank(tc::low_rank(written, "square", 127), "stem", 1);
static_assert(accepted.count == written.count + 2);

// reject unknown_label: "no_layer_of_the_model_has_this_label"
#if defined(CASE_unknown_label)
inline constexpr auto broken = tc::low_rank(written, "steam", 4);
#endif

// reject depthwise: "only_a_linear_layer_or_a_convolution_of_one_group_has_a_rank"
#if defined(CASE_depthwise)
inline constexpr auto broken = tc::low_rank(written, "deep", 1);
#endif

// reject grouped: "only_a_linear_layer_or_a_convolution_of_one_group_has_a_rank"
#if defined(CASE_grouped)
inline constexpr auto broken = tc::low_rank(written, "grouped", 4);
#endif

// reject no_product: "only_a_linear_layer_or_a_convolution_of_one_group_has_a_rank"
#if defined(CASE_no_product)
inline constexpr auto broken = tc::low_rank(written, "clamped", 4);
#endif

// reject saves_nothing: "this_rank_saves_nothing__the_largest_that_does_is"
#if defined(CASE_saves_nothing)
inline constexpr auto broken = tc::low_rank(written, "square", 128);
#endif

// reject rank_0: "a_rank_is_at_least_1"
#if defined(CASE_rank_0)
inline constexpr auto broken = tc::low_rank(written, "square", 0);
#endif
