// SPDX-License-Identifier: MIT
#pragma once

// NumPy's .npy format, versions 1.0 to 3.0 (NEP 1 and numpy.lib.format): magic, version, length and text of a header,
// data.

#include <algorithm>
#include <bit>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <compress/io/bytes.hpp>
#include <compress/io/strided_walk.hpp>
#include <compress/io/torch_signature.hpp>
#include <compress/tensor/error.hpp>
#include <compress/tensor/printable.hpp>
#include <compress/tensor/xtensor.hpp>

namespace tensor_compress {

/// What an .npy file can be read into and written from: float, double, bool and the integers.
template <class T>
concept npy_element = std::is_arithmetic_v<T> && !std::same_as<T, long double> && sizeof(T) <= 8;

namespace detail {

/// A type as the header writes it: byte order, kind and bytes, "<f4".
struct npy_type {
    char kind = 0;
    int bytes = 0;
    std::endian order = std::endian::little;
    std::string text;
};

struct npy_header {
    npy_type type;
    bool column_major = false;
    std::vector<std::size_t> extents;
};

template <npy_element T>
std::string npy_type_text() {
    const char kind = std::same_as<T, bool> ? 'b' : std::floating_point<T> ? 'f' : std::is_signed_v<T> ? 'i' : 'u';
    return std::string{sizeof(T) == 1 ? '|' : '<', kind} + std::to_string(sizeof(T));
}

inline npy_type npy_type_of(std::string_view text, std::string_view file) {
    const std::string found = "has dtype '" + std::string(text) + "'";
    const std::string_view order = text.substr(0, text.find_first_not_of("<>|="));
    const std::string_view type = text.substr(order.size());  // without '>' it is little-endian, or has one byte
    if (type.starts_with('O'))
        throw error(file, found + ", pickled Python objects", "they are never loaded; save an array of numbers");
    constexpr std::string_view known[] = {"f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"};
    for (const std::string_view name : known)
        if (type == name && order.size() == 1)
            return {type[0], type[1] - '0', order == ">" ? std::endian::big : std::endian::little, std::string(text)};
    throw error(file, found + " (known: f2, f4, f8, i1 to i8, u1 to u8, b1)", "convert it with astype before saving");
}

/// The header's text, a Python literal: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
class npy_header_text {
public:
    npy_header_text(std::string_view text, std::string_view file) : text_(text), file_(file) {}

    npy_header parse() {
        std::optional<std::string> type;
        std::optional<bool> column_major;
        std::optional<std::vector<std::size_t>> extents;
        expect('{');
        while (!skip('}')) {
            const std::string key = quoted();
            expect(':');
            if (key == "descr" && !type)
                type = descr();
            else if (key == "fortran_order" && !column_major)
                column_major = boolean();
            else if (key == "shape" && !extents)
                extents = tuple();
            else
                refuse("the key '" + key + "', unknown or for the second time");
            if (!skip(',') && peek() != '}') refuse("no ',' after the value of '" + key + "'");
        }
        if (peek() != end) refuse("text after the closing '}'");
        if (!type || !column_major || !extents) refuse("not all of 'descr', 'fortran_order' and 'shape'");
        return {npy_type_of(*type, file_), *column_major, std::move(*extents)};
    }

private:
    static constexpr char end = '\0';

    char peek() {
        text_.remove_prefix(std::min(text_.find_first_not_of(" \t\r\n"), text_.size()));
        return text_.empty() ? end : text_.front();
    }
    bool skip(char wanted) {
        if (peek() != wanted) return false;
        text_.remove_prefix(1);
        return true;
    }
    void expect(char wanted) {
        if (!skip(wanted)) refuse(std::string("no '") + wanted + "' where one belongs");
    }
    [[noreturn]] void refuse(const std::string& found) const {
        throw error(file_, "has an .npy header with " + found, "it is damaged or not written by NumPy, save it again");
    }
    std::string quoted() {
        const char quote = peek();
        if (quote != '\'' && quote != '"') refuse("no quote where a string belongs");
        const auto length = text_.substr(1).find(quote);
        if (length == std::string_view::npos) refuse("a string that does not end");
        std::string content(text_.substr(1, length));
        text_.remove_prefix(length + 2);
        return content;
    }
    std::string descr() {
        if (peek() == '[')
            throw error(file_, "holds records of several fields", "save each field as an array of its own");
        return quoted();
    }
    bool boolean() {
        peek();
        for (const auto& [word, value] : {std::pair<std::string_view, bool>{"True", true}, {"False", false}})
            if (text_.starts_with(word)) {
                text_.remove_prefix(word.size());
                return value;
            }
        refuse("neither True nor False for 'fortran_order'");
    }
    std::vector<std::size_t> tuple() {
        std::vector<std::size_t> extents;
        expect('(');
        while (!skip(')')) {
            std::size_t extent = 0;
            peek();
            const auto [rest, failure] = std::from_chars(text_.data(), text_.data() + text_.size(), extent);
            if (failure != std::errc()) refuse("an extent in 'shape' that is no number from 0 to 2^64 - 1");
            text_.remove_prefix(static_cast<std::size_t>(rest - text_.data()));
            skip('L');  // Python 2 wrote long integers so
            extents.push_back(extent);
            if (!skip(',') && peek() != ')') refuse("no ',' between two extents of 'shape'");
        }
        return extents;
    }

