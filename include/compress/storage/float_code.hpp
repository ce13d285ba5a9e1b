// SPDX-License-Identifier: MIT
#pragma once

#include <compress/core/half.hpp>
#include <compress/storage/weight_code.hpp>

namespace tensor_compress {

// Weights beside float activations, stored in fewer bits and multiplied as floats.

template <>
struct weight_code<tag::fp16, tag::dense> {
    static constexpr int bytes(int elements) { return 2 * elements; }
    static constexpr void set(std::int8_t* block, int, int i, float weight) {
        store_bytes(block + 2 * i, to_half(weight));
    }
    static constexpr float at(const std::int8_t* block, int, int i) {
        return from_half(load_bytes<std::uint16_t>(block + 2 * i));
    }
};

template <>
struct weight_code<tag::bf16, tag::dense> {
    static constexpr int bytes(int elements) { return 2 * elements; }
    static constexpr void set(std::int8_t* block, int, int i, float weight) {
        store_bytes(block + 2 * i, to_bfloat(weight));
    }
    static constexpr float at(const std::int8_t* block, int, int i) {
        return from_bfloat(load_bytes<std::uint16_t>(block + 2 * i));
    }
};

/// Levels as the integer precision stores them, to be multiplied with a float for each output.
template <class Precision>
struct weight_code<tag::weight_only<Precision>, tag::dense> {
    using levels = weight_code<Precision, tag::dense>;
    static constexpr bool scaled = true;
    static constexpr int unit = Precision::grid.unit;
    static constexpr int bytes(int elements) { return levels::bytes(elements); }
    static constexpr void set(std::int8_t* block, int elements, int i, std::int8_t weight) {
        levels::set(block, elements, i, weight);
    }
    static constexpr float at(const std::int8_t* block, int elements, int i) {
        return static_cast<float>(levels::at(block, elements, i) / unit);
    }
};

/// The same with groups: what is multiplied with the scale is level * step.
template <class Precision, int Size>
struct weight_code<tag::weight_only<tag::grouped<Precision, Size>>, tag::dense> : grouped_code<Precision, Size, 1> {
    using integers = grouped_code<Precision, Size, 1>;
    static constexpr bool scaled = true;
    static constexpr int unit = 1;  ///< of the scale
    static constexpr float at(const std::int8_t* block, int elements, int i) {
        return static_cast<float>(integers::at(block, elements, i));
    }
};

/// Neighbouring inputs of an output that one step of a product of floats takes.
template <class Code>
inline constexpr int step_inputs = 1;
template <class Code>
requires requires { Code::step_inputs; }  //
inline constexpr int step_inputs<Code> = Code::step_inputs;

/// How the weights of a float layer are ordered.
template <conv_geometry G, class Code>
struct float_order : panel_order<G, step_inputs<Code>> {};

/// Weights with a scale for each output, kept apart from them.
template <class Code>
concept scaled_code = requires {
    requires Code::scaled;
};

}  // namespace tensor_compress
