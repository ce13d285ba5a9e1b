// SPDX-License-Identifier: MIT
// Channels that cannot be fewer.
#include <compress/graph/builder.hpp>
#include <compress/graph/rewrite/keep_channels.hpp>

namespace tc = tensor_compress;

inline constexpr auto written = tc::make_model([](auto& g) {
    auto x = g.conv2d("stem", g.input("image", {4, 4, 8}), 8, {3, 3});
    auto y = g.relu("clamped", g.conv2d("inner", x, 16, {3, 3}));
    x = g.add("sum", x, g.conv2d("back", y, 8, {1, 1}));
    x = g.conv2d("grouped", x, 16, {3, 3}, {.groups = 2});
    g.linear("head", g.flatten(x), 10);
});

inline constexpr auto accepted = tc::keep_channels(tc::keep_channels(written, "inner", 5), {.ratio = 0.5});
static_assert(accepted.count == written.count);

// reject unknown_label: "no_layer_with_channels_of_its_own_has_this_label"
#if defined(CASE_unknown_label)
inline constexpr auto broken = tc::keep_channels(written, "steam", 4);
#endif

// reject no_layer: "no_layer_with_channels_of_its_own_has_this_label"
#if defined(CASE_no_layer)
inline constexpr auto broken = tc::keep_channels(written, "clamped", 4);
#endif

// reject breaks_residual: "channels_of_this_layer_are_seen_from_outside_or_mixed_and_cannot_be_fewer"
#if defined(CASE_breaks_residual)
inline constexpr auto broken = tc::keep_channels(written, "back", 4);
#endif

// reject output: "channels_of_this_layer_are_seen_from_outside_or_mixed_and_cannot_be_fewer"
#if defined(CASE_output)
inline constexpr auto broken = tc::keep_channels(written, "head", 4);
#endif

// reject none: "a_layer_keeps_at_least_1_channel_and_no_more_than_it_has"
#if defined(CASE_none)
inline constexpr auto broken = tc::keep_channels(written, "inner", 0);
#endif

// reject more: "a_layer_keeps_at_least_1_channel_and_no_more_than_it_has"
#if defined(CASE_more)
inline constexpr auto broken = tc::keep_channels(written, "inner", 17);
#endif

// reject no_share: "the_share_of_channels_that_is_kept_lies_above_0_and_up_to_1"
#if defined(CASE_no_share)
inline constexpr auto broken = tc::keep_channels(written, {.ratio = 0});
#endif
