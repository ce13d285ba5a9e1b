// SPDX-License-Identifier: MIT
#pragma once

#include <compress/storage/float_code.hpp>
#include <compress/storage/weight_code.hpp>

namespace tensor_compress {

namespace detail {

/// f(place, which) for the `Kept` weights of a word of four that are stored. Zeros fill up from behind, so that places
/// stay different: decoding adds values by `or`.
template <int Kept, class Value, class F>
constexpr void for_each_kept(const Value* word, F f) {
    for (int place = 0, which = 0; place < 4 && which < Kept; ++place)
        if (word[place] != 0 || 4 - place <= Kept - which) f(place, which++);
}

}  // namespace detail

/// Of each word of four neighbouring inputs of an output the `Kept` weights that are not zero, and where in the word
/// they lie. A step is a word of each of 16 outputs.
///
/// Values first, as the precision's dense code stores them. Then places: 2 bits for each value, in words of 32 bits an
/// output, which are those of a unit of steps. `Code` says where: `value_index` is the element among the values,
/// `place_shift` the bits in the word, of value `which` of an output in a step.
template <class Code, class Value, int Kept>
struct n_of_m_words {
    static constexpr bool plain = false;
    static constexpr bool stores_zero = true;
    static constexpr int kept = Kept;
    static constexpr int unit_steps = 16 / Kept;
    static constexpr int unit_elements = unit_steps * code_vector;

    static constexpr int units(int elements) { return ceil_div(elements, unit_elements); }
    static constexpr int bytes(int elements) { return Code::places_at(elements) + units(elements) * code_vector; }
    static constexpr int places_of(int elements, int step) {
        return Code::places_at(elements) + step / unit_steps * code_vector;
    }

    static constexpr void encode(std::int8_t* block, const Value* weights, int elements) {
        for (int step = 0; step < elements / code_vector; ++step)
            for (int output = 0; output < panel_outputs; ++output) {
                const Value* word = weights + step * code_vector + output * 4;
                std::int8_t* to = block + places_of(elements, step) + output * 4;
                auto places = load_bytes<std::uint32_t>(to);
                detail::for_each_kept<Kept>(word, [&](int place, int which) {
                    Code::values::set(block, Code::value_elements(elements), Code::value_index(step, output, which),
                                      word[place]);
                    places |= static_cast<std::uint32_t>(place) << Code::place_shift(step, which);
                });
                store_bytes(to, places);
            }
    }
    static constexpr Value at(const std::int8_t* block, int elements, int i) {
        const int step = i / code_vector, output = i % code_vector / 4;
        const auto places = load_bytes<std::uint32_t>(block + places_of(elements, step) + output * 4);
        for (int which = 0; which < Kept; ++which)
            if (static_cast<int>(places >> Code::place_shift(step, which) & 3) == i % 4)
                return Code::values::at(block, Code::value_elements(elements), Code::value_index(step, output, which));
        return 0;
    }
};

/// Integers: byte b of an output's word among the values is one of step vector * (4 / Kept) + b / Kept, as many steps
/// together as fill the word. A unit is four such vectors.
template <class Precision, int Kept>
requires(integer_precision<Precision>&& Precision::group == 0 && Precision::grid.has_zero && Precision::bits != 3)  //
    struct weight_code<Precision, tag::n_of_m<Kept, 4>>
    : n_of_m_words<weight_code<Precision, tag::n_of_m<Kept, 4>>, std::int8_t, Kept> {
    using words = n_of_m_words<weight_code, std::int8_t, Kept>;
    using values = weight_code<Precision, tag::dense>;
    static constexpr int steps_per_vector = 4 / Kept;

    static constexpr int value_elements(int elements) {
        return ceil_div(elements / code_vector, steps_per_vector) * code_vector;
    }
    static constexpr int places_at(int elements) {
        return values::bytes(round_up(value_elements(elements), 4 * code_vector));
    }
    static constexpr int decoded(int elements) { return words::units(elements) * words::unit_elements; }

    static constexpr int byte_of(int step, int which) { return step % steps_per_vector * Kept + which; }
    static constexpr int value_index(int step, int output, int which) {
        return step / steps_per_vector * code_vector + output * 4 + byte_of(step, which);
    }
    /// A field of the same bits for each byte of a value vector: one shift and one mask bring out its places.
    static constexpr int place_shift(int step, int which) {
        return byte_of(step, which) * 8 + step % words::unit_steps / steps_per_vector * 2;
    }
};

/// For speed: each value with the place of its input among those of its vector, in bytes, so that one instruction picks
/// them. A vector of values is followed by its vector of places.
template <int Kept>
struct weight_code<tag::int8, tag::n_of_m<Kept, 4, tag::for_speed>> {
    static constexpr bool plain = false;
    static constexpr bool stores_zero = true;
    static constexpr bool picks = true;
    static constexpr int kept = Kept;
    static constexpr int vector_steps = 4 / Kept, step_terms = 4 * vector_steps;

