// SPDX-License-Identifier: MIT
#pragma once

#include <compress/graph/builder.hpp>

#include <string>

namespace tests {

namespace tc = tensor_compress;

/// What a builder complains of at run time.
struct complaint {
    std::string sentence;
    tc::label name;
};

/// Models written at run time: every complaint of compiler_complaints is thrown.
struct throwing_complaints {
    static void this_label_is_used_twice(tc::label n) { raise("this_label_is_used_twice", n); }
    static void a_label_must_not_be_empty() { raise("a_label_must_not_be_empty", {}); }
    static void a_label_contains_a_character_reserved_for_recipes(tc::label n) {
        raise("a_label_contains_a_character_reserved_for_recipes", n);
    }
    static void this_value_belongs_to_no_earlier_node(tc::label n) {
        raise("this_value_belongs_to_no_earlier_node", n);
    }
    static void the_model_has_more_nodes_than_its_capacity__write_make_model_with_a_larger_number(int) {
        raise("the_model_has_more_nodes", {});
    }
    static void every_extent_of_a_shape_must_be_positive(tc::label n, tc::shape) {
        raise("every_extent_of_a_shape_must_be_positive", n);
    }
    static void a_tensor_is_too_large__its_elements_must_fit_31_bits(tc::label n, tc::shape) {
        raise("a_tensor_is_too_large", n);
    }
    static void these_matrices_cannot_be_multiplied(tc::label n, tc::shape, tc::shape) {
        raise("these_matrices_cannot_be_multiplied", n);
    }
    static void these_operands_have_different_shapes(tc::label n, tc::shape, tc::shape) {
        raise("these_operands_have_different_shapes", n);
    }
    static void this_operator_needs_an_image_of_height_width_channels(tc::label n, tc::shape) {
        raise("this_operator_needs_an_image", n);
    }
    static void this_operator_needs_a_vector_or_rows_of_vectors__use_flatten(tc::label n, tc::shape) {
        raise("this_operator_needs_a_vector", n);
    }
    static void the_kernel_is_larger_than_the_padded_input(tc::label n, tc::shape, int, int) {
        raise("the_kernel_is_larger_than_the_padded_input", n);
    }
    static void kernel_stride_dilation_and_groups_must_be_positive(tc::label n) {
        raise("kernel_stride_dilation_and_groups_must_be_positive", n);
    }
    static void padding_must_not_be_negative(tc::label n) { raise("padding_must_not_be_negative", n); }
    static void padding_must_be_smaller_than_the_kernel(tc::label n) {
        raise("padding_must_be_smaller_than_the_kernel", n);
    }
    static void channels_must_be_divisible_by_groups(tc::label n, int, int) {
        raise("channels_must_be_divisible_by_groups", n);
    }
    static void the_pooled_size_must_divide_the_input(tc::label n, tc::shape, int, int) {
        raise("the_pooled_size_must_divide_the_input", n);
    }
    static void reshape_must_keep_the_number_of_elements(tc::label n, tc::shape, tc::shape) {
        raise("reshape_must_keep_the_number_of_elements", n);
    }
    static void the_rate_of_a_dropout_lies_from_0_to_below_1(tc::label n) {
        raise("the_rate_of_a_dropout_lies_from_0_to_below_1", n);
    }
    static void the_order_of_a_transpose_must_name_every_axis_once(tc::label n) {
        raise("the_order_of_a_transpose_must_name_every_axis_once", n);
    }
    static void this_axis_does_not_exist(tc::label n, int, int) { raise("this_axis_does_not_exist", n); }
    static void concat_joins_2_to_8_values_that_differ_only_along_its_axis(tc::label n, tc::shape, tc::shape) {
        raise("concat_joins_2_to_8_values", n);
    }
    static void a_model_has_1_to_8_outputs(int) { raise("a_model_has_1_to_8_outputs", {}); }
    static void an_output_is_named_twice(tc::label n) { raise("an_output_is_named_twice", n); }

private:
    [[noreturn]] static void raise(const char* sentence, tc::label name) { throw complaint{sentence, name}; }
};

template <int Capacity = 64>
using run_time_builder = tc::builder<Capacity, throwing_complaints>;

}  // namespace tests
