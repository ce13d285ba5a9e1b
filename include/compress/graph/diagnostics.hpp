// SPDX-License-Identifier: MIT
#pragma once

#include <compress/core/label.hpp>
#include <compress/core/shape.hpp>

namespace tensor_compress {

/// What a builder says of a wrong model while the compiler evaluates it. None of these is defined: calling one ends the
/// constant expression, and the compiler prints its name, its arguments and the user's line. The importer passes a
/// class of the same shape whose functions throw.
struct compiler_complaints {
    static void this_label_is_used_twice(label name);
    static void a_label_must_not_be_empty();
    static void a_label_contains_a_character_reserved_for_recipes(label name);
    static void this_value_belongs_to_no_earlier_node(label name);
    static void the_model_has_more_nodes_than_its_capacity__write_make_model_with_a_larger_number(int capacity);
    static void every_extent_of_a_shape_must_be_positive(label name, shape found);
    static void a_tensor_is_too_large__its_elements_must_fit_31_bits(label name, shape found);
    static void these_operands_have_different_shapes(label name, shape first, shape second);
    static void these_matrices_cannot_be_multiplied(label name, shape first, shape second);
    static void this_operator_needs_an_image_of_height_width_channels(label name, shape found);
    static void this_operator_needs_a_vector_or_rows_of_vectors__use_flatten(label name, shape found);
    static void the_kernel_is_larger_than_the_padded_input(label name, shape input, int kernel_height,
                                                           int kernel_width);
    static void kernel_stride_dilation_and_groups_must_be_positive(label name);
    static void padding_must_not_be_negative(label name);
    static void padding_must_be_smaller_than_the_kernel(label name);
    static void channels_must_be_divisible_by_groups(label name, int channels, int groups);
    static void the_pooled_size_must_divide_the_input(label name, shape input, int height, int width);
    static void reshape_must_keep_the_number_of_elements(label name, shape from, shape to);
    static void the_order_of_a_transpose_must_name_every_axis_once(label name);
    static void the_rate_of_a_dropout_lies_from_0_to_below_1(label name);
    static void this_axis_does_not_exist(label name, int axis, int rank);
    static void concat_joins_2_to_8_values_that_differ_only_along_its_axis(label name, shape first, shape other);
    static void a_model_has_1_to_8_outputs(int found);
    static void an_output_is_named_twice(label name);
};

}  // namespace tensor_compress
