// SPDX-License-Identifier: MIT
// Layers that cannot be split in two of a lower rank, and ranks that save nothing.
#include <compress/graph/builder.hpp>
#include <compress/graph/rewrite/spatial_low_rank.hpp>
#include <compress/graph/rewrite/tucker.hpp>

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

inline constexpr auto spatial = tc::spatial_low_rank(written, "stem", 5);
inline constexpr auto in_three = tc::tucker(written, "stem", {4, 8});
static_assert(spatial.count == written.count + 1 && in_three.count == written.count + 2);

// reject spatial_unknown: "no_layer_of_the_model_has_this_label"
#if defined(CASE_spatial_unknown)
inline constexpr auto broken = tc::spatial_low_rank(written, "steam", 4);
#endif

// reject spatial_linear: "only_a_convolution_of_one_group_with_rows_and_columns_has_a_spatial_rank"
#if defined(CASE_spatial_linear)
inline constexpr auto broken = tc::spatial_low_rank(written, "square", 4);
#endif

// reject spatial_saves_nothing: "this_rank_saves_nothing__the_largest_that_does_is"
#if defined(CASE_spatial_saves_nothing)
inline constexpr auto broken = tc::spatial_low_rank(written, "stem", 16);
#endif

// reject tucker_unknown: "no_layer_of_the_model_has_this_label"
#if defined(CASE_tucker_unknown)
inline constexpr auto broken = tc::tucker(written, "steam", {4, 4});
#endif

// reject tucker_grouped: "only_a_convolution_of_one_group_with_a_kernel_has_tucker_ranks"
#if defined(CASE_tucker_grouped)
inline constexpr auto broken = tc::tucker(written, "grouped", {4, 4});
#endif

// reject tucker_rank_0: "these_ranks_are_not_from_1_to_the_channels_of_the_layer"
#if defined(CASE_tucker_rank_0)
inline constexpr auto broken = tc::tucker(written, "stem", {0, 4});
#endif

// reject tucker_rank_above: "these_ranks_are_not_from_1_to_the_channels_of_the_layer"
#if defined(CASE_tucker_rank_above)
inline constexpr auto broken = tc::tucker(written, "stem", {9, 4});
#endif

// reject tucker_saves_nothing: "these_ranks_save_nothing__take_smaller_ones"
#if defined(CASE_tucker_saves_nothing)
inline constexpr auto broken = tc::tucker(written, "stem", {8, 15});
#endif
