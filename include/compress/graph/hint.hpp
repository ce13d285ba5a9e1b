// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <iterator>
#include <type_traits>

#include <compress/graph/rewrite/conversions.hpp>
#include <compress/graph/rewrite/logits.hpp>
#include <compress/graph/rewrite/outputs.hpp>

namespace tensor_compress {

/// What of two values a hint compares.
enum class hint_kind : unsigned char {
    values,     ///< each element: squared differences. Romero et al. 2015, FitNets, equation 3, without a regressor
    attention,  ///< where they are large, whatever their channels: transform/hints.hpp
};

/// A value of a student that has to come near to one of its teacher: a term of the loss of `distil`. Hints are an
/// array, declared `inline constexpr`: they decide which values training sees.
struct hint {
    label teacher, student;
    double weight = 1;  ///< of the term
    hint_kind of = hint_kind::values;
};

namespace detail {

// Never defined: their names are the compiler's message.
void the_weight_of_a_hint_is_above_0(label teacher, label student);
void the_values_of_a_hint_need_equal_shapes(label teacher, shape of_teacher, label student, shape of_student);
void the_attention_maps_of_a_hint_need_the_same_height_and_width(label teacher, shape of_teacher, label student,
                                                                 shape of_student);
void an_attention_map_needs_more_than_one_pixel(label teacher, label student);
void this_value_of_the_student_does_not_depend_on_its_weights(label student);
void the_net_does_not_store_this_value__name_the_end_of_what_is_one_layer_there(label student);

inline constexpr std::array<hint, 0> no_hints{};

template <const auto& Model, const auto& Hints, label hint::*Of>
inline constexpr auto model_with_hinted_outputs = [] {
    std::remove_cvref_t<decltype(Model)> m = Model;
    for (const hint& h : Hints)
        if (m.find(h.*Of) < 0 || !m.is_output(m.find(h.*Of))) m = with_outputs(m, {h.*Of});
    return m;
}();

/// The model with the values that hints are about as outputs; without hints the model itself.
template <const auto& Model, const auto& Hints, label hint::*Of>
constexpr const auto& hinted() {
    if constexpr (std::size(Hints) == 0)
        return Model;
    else
        return model_with_hinted_outputs<Model, Hints, Of>;
}

template <int Capacity>
constexpr std::size_t output_index(const model<Capacity>& m, const label& name) {
    std::size_t index = 0;
    while (m.outputs[index] != m.find(name)) ++index;
    return index;
}

/// Pixels of [height, width, channels], or of [rows, channels].
constexpr int pixels_of(const shape& s) { return s.elements() / s.channels(); }
constexpr shape without_channels(shape s) {
    s.extent[s.rank - 1] = 1;
    return s;
}

constexpr void check_shapes(const hint& h, const shape& of_teacher, const shape& of_student) {
    if (!(h.weight > 0)) the_weight_of_a_hint_is_above_0(h.teacher, h.student);
    if (h.of == hint_kind::values) {
        if (!(of_teacher == of_student))
            the_values_of_a_hint_need_equal_shapes(h.teacher, of_teacher, h.student, of_student);
    } else {
        if (!(without_channels(of_teacher) == without_channels(of_student)))
            the_attention_maps_of_a_hint_need_the_same_height_and_width(h.teacher, of_teacher, h.student, of_student);
        if (pixels_of(of_student) == 1) an_attention_map_needs_more_than_one_pixel(h.teacher, h.student);
    }
}

/// Whether training changes the value.
template <int Capacity>
constexpr bool depends_on_weights(const model<Capacity>& m, int id) {
    bool depends[Capacity]{};
    for (int i = 0; i <= id; ++i) {
        depends[i] = is_product(m[i].kind) || m[i].kind == op::batch_norm || m[i].kind == op::layer_norm;
        for (int k = 0; k < m[i].input_count; ++k) depends[i] = depends[i] || depends[m[i].inputs[k]];
    }
    return depends[id];
}

/// Of a softmax that ends a model there are only the logits, which have its input's label.
template <int Capacity>
constexpr const shape& hinted_shape(const model<Capacity>& m, const label& name) {
    if (logits_of(m).find(name) < 0) no_value_of_the_model_has_this_label(name);
    return m[m.find(name)].output;
}

}  // namespace detail

/// True, or it does not compile: pairs of values that a student can learn from.
template <const auto& Teacher, const auto& Student, const auto& Hints>
constexpr bool hints_fit() {
    for (const hint& h : Hints) {
        detail::check_shapes(h, detail::hinted_shape(Teacher, h.teacher), detail::hinted_shape(Student, h.student));
        if (!detail::depends_on_weights(Student, Student.find(h.student)))
            detail::this_value_of_the_student_does_not_depend_on_its_weights(h.student);
    }
    return true;
}

/// True, or it does not compile: values that the net stores, which training it sees. A layer that is one with the clamp
/// or the add after it has only the value of that.
template <class Net, const auto& Hints>
constexpr bool net_stores_hints() {
    for (const hint& h : Hints) {
        const int id = detail::viewed(Net::model, Net::model.find(h.student));
        bool stores = false;
        for (int other = 0; other < Net::graph.count; ++other) stores = stores || Net::graph[other].value_origin == id;
        if (!stores) detail::the_net_does_not_store_this_value__name_the_end_of_what_is_one_layer_there(h.student);
    }
    return true;
}

}  // namespace tensor_compress