    std::string_view text_;
    std::string_view file_;
};

inline npy_header read_npy_header(byte_reader& bytes, std::string_view file) {
    constexpr std::string_view magic = "\x93NUMPY";
    const auto start = bytes.take(std::min(magic.size(), bytes.remaining()), "the magic string");
    if (!std::equal(start.begin(), start.end(), magic.begin(), magic.end(),
                    [](std::uint8_t a, char b) { return a == static_cast<std::uint8_t>(b); }))
        throw error(file, "is not an .npy file: it does not begin with \\x93NUMPY", "save it with numpy.save");
    const int major = bytes.read<std::uint8_t>(std::endian::little, "the version");
    const int minor = bytes.read<std::uint8_t>(std::endian::little, "the version");
    if (major < 1 || major > 3 || minor != 0)
        throw error(
            file, "has .npy version " + std::to_string(major) + "." + std::to_string(minor) + " (known: 1.0, 2.0, 3.0)",
            "save it as one of these");
    const std::uint32_t length = major == 1 ? bytes.read<std::uint16_t>(std::endian::little, "the header's length")
                                            : bytes.read<std::uint32_t>(std::endian::little, "the header's length");
    const auto text = bytes.take(length, "the header");
    return npy_header_text({reinterpret_cast<const char*>(text.data()), text.size()}, file).parse();
}

/// Bytes of the whole .npy file that begins like this, once the header is there.
/// @throws error as `read_npy_header`
inline std::optional<std::uint64_t> npy_file_bytes(std::span<const std::uint8_t> begin, const std::string& file) {
    if (begin.size() < 12) return std::nullopt;
    const bool is_short = begin[6] == 1;
    const std::uint64_t length = is_short ? load_value<std::uint16_t>(begin.data() + 8, std::endian::little)
                                          : load_value<std::uint32_t>(begin.data() + 8, std::endian::little);
    const std::uint64_t before = (is_short ? 10 : 12) + length;
    if (begin.size() < before && begin[0] == 0x93) return std::nullopt;
    byte_reader bytes(begin, file);
    const npy_header header = read_npy_header(bytes, file);
    const auto element_bytes = static_cast<std::size_t>(header.type.bytes);
    return before + element_count(header.extents, element_bytes, file) * element_bytes;
}

// Stored types that are not C++ types: both become numbers on the way in.
struct npy_half {
    std::uint16_t bits;
};
struct npy_bool {
    std::uint8_t byte;
};
constexpr float npy_number(npy_half value) { return decode_float16(value.bits); }
constexpr std::uint8_t npy_number(npy_bool value) { return value.byte != 0; }
template <class T>
constexpr T npy_number(T value) {
    return value;
}

/// Calls `visit` with a value of the stored type.
template <class Visitor>
void visit_npy_type(const npy_type& type, Visitor visit) {
    const auto sized = [&]<class Byte, class Two, class Four, class Eight>(Byte a, Two b, Four c, Eight d) {
        type.bytes == 1 ? visit(a) : type.bytes == 2 ? visit(b) : type.bytes == 4 ? visit(c) : visit(d);
    };
    switch (type.kind) {
    case 'f':
        return type.bytes == 2 ? visit(npy_half{}) : type.bytes == 4 ? visit(float{}) : visit(double{});
    case 'i':
        return sized(std::int8_t{}, std::int16_t{}, std::int32_t{}, std::int64_t{});
    case 'u':
        return sized(std::uint8_t{}, std::uint16_t{}, std::uint32_t{}, std::uint64_t{});
    default:
        return visit(npy_bool{});
    }
}

/// Whether T holds the value: integers to the last bit, floating point after rounding if it does not become infinite.
template <npy_element T, class Number>
constexpr bool npy_fits(Number value) {
    if constexpr (std::floating_point<Number>) {
        return sizeof(T) >= sizeof(Number) || fits_float(value);
    } else if constexpr (std::same_as<T, bool>) {
        return value == 0 || value == 1;
    } else if constexpr (std::floating_point<T>) {
        const auto magnitude = value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
        return magnitude == 0 || static_cast<int>(std::bit_width(magnitude)) - std::countr_zero(magnitude) <=
                                     std::numeric_limits<T>::digits;
    } else if constexpr (std::is_signed_v<Number>) {
        const auto number = static_cast<std::int64_t>(value);
        if constexpr (std::is_signed_v<T>)
            return number >= std::numeric_limits<T>::min() && number <= std::numeric_limits<T>::max();
        else
            return number >= 0 && static_cast<std::uint64_t>(number) <= std::numeric_limits<T>::max();
    } else {
        return static_cast<std::uint64_t>(value) <= static_cast<std::uint64_t>(std::numeric_limits<T>::max());
    }
}

/// Steps between neighbours along each axis of a column-major (Fortran order) buffer.
inline std::vector<std::size_t> column_major_strides(const std::vector<std::size_t>& extents) {
    std::vector<std::size_t> strides;
    std::size_t step = 1;
    for (const std::size_t extent : extents) strides.push_back(std::exchange(step, step * extent));
    return strides;
}

template <npy_element T, class Stored>
void convert_npy_data(std::span<const std::uint8_t> data, const npy_header& header, array<T>& to,
                      std::string_view file) {
    strided_walk walk(header.extents, column_major_strides(header.extents));
    for (std::size_t i = 0; i < to.size(); ++i) {
        const std::size_t from = header.column_major ? walk.position() : i;
        const auto value = npy_number(load_value<Stored>(data.data() + from * sizeof(Stored), header.type.order));
        if (!npy_fits<T>(value))
            throw error(file,
                        "holds " + number_text(value) + " of dtype '" + header.type.text + "', which '" +
                            npy_type_text<T>() + "' cannot hold, at element " + std::to_string(i),
                        "load it as a wider type");
        to.data()[i] = static_cast<T>(value);
        if (header.column_major) walk.advance();
    }
}

/// The array in the bytes of an .npy file or of a member of an .npz archive.
template <npy_element T>
array<T> array_from_npy(std::span<const std::uint8_t> file_bytes, const std::string& file) {
    byte_reader bytes(file_bytes, file);
    const npy_header header = read_npy_header(bytes, file);
    if (std::integral<T> && header.type.kind == 'f')
        throw error(file, "has dtype '" + header.type.text + "', expected integers ('" + npy_type_text<T>() + "')",
                    "load it as float or convert it with astype");
    const auto element_bytes = static_cast<std::size_t>(header.type.bytes);
    const auto data = bytes.take(element_count(header.extents, element_bytes, file) * element_bytes,
                                 "the data of shape " + shape_text(header.extents));
    bytes.expect_end("the array");

    auto result = make_array<T>(header.extents);
    visit_npy_type(header.type, [&]<class Stored>(Stored) {
        if constexpr (!std::integral<T> || !std::floating_point<decltype(npy_number(Stored{}))>)
            convert_npy_data<T, Stored>(data, header, result, file);
    });
    return result;
}

/// The bytes of an .npy file: version 1.0 unless the shape is too long for it, little-endian, data at a multiple of 64.
template <npy_element T>
std::vector<std::uint8_t> npy_from_array(const array<T>& a) {
    std::string header = "{'descr': '" + npy_type_text<T>() + "', 'fortran_order': False, 'shape': (";
    for (const std::size_t extent : shape_of(a)) header += std::to_string(extent) + (a.dimension() == 1 ? "," : ", ");
    if (a.dimension() > 1) header.resize(header.size() - 2);
    header += "), }";

    const bool is_long = header.size() + 64 > 65535;
    const std::size_t before = is_long ? 12 : 10;
    header.append(63 - (before + header.size()) % 64, ' ') += '\n';

    std::vector<std::uint8_t> bytes{0x93, 'N', 'U', 'M', 'P', 'Y', static_cast<std::uint8_t>(is_long ? 2 : 1), 0};
    if (is_long)
        append_value(bytes, static_cast<std::uint32_t>(header.size()), std::endian::little);
    else
        append_value(bytes, static_cast<std::uint16_t>(header.size()), std::endian::little);
    bytes.insert(bytes.end(), header.begin(), header.end());
    bytes.reserve(bytes.size() + a.size() * sizeof(T));
    for (std::size_t i = 0; i < a.size(); ++i) append_value(bytes, a.data()[i], std::endian::little);
    return bytes;
}

}  // namespace detail

/// The array of an .npy file, in row-major order whatever the file's, converted to T.
///
/// Integers and booleans become any T that holds each value exactly; floating point (float16 too) becomes float or
/// double, rounded to nearest; NaN and infinities are kept.
/// @throws error when the file is no complete .npy file of numbers, for floating point read as integers, and for a
/// value T cannot hold
template <npy_element T>
[[nodiscard]] array<T> load_npy(const std::filesystem::path& file) {
    const auto bytes = read_file(file);
    detail::expect_no_torch_file(bytes, file.string());
    return detail::array_from_npy<T>(bytes, file.string());
}

/// Writes an .npy file that numpy.load reads as the dtype of T.
/// @throws error as `write_file`
template <npy_element T>
void save_npy(const std::filesystem::path& file, const array<T>& a) {
    write_file(file, detail::npy_from_array(a));
}

}  // namespace tensor_compress
