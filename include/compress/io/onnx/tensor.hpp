// SPDX-License-Identifier: MIT
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <compress/io/bytes.hpp>
#include <compress/io/importer_complaints.hpp>
#include <compress/io/onnx/constant.hpp>
#include <compress/io/onnx/messages.hpp>
#include <compress/tensor/weights.hpp>

namespace tensor_compress::onnx {

/// The values of a TensorProto: float32, float16, bfloat16 and float64 as floats; int32, int64 and bool as integers.
///
/// @throws model_error naming the tensor, for data in another file, another element type, a shape that is negative,
/// overflows or
///         does not agree with the number of values, and a float64 that no float can hold
inline constant decode(const tensor_proto& t);

namespace detail {

inline std::string tensor_text(const tensor_proto& t) { return "tensor '" + t.name + "'"; }

inline std::size_t bytes_of(element_type type) {
    switch (type) {
    case element_type::boolean:
        return 1;
    case element_type::float16:
    case element_type::bfloat16:
        return 2;
    case element_type::float32:
    case element_type::int32:
        return 4;
    case element_type::float64:
    case element_type::int64:
        return 8;
    default:
        return 0;
    }
}

inline void expect_count(const tensor_proto& t, std::size_t found, std::size_t expected) {
    if (found != expected)
        throw model_error(tensor_text(t) + " holds " + std::to_string(found) + " values, but its shape has " +
                              std::to_string(expected),
                          "it is damaged, export it again");
}

inline float narrow(const tensor_proto& t, double value) {
    if (!tensor_compress::detail::fits_float(value))
        throw model_error(tensor_text(t) + " holds a float64 that is too large for float32",
                          "export the model in float32");
    return static_cast<float>(value);
}

/// Element `i` of the raw bytes.
template <class T>
T raw_value(const tensor_proto& t, std::size_t i) {
    return load_value<T>(reinterpret_cast<const std::uint8_t*>(t.raw.data()) + i * sizeof(T), std::endian::little);
}

inline float float_at(const tensor_proto& t, std::size_t i) {
    // Half types without raw bytes are in int32_data, one bit pattern per value.
    const auto half = [&] {
        return t.has_raw ? raw_value<std::uint16_t>(t, i) : static_cast<std::uint16_t>(t.integers[i]);
    };
    switch (t.type) {
    case element_type::float16:
        return tensor_compress::detail::decode_float16(half());
    case element_type::bfloat16:
        return tensor_compress::detail::decode_bfloat16(half());
    case element_type::float64:
        return narrow(t, t.has_raw ? raw_value<double>(t, i) : t.doubles[i]);
    default:
        return t.has_raw ? raw_value<float>(t, i) : t.floats[i];
    }
}

inline std::int64_t integer_at(const tensor_proto& t, std::size_t i) {
    if (!t.has_raw) return t.integers[i];
    if (t.type == element_type::boolean) return raw_value<std::uint8_t>(t, i) != 0;
    return t.type == element_type::int32 ? raw_value<std::int32_t>(t, i) : raw_value<std::int64_t>(t, i);
}

/// Number of values of the field that holds the data of this type.
inline std::size_t stored_count(const tensor_proto& t) {
    if (t.type == element_type::float32) return t.floats.size();
    return t.type == element_type::float64 ? t.doubles.size() : t.integers.size();
}

}  // namespace detail

inline constant decode(const tensor_proto& t) {
    if (t.external)
        throw model_error(detail::tensor_text(t) + " is stored in another file",
                          "save the model with its weights inside (save_as_external_data=False)");
    const std::size_t size = detail::bytes_of(t.type);
    if (size == 0)
        throw model_error(detail::tensor_text(t) + " has the " + type_text(t.type) +
                              ", and float32, float16, bfloat16, float64, int32, int64 and bool are supported",
                          "export a float model; quantised ones are read from .tflite");
    if (t.dims.size() > most_axes)
        throw model_error(detail::tensor_text(t) + " has " + std::to_string(t.dims.size()) + " axes, and up to " +
                              std::to_string(most_axes) + " are supported",
                          "reshape it before export");
    constant c;
    for (const std::int64_t extent : t.dims) {
        if (extent < 0)
            throw model_error(detail::tensor_text(t) + " has the negative extent " + std::to_string(extent),
                              "it is damaged, export it again");
        c.dims.push_back(static_cast<std::size_t>(extent));
    }
    const auto possible = tensor_compress::detail::checked_count(c.dims, size);
    if (!possible)
        throw model_error(detail::tensor_text(t) + " names the shape " + shape_text(c.dims) +
                              ", of more bytes than memory can have",
                          "it is damaged, export it again");
    const std::size_t count = *possible;
    if (t.has_raw && t.raw.size() % size != 0)
        throw model_error(detail::tensor_text(t) + " has " + std::to_string(t.raw.size()) + " bytes, no multiple of " +
                              std::to_string(size),
                          "it is damaged, export it again");
    detail::expect_count(t, t.has_raw ? t.raw.size() / size : detail::stored_count(t), count);

    c.is_float = t.type != element_type::int32 && t.type != element_type::int64 && t.type != element_type::boolean;
    const auto read = [&](auto& to, const auto& at) {
        std::decay_t<decltype(to.list())> values(count);
        for (std::size_t i = 0; i < count; ++i) values[i] = at(t, i);
        to = std::move(values);
    };
    if (c.is_float)
        read(c.floats, detail::float_at);
    else
        read(c.integers, detail::integer_at);
    return c;
}

/// The floats of a constant as a tensor of this shape.
/// @pre  the product of `dims` is the number of floats
inline array<float> to_array(const std::vector<float>& values, const std::vector<std::size_t>& dims) {
    auto result = make_array<float>(dims);
    for (std::size_t i = 0; i < values.size(); ++i) result.data()[i] = values[i];
    return result;
}

}  // namespace tensor_compress::onnx
