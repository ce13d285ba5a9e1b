// SPDX-License-Identifier: MIT
// Recipes that do not fit their model.
#include <compress/graph/builder.hpp>
#include <compress/net/net.hpp>

namespace tc = tensor_compress;

inline constexpr auto written = tc::make_model([](auto& g) {
    auto x = g.relu(g.linear("first", g.input("vector", {3}), 5));
    g.linear("head/last", x, 2);
});
inline constexpr auto fits = tc::recipe{tc::int8}.with("head/*", tc::fp32).with("first", tc::int8 | tc::dense);
static_assert(tc::net<written, fits>::arena_bytes > 0);

// reject unmatched: "a pattern of the recipe matches no layer of the model"
#if defined(CASE_unmatched)
inline constexpr auto typo = tc::recipe{tc::int8}.with("haed/*", tc::fp32);
static_assert(tc::net<written, typo>::arena_bytes > 0);
#endif

// reject second_unmatched: "a pattern of the recipe matches no layer of the model"
#if defined(CASE_second_unmatched)
inline constexpr auto typo = tc::recipe{tc::int8}.with("head/*", tc::fp32).with("[A-Z]*", tc::fp32);
static_assert(tc::net<written, typo>::arena_bytes > 0);
#endif

// reject pattern_too_long: "a_label_has_at_most_63_characters"
#if defined(CASE_pattern_too_long)
inline constexpr auto typo =
    tc::recipe{tc::int8}.with("a/pattern/of/sixty/four/characters/is/one/character/longer/than/*/gets", tc::fp32);
#endif

// reject no_format: "as_format"
#if defined(CASE_no_format)
inline constexpr auto typo = tc::recipe{tc::int8}.with("first", 8);
#endif

inline constexpr auto deep = tc::make_model([](auto& g) { g.conv2d("deep", g.input("image", {9, 9, 406}), 1, 9); });
inline constexpr auto all_int8 = tc::recipe{tc::int8};
static_assert(9 * 9 * 406 <= tc::max_int8_terms && 9 * 9 * 407 > tc::max_int8_terms);
static_assert(tc::net<deep, all_int8>::weights_bytes > 9 * 9 * 406);

// reject too_many_terms: "an int8 layer sums at most 32896 products, or its 32-bit sum could overflow"
#if defined(CASE_too_many_terms)
inline constexpr auto wide = tc::make_model([](auto& g) { g.linear("wide", g.input("vector", {32897}), 1); });
static_assert(tc::net<wide, all_int8>::weights_bytes > 0);
#endif

// reject too_many_taps: "an int8 layer sums at most 32896 products, or its 32-bit sum could overflow"
#if defined(CASE_too_many_taps)
inline constexpr auto deeper = tc::make_model([](auto& g) { g.conv2d("deeper", g.input("image", {9, 9, 407}), 1, 9); });
static_assert(tc::net<deeper, all_int8>::weights_bytes > 0);
#endif

inline constexpr auto images = tc::make_model([](auto& g) {
    auto x = g.depthwise_conv2d("depth", g.conv2d("stem", g.input("image", {8, 8, 3}), 16, 3), {3, 3});
    g.linear("head", g.flatten("flat", x), 10);
});
inline constexpr auto groups = tc::recipe{tc::int4}.with("head", tc::int4 | tc::group<64>).with("stem", tc::binary);
static_assert(tc::net<images, groups>::weights_bytes > 0);

// reject group_too_large: "the group of weights that share a step must divide the neighbouring inputs of an output"
#if defined(CASE_group_too_large)
inline constexpr auto wrong = tc::recipe{tc::int8}.with("stem", tc::int4 | tc::group<32>);
static_assert(tc::net<images, wrong>::weights_bytes > 0);
#endif

// reject group_of_floats: "the group of weights that share a step must divide the neighbouring inputs of an output"
#if defined(CASE_group_of_floats)
inline constexpr auto wrong = tc::recipe{tc::fp32}.with("stem", tc::weight_only(tc::int4 | tc::group<32>));
static_assert(tc::net<images, wrong>::weights_bytes > 0);
#endif

// reject depthwise_group: "a depthwise layer has a step for each channel, and too few weights for groups"
#if defined(CASE_depthwise_group)
inline constexpr auto wrong = tc::recipe{tc::int8}.with("depth", tc::int4 | tc::group<4>);
static_assert(tc::net<images, wrong>::weights_bytes > 0);
#endif

inline constexpr auto patterns = tc::recipe{tc::int8 | tc::n_of_m<2, 4>}
                                     .with("stem", tc::int8 | tc::codebook<4>)
                                     .with("depth", tc::int8 | tc::codebook<2>)
                                     .with("head", tc::int8 | tc::n_of_m<2, 4> | tc::for_speed);
