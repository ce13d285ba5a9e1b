// SPDX-License-Identifier: MIT
#pragma once

#include <compress/storage/weight_code.hpp>

namespace tensor_compress {

/// Of each word of four weights the `Kept` that are not zero, and where in the word they lie.
///
/// Value vectors first, as the precision's dense code stores them: byte b of an output's word is a value of step
/// vector * (4 / Kept) + b / Kept. Then places: 2 bits for each value, in words of 32 bits an output, the first step
/// lowest. A unit is four value vectors with their one vector of places.
template <class Precision, int Kept>
requires(integer_precision<Precision>&& Precision::group == 0 && Precision::grid.has_zero && Precision::bits != 3)  //
    struct weight_code<Precision, tag::n_of_m<Kept, 4>> {
    using values = weight_code<Precision, tag::dense>;
    static constexpr bool plain = false;
    static constexpr bool stores_zero = true;
    static constexpr int kept = Kept;
    static constexpr int steps_per_vector = 4 / Kept;
    static constexpr int unit_steps = 4 * steps_per_vector;
    static constexpr int unit_elements = unit_steps * code_vector;

    static constexpr int units(int elements) { return ceil_div(elements, unit_elements); }
    static constexpr int value_elements(int elements) {
        return ceil_div(elements / code_vector, steps_per_vector) * code_vector;
    }
    static constexpr int places_at(int elements) {
        return values::bytes(round_up(value_elements(elements), 4 * code_vector));
    }
    static constexpr int bytes(int elements) { return places_at(elements) + units(elements) * code_vector; }
    static constexpr int decoded(int elements) { return units(elements) * unit_elements; }

    /// Of value `which` of an output's word in a step: its element among the values; its bits among the places.
    static constexpr int value_index(int step, int output, int which) {
        return step / steps_per_vector * code_vector + output * 4 + step % steps_per_vector * Kept + which;
    }
    static constexpr int place_shift(int step, int which) { return (step % unit_steps * Kept + which) * 2; }

    static constexpr void encode(std::int8_t* block, const std::int8_t* weights, int elements) {
        for (int step = 0; step < elements / code_vector; ++step)
            for (int output = 0; output < panel_outputs; ++output) {
                const std::int8_t* word = weights + step * code_vector + output * 4;
                std::int8_t* to = block + places_at(elements) + step / unit_steps * code_vector + output * 4;
                auto places = load_bytes<std::uint32_t>(to);
                // Zeros fill up from behind, so that places stay different: their values are added by `or`.
                for (int place = 0, which = 0; place < 4 && which < Kept; ++place) {
                    if (word[place] == 0 && 4 - place > Kept - which) continue;
                    values::set(block, value_elements(elements), value_index(step, output, which), word[place]);
                    places |= static_cast<std::uint32_t>(place) << place_shift(step, which++);
                }
                store_bytes(to, places);
            }
    }
    static constexpr std::int8_t at(const std::int8_t* block, int elements, int i) {
        const int step = i / code_vector, output = i % code_vector / 4;
        const auto places =
            load_bytes<std::uint32_t>(block + places_at(elements) + step / unit_steps * code_vector + output * 4);
        for (int which = 0; which < Kept; ++which)
            if (static_cast<int>(places >> place_shift(step, which) & 3) == i % 4)
                return values::at(block, value_elements(elements), value_index(step, output, which));
        return 0;
    }
};

}  // namespace tensor_compress
