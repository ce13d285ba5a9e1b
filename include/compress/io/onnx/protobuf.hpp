// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <protozero/pbf_reader.hpp>

#include <compress/io/importer_complaints.hpp>

namespace tensor_compress::onnx {

namespace detail {

using protozero::pbf_reader;
using protozero::pbf_wire_type;

/// protozero asserts the wire type, and a damaged file may name any.
inline void expect(const pbf_reader& field, pbf_wire_type type) {
    if (!field.has_wire_type(type))
        throw model_error("field " + std::to_string(static_cast<std::uint32_t>(field.tag())) +
                              " of a message has the wrong type",
                          "it is damaged or no ONNX file, fetch it again");
}
inline std::string_view view(pbf_reader& field) {
    expect(field, pbf_wire_type::length_delimited);
    const auto bytes = field.get_view();
    return {bytes.data(), bytes.size()};
}
inline std::string text(pbf_reader& field) { return std::string(view(field)); }
/// A name, of which the importer keeps copies.
inline std::string name(pbf_reader& field) {
    constexpr std::size_t longest = 4096;
    const auto found = view(field);
    if (found.size() > longest)
        throw model_error("holds the name '" + std::string(found.substr(0, 100)) + "...' of " +
                              std::to_string(found.size()) + " bytes, and up to " + std::to_string(longest) +
                              " are supported",
                          "rename it");
    return std::string(found);
}
inline pbf_reader message(pbf_reader& field) {
    const auto bytes = view(field);
    return pbf_reader{protozero::data_view{bytes.data(), bytes.size()}};
}
inline std::int64_t integer(pbf_reader& field) {
    expect(field, pbf_wire_type::varint);
    return field.get_int64();
}
inline float number(pbf_reader& field) {
    expect(field, pbf_wire_type::fixed32);
    return field.get_float();
}

// A repeated number is written either packed or as one field each; a reader takes both.
inline void append(pbf_reader& field, std::vector<std::int64_t>& to) {
    if (!field.has_wire_type(pbf_wire_type::length_delimited)) return to.push_back(integer(field));
    for (const std::int64_t i : field.get_packed_int64()) to.push_back(i);
}
inline void append(pbf_reader& field, std::vector<float>& to) {
    if (!field.has_wire_type(pbf_wire_type::length_delimited)) return to.push_back(number(field));
    for (const float f : field.get_packed_float()) to.push_back(f);
}
inline void append(pbf_reader& field, std::vector<double>& to) {
    if (field.has_wire_type(pbf_wire_type::length_delimited)) {
        for (const double d : field.get_packed_double()) to.push_back(d);
    } else {
        expect(field, pbf_wire_type::fixed64);
        to.push_back(field.get_double());
    }
}

}  // namespace detail

}  // namespace tensor_compress::onnx