static_assert(tc::net<images, patterns>::weights_bytes > 0);

// reject block_divides_no_inputs: "a block of the pattern must divide the layer" "'s', 't', 'e', 'm'"
// "inputs_and_outputs<3, 16>"
#if defined(CASE_block_divides_no_inputs)
inline constexpr auto wrong = tc::recipe{tc::int8}.with("stem", tc::fp32 | tc::block<1, 16, 80>);
static_assert(tc::net<images, wrong>::weights_bytes > 0);
#endif

// reject sparse_depthwise: "a depthwise layer has too few weights for a pattern of zeros"
#if defined(CASE_sparse_depthwise)
inline constexpr auto wrong = tc::recipe{tc::int8}.with("depth", tc::int8 | tc::n_of_m<2, 4>);
static_assert(tc::net<images, wrong>::weights_bytes > 0);
#endif

// reject places_divide_no_inputs: "for_speed picks the inputs of an output 8 at a time" "'s', 't', 'e', 'm'"
#if defined(CASE_places_divide_no_inputs)
inline constexpr auto wrong = tc::recipe{tc::int8}.with("stem", tc::int8 | tc::n_of_m<2, 4> | tc::for_speed);
static_assert(tc::net<images, wrong>::weights_bytes > 0);
#endif

// reject floats_for_speed: "for_speed is a form of int8 weights"
#if defined(CASE_floats_for_speed)
inline constexpr auto wrong = tc::recipe{tc::fp32 | tc::n_of_m<2, 4> | tc::for_speed};
static_assert(tc::net<images, wrong>::weights_bytes > 0);
#endif

// reject blocks_for_speed: "for_speed is a form of n_of_m: leave it out with other patterns"
#if defined(CASE_blocks_for_speed)
inline constexpr auto wrong = tc::recipe{tc::int8 | tc::unstructured<50> | tc::for_speed};
#endif

// reject too_many_anywhere: "of the weights of 16 outputs int8 keeps at most 65535 anywhere" "inputs_and_outputs<16384,
// 16>"
#if defined(CASE_too_many_anywhere)
inline constexpr auto broad = tc::make_model([](auto& g) { g.linear("only", g.input("x", {16384}), 16); });
inline constexpr auto wrong = tc::recipe{tc::int8 | tc::unstructured<50>};
static_assert(tc::net<broad, wrong>::weights_bytes > 0);
#endif

// reject depthwise_group_of_floats: "a depthwise layer has a step for each channel, and too few weights for groups"
#if defined(CASE_depthwise_group_of_floats)
inline constexpr auto wrong = tc::recipe{tc::fp32}.with("depth", tc::weight_only(tc::int4 | tc::group<4>));
static_assert(tc::net<images, wrong>::weights_bytes > 0);
#endif

// reject pattern_without_kernel: "no kernel stores weights in this precision with this sparsity"
#if defined(CASE_pattern_without_kernel)
inline constexpr auto wrong = tc::recipe{tc::int8}.with("head", tc::fp32 | tc::codebook<4>);
static_assert(tc::net<images, wrong>::weights_bytes > 0);
#endif

// reject narrow_block: "blocks of int8 take 4 inputs and 16 weights or more"
#if defined(CASE_narrow_block)
inline constexpr auto wrong = tc::recipe{tc::int8}.with("head", tc::int8 | tc::block<1, 4, 80>);
static_assert(tc::net<images, wrong>::weights_bytes > 0);
#endif

// reject codebook_too_large: "the codebook is larger than the layer"
#if defined(CASE_codebook_too_large)
inline constexpr auto tiny = tc::make_model([](auto& g) { g.linear("only", g.input("x", {4}), 2); });
inline constexpr auto wrong = tc::recipe{tc::int8 | tc::codebook<4>};
static_assert(tc::net<tiny, wrong>::weights_bytes > 0);
#endif

// reject everything_zero: "the share of weights that are zero lies between 1 and 99 percent"
#if defined(CASE_everything_zero)
inline constexpr auto wrong = tc::recipe{tc::fp32 | tc::unstructured<100>};
#endif

// reject depthwise_of_signs: "sums too few signs for each output"
#if defined(CASE_depthwise_of_signs)
inline constexpr auto wrong = tc::recipe{tc::int8}.with("depth", tc::binary_activations);
static_assert(tc::net<images, wrong>::weights_bytes > 0);
#endif

// reject grouped_signs: "sums too few signs for each output"
#if defined(CASE_grouped_signs)
inline constexpr auto grouped = tc::make_model([](auto& g) {
    g.conv2d("only", g.input("x", {4, 4, 64}), 64, 3, {.groups = 2});
});
inline constexpr auto wrong = tc::recipe{tc::binary_activations};
static_assert(tc::net<grouped, wrong>::weights_bytes > 0);
#endif

