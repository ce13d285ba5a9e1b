// SPDX-License-Identifier: MIT
// Operators whose operands or options do not go together.
#include <compress/graph/builder.hpp>

namespace tc = tensor_compress;

inline constexpr auto accepted = tc::make_model([](auto& g) {
    auto image = g.input("image", {8, 6, 4});
    auto a = g.conv2d("a", image, 8, {3, 3}, {.stride = 2, .groups = 2});
    auto b = g.conv2d("b", image, 8, {3, 3}, {.stride = 2, .padding = {1, 1, 1, 0}});
    auto pooled = g.adaptive_avg_pool("pooled", g.concat("joined", {a, g.add(a, b)}), {2, 3});
    g.transpose("turned", g.reshape("rows", g.linear("head", g.dropout("drop", g.flatten(pooled), 0.0f), 12), {3, 4}), {1, 0});
});
static_assert(accepted[accepted.count - 1].output == tc::shape{4, 3});

// reject different_shapes: "these_operands_have_different_shapes"
#if defined(CASE_different_shapes)
inline constexpr auto broken = tc::make_model([](auto& g) {
    auto x = g.input("image", {8, 6, 4});
    g.add("sum", g.conv2d("a", x, 8, {3, 3}), g.conv2d("b", x, 16, {3, 3}));
});
#endif

// reject inner_sizes: "these_matrices_cannot_be_multiplied"
#if defined(CASE_inner_sizes)
inline constexpr auto broken = tc::make_model([](auto& g) { g.matmul("product", g.input("a", {3, 4}), g.input("b", {5, 4})); });
#endif

// reject different_sizes: "these_operands_have_different_shapes"
#if defined(CASE_different_sizes)
inline constexpr auto broken = tc::make_model([](auto& g) {
    auto x = g.input("image", {8, 6, 4});
    g.mul(x, g.max_pool("pool", x, 2));
});
#endif

// reject kernel_too_large: "the_kernel_is_larger_than_the_padded_input"
#if defined(CASE_kernel_too_large)
inline constexpr auto broken = tc::make_model([](auto& g) {
    g.conv2d("a", g.input("image", {8, 6, 4}), 8, {3, 7}, {.padding = tc::valid});
});
#endif

// reject dilated_kernel_too_large: "the_kernel_is_larger_than_the_padded_input"
#if defined(CASE_dilated_kernel_too_large)
inline constexpr auto broken = tc::make_model([](auto& g) {
    g.depthwise_conv2d("a", g.input("image", {8, 6, 4}), 3, {.dilation = 4, .padding = tc::valid});
});
#endif

// reject pool_too_large: "the_kernel_is_larger_than_the_padded_input"
#if defined(CASE_pool_too_large)
inline constexpr auto broken = tc::make_model([](auto& g) { g.max_pool("a", g.input("image", {8, 6, 4}), 7); });
#endif

// reject linear_on_image: "this_operator_needs_a_vector_or_rows_of_vectors__use_flatten"
#if defined(CASE_linear_on_image)
inline constexpr auto broken = tc::make_model([](auto& g) { g.linear("head", g.input("image", {8, 6, 4}), 10); });
#endif

// reject convolution_of_vector: "this_operator_needs_an_image_of_height_width_channels"
#if defined(CASE_convolution_of_vector)
inline constexpr auto broken = tc::make_model([](auto& g) { g.conv2d("a", g.input("vector", {10}), 4, 3); });
#endif

// reject pool_of_rows: "this_operator_needs_an_image_of_height_width_channels"
#if defined(CASE_pool_of_rows)
inline constexpr auto broken = tc::make_model([](auto& g) { g.global_average_pool("a", g.input("rows", {10, 4})); });
#endif

// reject no_channels: "kernel_stride_dilation_and_groups_must_be_positive"
#if defined(CASE_no_channels)
inline constexpr auto broken = tc::make_model([](auto& g) { g.conv2d("a", g.input("image", {8, 6, 4}), 0, 3); });
#endif

// reject no_stride: "kernel_stride_dilation_and_groups_must_be_positive"
#if defined(CASE_no_stride)
inline constexpr auto broken = tc::make_model([](auto& g) { g.conv2d("a", g.input("image", {8, 6, 4}), 4, 3, {.stride = 0}); });
#endif

