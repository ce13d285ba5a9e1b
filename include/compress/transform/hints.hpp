// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <type_traits>

#include <compress/graph/rewrite/logits.hpp>
#include <compress/graph/rewrite/outputs.hpp>
#include <compress/train/graph.hpp>
#include <compress/train/loss.hpp>

namespace tensor_compress {

/// What of two values a hint compares.
enum class hint_kind : unsigned char {
    values,     ///< each element: add_squared_error. Romero et al. 2015, FitNets, equation 3, without a regressor
    attention,  ///< where they are large, whatever their channels: add_attention_error
};

/// A value of a student that has to come near to one of its teacher: a term of the loss of `distil`. Hints are an
/// array, declared `inline constexpr`: they decide which values training sees.
struct hint {
    label teacher, student;
    double weight = 1;  ///< of the term; those of attention are small: tens to thousands are usual
    hint_kind of = hint_kind::values;
};

/// map[p] = q[p] / |q| with q[p] = sum over c of values[p, c]^2, a map of unit length; zeros where all values are 0.
/// Source: Zagoruyko and Komodakis 2017, Paying More Attention to Attention, section 3.1, F_sum^2.
///
/// @param  values  [pixels, channels]
/// @param  map     [pixels]
/// @return |q|
inline double attention_map(std::span<const float> values, std::span<float> map) {
    const std::size_t channels = values.size() / map.size();
    std::vector<double> sums(map.size());
    double squares = 0;
    for (std::size_t p = 0; p < map.size(); ++p) {
        for (const float v : values.subspan(p * channels, channels))
            sums[p] += static_cast<double>(v) * static_cast<double>(v);
        squares += sums[p] * sums[p];
    }
    const double length = std::sqrt(squares);
    for (std::size_t p = 0; p < map.size(); ++p) map[p] = length > 0 ? static_cast<float>(sums[p] / length) : 0.0f;
    return length;
}

/// |map of the values - target|^2 / 2; its gradient times `weight` is added to `gradient`. With u the map and e = u -
/// target it is
///
///   dL/dvalues[p, c] = 2 * values[p, c] * (e[p] - u[p] * sum over i of u[i] * e[i]) / |q|
///
/// and 0 where all values are 0. Source: Zagoruyko and Komodakis 2017, equation 2, with the square of its norm, which
/// has a gradient where maps agree.
///
/// @param  target  [pixels], an attention_map
inline double add_attention_error(std::span<const float> values, std::span<const float> target,
                                  std::span<float> gradient, double weight = 1) {
    std::vector<float> map(target.size());
    const double length = attention_map(values, map);
    double squares = 0, along = 0;
    for (std::size_t p = 0; p < map.size(); ++p) {
        const double u = static_cast<double>(map[p]), e = u - static_cast<double>(target[p]);
        squares += e * e;
        along += u * e;
    }
    const std::size_t channels = values.size() / map.size();
    for (std::size_t i = 0; length > 0 && i < values.size(); ++i) {
        const double u = static_cast<double>(map[i / channels]), e = u - static_cast<double>(target[i / channels]);
        gradient[i] += static_cast<float>(weight * 2 * static_cast<double>(values[i]) * (e - u * along) / length);
    }
    return squares / 2;
}

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

/// Of a softmax that ends a model there are only the logits, which have its input's label.
template <const auto& Teacher, const auto& Student, const auto& Hints>
constexpr bool check_hints() {
    using T = training_graph<hinted<Student, Hints, &hint::student>()>;
    const auto& student = hinted<Student, Hints, &hint::student>();
    for (const hint& h : Hints) {
        const int from = Teacher.find(h.teacher);
        if (from < 0) no_value_of_the_model_has_this_label(h.teacher);
        if (logits_of(Student).find(h.student) < 0) no_value_of_the_model_has_this_label(h.student);
        check_shapes(h, Teacher[from].output, student[student.find(h.student)].output);
        if (!T::needs_gradient(T::graph.outputs[output_index(student, h.student)]))
            this_value_of_the_student_does_not_depend_on_its_weights(h.student);
    }
    return true;
}

/// Training a net sees the values that the net stores: a layer that is one with the clamp or the add after it has only
/// the value of that.
template <class Net, const auto& Hints>
constexpr bool check_hints_of_net() {
    for (const hint& h : Hints) {
        const int id = viewed(Net::model, Net::model.find(h.student));
        bool stores = false;
        for (int other = 0; other < Net::graph.count; ++other) stores = stores || Net::graph[other].value_origin == id;
        if (!stores) the_net_does_not_store_this_value__name_the_end_of_what_is_one_layer_there(h.student);
    }
    return true;
}

}  // namespace detail
}  // namespace tensor_compress