inline constexpr auto behind_relu = tc::make_model([](auto& g) {
    auto x = g.max_pool("pool", g.relu(g.conv2d("stem", g.input("x", {4, 4, 3}), 32, 3)), 2);
    g.conv2d("inner", x, 32, 3);
});
inline constexpr auto behind_norm = tc::make_model([](auto& g) {
    auto x = g.max_pool("pool", g.batch_norm("norm", g.conv2d("stem", g.input("x", {4, 4, 3}), 32, 3)), 2);
    g.conv2d("inner", x, 32, 3);
});
inline constexpr auto inner_signs = tc::recipe{tc::int8}.with("inner", tc::binary_activations);
static_assert(tc::detail::check_training<tc::net<behind_norm, inner_signs>>());

// reject equal_signs: "reads is never negative, so all of its signs are the same" "'i', 'n', 'n', 'e', 'r'"
#if defined(CASE_equal_signs)
static_assert(tc::detail::check_training<tc::net<behind_relu, inner_signs>>());
#endif

// reject sparse_signs: "no kernel stores weights in this precision with this sparsity"
#if defined(CASE_sparse_signs)
inline constexpr auto wrong = tc::recipe{tc::int8}.with("head", tc::binary_activations | tc::n_of_m<2, 4>);
static_assert(tc::net<images, wrong>::weights_bytes > 0);
#endif

inline constexpr auto at_run_time = tc::recipe{tc::dynamic(tc::int8)}.with("depth", tc::fp32);
static_assert(tc::net<images, at_run_time>::weights_bytes > 0);

// reject dynamic_depthwise: "a depthwise layer has no kernel for values that are quantised at run time" "'d', 'e', 'p',
// 't', 'h'"
#if defined(CASE_dynamic_depthwise)
inline constexpr auto wrong = tc::recipe{tc::dynamic(tc::int8)};
static_assert(tc::net<images, wrong>::weights_bytes > 0);
#endif

// reject dynamic_signs: "dynamic quantises values to 8 bits, and binary_activations reads their signs alone"
#if defined(CASE_dynamic_signs)
inline constexpr auto wrong = tc::recipe{tc::dynamic(tc::binary_activations)};
#endif

// reject dynamic_pattern: "no kernel stores weights in this precision with this sparsity" "'h', 'e', 'a', 'd'"
#if defined(CASE_dynamic_pattern)
inline constexpr auto wrong = tc::recipe{tc::fp32}.with("head", tc::dynamic(tc::int8) | tc::n_of_m<2, 4>);
static_assert(tc::net<images, wrong>::weights_bytes > 0);
#endif

// reject dynamic_terms: "a dynamic layer sums at most 32896 products of integers"
#if defined(CASE_dynamic_terms)
inline constexpr auto broad = tc::make_model([](auto& g) { g.linear("only", g.input("x", {32897}), 1); });
inline constexpr auto wrong = tc::recipe{tc::dynamic(tc::int8)};
static_assert(tc::net<broad, wrong>::weights_bytes > 0);
#endif

// reject group_of_int8: "groups of weights share a step in int4, int3, int2 and ternary"
#if defined(CASE_group_of_int8)
inline constexpr auto wrong = tc::recipe{tc::int8 | tc::group<32>};
#endif

// Layers that are used alone have no label.
static_assert(tc::layers::linear<64, 16, tc::tag::int8, tc::tag::block<4, 4, 50>>::packed_bytes > 0);
static_assert(tc::layers::linear<64, 16, tc::tag::int8, tc::tag::n_of_m<2, 4, tc::tag::for_speed>>::packed_bytes > 0);

// reject layer_of_blocks: "a block of the pattern must divide the layer"
#if defined(CASE_layer_of_blocks)
static_assert(tc::layers::linear<66, 16, tc::tag::int8, tc::tag::block<4, 4, 50>>::packed_bytes > 0);
#endif

// reject layer_for_speed: "for_speed picks the inputs of an output 8 at a time"
#if defined(CASE_layer_for_speed)
static_assert(tc::layers::linear<66, 16, tc::tag::int8, tc::tag::n_of_m<2, 4, tc::tag::for_speed>>::packed_bytes > 0);
#endif

// reject layer_of_masks: "of the weights of 16 outputs int8 keeps at most 65535 anywhere"
#if defined(CASE_layer_of_masks)
static_assert(tc::layers::linear<16384, 16, tc::tag::int8, tc::tag::unstructured<50>>::packed_bytes > 0);
#endif