    static constexpr int values_at(int step) { return step / vector_steps * 2 * code_vector; }
    static constexpr int bytes(int elements) { return values_at(round_up(elements / code_vector, vector_steps)); }
    /// Weights that are multiplied, of a block.
    static constexpr int multiplied(int elements) { return bytes(elements) / 2; }
    static constexpr int value_index(int step, int output, int which) {
        return values_at(step) + output * 4 + step % vector_steps * Kept + which;
    }

    static constexpr void encode(std::int8_t* block, const std::int8_t* weights, int elements) {
        for (int step = 0; step < elements / code_vector; ++step)
            for (int output = 0; output < panel_outputs; ++output) {
                const std::int8_t* word = weights + step * code_vector + output * 4;
                detail::for_each_kept<Kept>(word, [&](int place, int which) {
                    const int index = value_index(step, output, which);
                    block[index] = word[place];
                    block[index + code_vector] = static_cast<std::int8_t>(step % vector_steps * 4 + place);
                });
            }
    }
    static constexpr std::int8_t at(const std::int8_t* block, int, int i) {
        const int step = i / code_vector, output = i % code_vector / 4;
        for (int which = 0; which < Kept; ++which) {
            const int index = value_index(step, output, which);
            if (block[index + code_vector] % 4 == i % 4) return block[index];
        }
        return 0;
    }
};

/// Integer codes whose weights are multiplied with inputs that they pick.
template <class Code>
concept picking_code = requires {
    requires Code::picks;
};

/// Floats: the values of a step in `Kept` vectors of one for each output, places from the lowest bits up.
template <class Precision, int Kept>
requires(float_precision<Precision>&& Precision::bits >= 16)  //
    struct weight_code<Precision, tag::n_of_m<Kept, 4>>
    : n_of_m_words<weight_code<Precision, tag::n_of_m<Kept, 4>>, float, Kept> {
    using words = n_of_m_words<weight_code, float, Kept>;
    using values = weight_code<Precision, tag::dense>;
    static constexpr int step_inputs = 4;

    static constexpr int value_elements(int elements) { return elements / 4 * Kept; }
    static constexpr int places_at(int elements) {
        return round_up(values::bytes(value_elements(elements)), code_vector);
    }
    static constexpr int value_index(int step, int output, int which) {
        return (step * Kept + which) * panel_outputs + output;
    }
    static constexpr int place_shift(int step, int which) { return (step % words::unit_steps * Kept + which) * 2; }
    /// Weights that are multiplied, of a block.
    static constexpr int multiplied(int elements) { return value_elements(elements); }
};

/// Whether the steps in which inputs are picked divide a layer; true of codes that do not pick.
template <class Code>
constexpr bool places_fit(const conv_geometry& g) {
    if constexpr (picking_code<Code>)
        return g.group_inputs() % Code::step_terms == 0;
    else
        return true;
}

}  // namespace tensor_compress
