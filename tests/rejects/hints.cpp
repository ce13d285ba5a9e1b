// SPDX-License-Identifier: MIT
// Pairs of values that a student cannot learn from.
#include <compress/graph/builder.hpp>
#include <compress/graph/hint.hpp>
#include <compress/net/net.hpp>

namespace tc = tensor_compress;

inline constexpr auto teacher = tc::make_model([](auto& g) {
    auto x = g.relu("large", g.conv2d("conv1", g.input("image", {8, 8, 2}), 6, {3, 3}));
    x = g.relu("small", g.conv2d("conv2", x, 4, {3, 3}, {.stride = 2}));
    g.linear("head", g.flatten("flat", x), 3);
});
inline constexpr auto student = tc::make_model([](auto& g) {
    auto x = g.relu("large", g.conv2d("conv1", g.input("image", {8, 8, 2}), 3, {3, 3}));
    x = g.relu("small", g.conv2d("conv2", x, 4, {3, 3}, {.stride = 2}));
    g.softmax("probabilities", g.linear("head", g.flatten("flat", x), 3));
});
inline constexpr tc::recipe all_int8{tc::int8};
using small_net = tc::net<student, all_int8>;

inline constexpr tc::hint accepted[]{{"small", "small"}, {"large", "large", 100, tc::hint_kind::attention}};
static_assert(tc::hints_fit<teacher, student, accepted>() && tc::net_stores_hints<small_net, accepted>());

// reject unknown_in_teacher: "no_value_of_the_model_has_this_label"
#if defined(CASE_unknown_in_teacher)
inline constexpr tc::hint broken[]{{"huge", "large"}};
static_assert(tc::hints_fit<teacher, student, broken>());
#endif

// reject unknown_in_student: "no_value_of_the_model_has_this_label"
#if defined(CASE_unknown_in_student)
inline constexpr tc::hint broken[]{{"large", "huge"}};
static_assert(tc::hints_fit<teacher, student, broken>());
#endif

// reject left_to_the_loss: "no_value_of_the_model_has_this_label"
#if defined(CASE_left_to_the_loss)
inline constexpr tc::hint broken[]{{"head", "probabilities"}};
static_assert(tc::hints_fit<teacher, student, broken>());
#endif

// reject other_channels: "the_values_of_a_hint_need_equal_shapes"
#if defined(CASE_other_channels)
inline constexpr tc::hint broken[]{{"large", "large"}};
static_assert(tc::hints_fit<teacher, student, broken>());
#endif

// reject other_pixels: "the_attention_maps_of_a_hint_need_the_same_height_and_width"
#if defined(CASE_other_pixels)
inline constexpr tc::hint broken[]{{"small", "large", 1, tc::hint_kind::attention}};
static_assert(tc::hints_fit<teacher, student, broken>());
#endif

// reject one_pixel: "an_attention_map_needs_more_than_one_pixel"
#if defined(CASE_one_pixel)
inline constexpr tc::hint broken[]{{"flat", "flat", 1, tc::hint_kind::attention}};
static_assert(tc::hints_fit<teacher, student, broken>());
#endif

// reject weight: "the_weight_of_a_hint_is_above_0"
#if defined(CASE_weight)
inline constexpr tc::hint broken[]{{"small", "small", 0}};
static_assert(tc::hints_fit<teacher, student, broken>());
#endif

// reject input: "this_value_of_the_student_does_not_depend_on_its_weights"
#if defined(CASE_input)
inline constexpr tc::hint broken[]{{"image", "image"}};
static_assert(tc::hints_fit<teacher, student, broken>());
#endif

// reject not_stored: "the_net_does_not_store_this_value__name_the_end_of_what_is_one_layer_there"
#if defined(CASE_not_stored)
inline constexpr tc::hint broken[]{{"conv2", "conv2"}};
static_assert(tc::net_stores_hints<small_net, broken>());
#endif