// reject input_channels_and_groups: "channels_must_be_divisible_by_groups"
#if defined(CASE_input_channels_and_groups)
inline constexpr auto broken = tc::make_model([](auto& g) { g.conv2d("a", g.input("image", {8, 6, 4}), 6, 3, {.groups = 3}); });
#endif

// reject output_channels_and_groups: "channels_must_be_divisible_by_groups"
#if defined(CASE_output_channels_and_groups)
inline constexpr auto broken = tc::make_model([](auto& g) { g.conv2d("a", g.input("image", {8, 6, 4}), 7, 3, {.groups = 2}); });
#endif

// reject negative_padding: "padding_must_not_be_negative"
#if defined(CASE_negative_padding)
inline constexpr auto broken = tc::make_model([](auto& g) {
    g.conv2d("a", g.input("image", {8, 6, 4}), 6, 3, {.padding = {0, -1, 0, 0}});
});
#endif

// reject negative_margin: "padding_must_not_be_negative"
#if defined(CASE_negative_margin)
inline constexpr auto broken = tc::make_model([](auto& g) { g.pad("a", g.input("image", {8, 6, 4}), {.bottom = -1}); });
#endif

// reject window_of_padding_only: "padding_must_be_smaller_than_the_kernel"
#if defined(CASE_window_of_padding_only)
inline constexpr auto broken = tc::make_model([](auto& g) { g.avg_pool("a", g.input("image", {8, 6, 4}), 2, {.padding = 2}); });
#endif

// reject uneven_pool: "the_pooled_size_must_divide_the_input"
#if defined(CASE_uneven_pool)
inline constexpr auto broken = tc::make_model([](auto& g) { g.adaptive_avg_pool("a", g.input("image", {8, 6, 4}), {3, 3}); });
#endif

// reject other_count: "reshape_must_keep_the_number_of_elements"
#if defined(CASE_other_count)
inline constexpr auto broken = tc::make_model([](auto& g) { g.reshape("a", g.input("image", {8, 6, 4}), {8, 20}); });
#endif

// reject order_too_short: "the_order_of_a_transpose_must_name_every_axis_once"
#if defined(CASE_order_too_short)
inline constexpr auto broken = tc::make_model([](auto& g) { g.transpose("a", g.input("image", {8, 6, 4}), {1, 0}); });
#endif

// reject order_repeats: "the_order_of_a_transpose_must_name_every_axis_once"
#if defined(CASE_order_repeats)
inline constexpr auto broken = tc::make_model([](auto& g) { g.transpose("a", g.input("image", {8, 6, 4}), {1, 0, 1}); });
#endif

// reject order_out_of_range: "the_order_of_a_transpose_must_name_every_axis_once"
#if defined(CASE_order_out_of_range)
inline constexpr auto broken = tc::make_model([](auto& g) { g.transpose("a", g.input("image", {8, 6, 4}), {1, 2, 3}); });
#endif

// reject axis: "this_axis_does_not_exist"
#if defined(CASE_axis)
inline constexpr auto broken = tc::make_model([](auto& g) {
    auto x = g.input("image", {8, 6, 4});
    g.concat("a", {x, x}, 3);
});
#endif

// reject pieces: "concat_joins_2_to_8_values_that_differ_only_along_its_axis"
#if defined(CASE_pieces)
inline constexpr auto broken = tc::make_model([](auto& g) {
    auto x = g.input("image", {8, 6, 4});
    g.concat("a", {x, g.max_pool("pool", x, {2, 1})}, 1);
});
#endif

// reject one_piece: "concat_joins_2_to_8_values_that_differ_only_along_its_axis"
#if defined(CASE_one_piece)
inline constexpr auto broken = tc::make_model([](auto& g) { g.concat("a", {g.input("image", {8, 6, 4})}); });
#endif

// reject rate_of_all: "the_rate_of_a_dropout_lies_from_0_to_below_1"
#if defined(CASE_rate_of_all)
inline constexpr auto broken = tc::make_model([](auto& g) { g.dropout("drop", g.input("vector", {10}), 1.0f); });
#endif

// reject rate_below_0: "the_rate_of_a_dropout_lies_from_0_to_below_1"
#if defined(CASE_rate_below_0)
inline constexpr auto broken = tc::make_model([](auto& g) { g.dropout("drop", g.input("vector", {10}), -0.5f); });
#endif
