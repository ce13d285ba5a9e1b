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

/// Weights with a scale for each output, kept apart from them.
template <class Code>
concept scaled_code = requires {
    requires Code::scaled;
};

}  // namespace tensor_compress
