// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <compress/core/label.hpp>
#include <compress/core/shape.hpp>
#include <compress/tensor/error.hpp>
#include <compress/tensor/label_text.hpp>

namespace tensor_compress {

/// What is wrong with a model, before anyone has said in which file and at which node. An importer adds these.
class model_error : public error {
public:
    model_error(std::string_view what_was_found, std::string_view what_to_do)
        : model_error(what_was_found, {}, what_to_do) {}

    /// @param  a_line_each  what was found in more than one place
    model_error(std::string_view what_was_found, std::vector<std::string> a_line_each, std::string_view what_to_do)
        : error("model", what_was_found, a_line_each, what_to_do),
          found(what_was_found),
          items(std::move(a_line_each)),
          advice(what_to_do) {}

    std::string found;
    std::vector<std::string> items;
    std::string advice;
};

namespace detail {

/// "[32, 32, 3]"
inline std::string extents_text(const shape& s) {
    std::string text = "[";
    for (int axis = 0; axis < s.rank; ++axis) text.append(axis > 0 ? ", " : "").append(std::to_string(s[axis]));
    return text + ']';
}
inline std::string quoted(std::string_view name) { return "'" + std::string(name) + "'"; }

inline constexpr const char* check_export = "check how the model was exported";

}  // namespace detail

/// The functions of compiler_complaints for models that are read at run time: each throws `model_error`, an `error`,
/// that names the label and the shapes.
struct importer_complaints {
    [[noreturn]] static void this_label_is_used_twice(const label& name) {
        throw model_error("the label " + detail::quoted(text_of(name)) + " is used twice",
                          "give each node a name of its own");
    }
    [[noreturn]] static void a_label_must_not_be_empty() { throw model_error("a label is empty", "name every node"); }
    [[noreturn]] static void a_label_contains_a_character_reserved_for_recipes(const label& name) {
        throw model_error("the label " + detail::quoted(text_of(name)) + " has a character of [ ] * ? ; =",
                          "rename the node");
    }
    [[noreturn]] static void this_value_belongs_to_no_earlier_node(const label& name) {
        throw model_error("node " + detail::quoted(text_of(name)) + " reads a value that no earlier node writes",
                          detail::check_export);
    }
    [[noreturn]] static void
    the_model_has_more_nodes_than_its_capacity__write_make_model_with_a_larger_number(int capacity) {
        throw model_error("the model has more than " + std::to_string(capacity) + " nodes",
                          "simplify it, or split it in two");
    }
    [[noreturn]] static void every_extent_of_a_shape_must_be_positive(const label& name, const shape& found) {
        throw model_error("the result of " + detail::quoted(text_of(name)) + " has the shape " +
                              detail::extents_text(found) + ", and every extent must be positive",
                          detail::check_export);
    }
    [[noreturn]] static void a_tensor_is_too_large__its_elements_must_fit_31_bits(const label& name,
                                                                                  const shape& found) {
        throw model_error("the result of " + detail::quoted(text_of(name)) + " has the shape " +
                              detail::extents_text(found) + ", more than 2^29 elements",
                          "use a smaller input");
    }
    [[noreturn]] static void these_operands_have_different_shapes(const label& name, const shape& first,
                                                                  const shape& second) {
        throw model_error("the operands of " + detail::quoted(text_of(name)) + " have the shapes " +
                              detail::extents_text(first) + " and " + detail::extents_text(second),
                          "make them equal, or one of them a vector of channels");
    }
    [[noreturn]] static void these_matrices_cannot_be_multiplied(const label& name, const shape& first,
                                                                 const shape& second) {
        throw model_error("node " + detail::quoted(text_of(name)) + " multiplies matrices " +
                              detail::extents_text(first) + " and " + detail::extents_text(second),
                          "make the last extent of the first the last but one of the second, or transpose it");
    }
    [[noreturn]] static void this_operator_needs_an_image_of_height_width_channels(const label& name,
                                                                                   const shape& found) {
        throw model_error(detail::quoted(text_of(name)) + " needs an image, but its input has the shape " +
                              detail::extents_text(found),
                          detail::check_export);
    }
    [[noreturn]] static void this_operator_needs_a_vector_or_rows_of_vectors__use_flatten(const label& name,
                                                                                          const shape& found) {
        throw model_error(detail::quoted(text_of(name)) + " needs a vector, but its input has the shape " +
                              detail::extents_text(found),
                          "flatten it first");
    }
    [[noreturn]] static void the_kernel_is_larger_than_the_padded_input(const label& name, const shape& input,
                                                                        int height, int width) {
        throw model_error("the " + std::to_string(height) + " x " + std::to_string(width) + " kernel of " +
                              detail::quoted(text_of(name)) + " is larger than its padded input " +
                              detail::extents_text(input),
                          "use a larger input");
    }
    [[noreturn]] static void kernel_stride_dilation_and_groups_must_be_positive(const label& name) {
        throw model_error("the kernel, stride, dilation and groups of " + detail::quoted(text_of(name)) +
                              " must be positive",
                          detail::check_export);
    }
    [[noreturn]] static void padding_must_not_be_negative(const label& name) {
        throw model_error("the padding of " + detail::quoted(text_of(name)) + " is negative", detail::check_export);
    }
    [[noreturn]] static void padding_must_be_smaller_than_the_kernel(const label& name) {
        throw model_error("the padding of the pool " + detail::quoted(text_of(name)) +
                              " is not smaller than its kernel",
                          detail::check_export);
    }
    [[noreturn]] static void channels_must_be_divisible_by_groups(const label& name, int channels, int groups) {
        throw model_error("the " + std::to_string(channels) + " channels of " + detail::quoted(text_of(name)) +
                              " are not divisible by its " + std::to_string(groups) + " groups",
                          detail::check_export);
    }
    [[noreturn]] static void the_pooled_size_must_divide_the_input(const label& name, const shape& input, int height,
                                                                   int width) {
        throw model_error(detail::quoted(text_of(name)) + " pools " + detail::extents_text(input) + " to " +
                              std::to_string(height) + " x " + std::to_string(width) + ", which does not divide it",
                          "use an input whose size it divides");
    }
    [[noreturn]] static void reshape_must_keep_the_number_of_elements(const label& name, const shape& from,
                                                                      const shape& to) {
        throw model_error(detail::quoted(text_of(name)) + " reshapes " + detail::extents_text(from) + " to " +
                              detail::extents_text(to) + ", which has another number of elements",
                          detail::check_export);
    }
    [[noreturn]] static void the_order_of_a_transpose_must_name_every_axis_once(const label& name) {
        throw model_error("the order of the transpose " + detail::quoted(text_of(name)) +
                              " does not name every axis once",
                          detail::check_export);
    }
    [[noreturn]] static void the_rate_of_a_dropout_lies_from_0_to_below_1(const label& name) {
        throw model_error("the rate of the dropout " + detail::quoted(text_of(name)) + " is not from 0 to below 1",
                          detail::check_export);
    }
    [[noreturn]] static void this_axis_does_not_exist(const label& name, int axis, int rank) {
        throw model_error(detail::quoted(text_of(name)) + " names axis " + std::to_string(axis) + " of a value with " +
                              std::to_string(rank) + " axes",
                          detail::check_export);
    }
    [[noreturn]] static void concat_joins_2_to_8_values_that_differ_only_along_its_axis(const label& name,
                                                                                        const shape& first,
                                                                                        const shape& other) {
        throw model_error(detail::quoted(text_of(name)) + " joins values of the shapes " + detail::extents_text(first) +
                              " and " + detail::extents_text(other) + ", which differ along another axis as well",
                          detail::check_export);
    }
    [[noreturn]] static void a_model_has_1_to_8_outputs(int found) {
        throw model_error("the model has " + std::to_string(found) + " outputs, and 1 to 8 are supported",
                          "export it with fewer outputs");
    }
    [[noreturn]] static void an_output_is_named_twice(const label& name) {
        throw model_error("the output " + detail::quoted(text_of(name)) + " is named twice", "name each output once");
    }
};

}  // namespace tensor_compress
