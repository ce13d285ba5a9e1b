// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include <compress/graph/model.hpp>

namespace tensor_compress {

namespace detail {
// Never defined: their names are the compiler's message.
void no_value_of_the_model_has_this_label(label name);
void this_value_is_an_output_already(label name);
void a_model_has_at_most_8_outputs(label one_too_many);
}  // namespace detail

/// The model whose values of these labels are outputs too, in that order, after those there are. Weights are the same.
///
/// In a constant expression a wrong label does not compile; at run time it does not link: check before.
template <int Capacity, std::size_t Count>
constexpr model<Capacity> with_outputs(const model<Capacity>& from, const label (&names)[Count]) {
    model<Capacity> m = from;
    for (const label& name : names) {
        const int id = m.find(name);
        if (id < 0) detail::no_value_of_the_model_has_this_label(name);
        if (m.is_output(id)) detail::this_value_is_an_output_already(name);
        if (m.output_count == max_outputs) detail::a_model_has_at_most_8_outputs(name);
        m.outputs[m.output_count++] = id;
    }
    return m;
}

}  // namespace tensor_compress
