// SPDX-License-Identifier: MIT
#include <compress/io/npy.hpp>

#include <cmath>

#include "../catch.hpp"
#include "../scratch.hpp"

namespace tc = tensor_compress;
namespace fs = std::filesystem;
using Catch::Matchers::ContainsSubstring;
using tests::scratch_folder;
using byte_vector = std::vector<std::uint8_t>;

namespace {

/// An .npy file with any header text.
byte_vector npy(const std::string& header, const byte_vector& data, std::uint8_t major = 1) {
    byte_vector bytes{0x93, 'N', 'U', 'M', 'P', 'Y', major, 0};
    if (major == 1)
        tc::append_value(bytes, static_cast<std::uint16_t>(header.size()), std::endian::little);
    else
        tc::append_value(bytes, static_cast<std::uint32_t>(header.size()), std::endian::little);
    bytes.insert(bytes.end(), header.begin(), header.end());
    bytes.insert(bytes.end(), data.begin(), data.end());
    return bytes;
}

std::string header(const std::string& type, const std::string& shape, bool fortran_order = false) {
    return "{'descr': '" + type + "', 'fortran_order': " + (fortran_order ? "True" : "False") + ", 'shape': " + shape +
           ", }\n";
}

template <class Stored>
byte_vector values(std::initializer_list<Stored> list, std::endian order = std::endian::little) {
    byte_vector bytes;
    for (const Stored value : list) tc::append_value(bytes, value, order);
    return bytes;
}

template <class T>
tc::array<T> read(const byte_vector& bytes) {
    const scratch_folder folder;
    tc::write_file(folder / "a.npy", bytes);
    return tc::load_npy<T>(folder / "a.npy");
}

template <class T>
std::string refusal(const byte_vector& bytes) {
    try {
        (void)read<T>(bytes);
    } catch (const tc::error& refused) {
        return refused.what();
    }
    return "accepted";
}

template <class T>
std::vector<T> flat(const tc::array<T>& a) {
    return std::vector<T>(a.data(), a.data() + a.size());
}

}  // namespace

TEMPLATE_TEST_CASE("an array is read as it was written", "[npy]", float, double, bool, std::int8_t, std::uint8_t,
                   std::int16_t, std::uint16_t, std::int32_t, std::uint32_t, std::int64_t, std::uint64_t) {
    using limits = std::numeric_limits<TestType>;
    const scratch_folder folder;
    for (const std::vector<std::size_t>& extents :
         std::vector<std::vector<std::size_t>>{{}, {1}, {7}, {2, 3}, {4, 1, 2, 3}, {0}, {3, 0, 2}}) {
        auto a = tc::make_array<TestType>(extents);
        for (std::size_t i = 0; i < a.size(); ++i)
            a.data()[i] = i % 3 == 0 ? limits::lowest() : i % 3 == 1 ? limits::max() : static_cast<TestType>(i);
        tc::save_npy(folder / "a.npy", a);
        const auto read_back = tc::load_npy<TestType>(folder / "a.npy");
        CHECK(tc::shape_of(read_back) == extents);
        CHECK(flat(read_back) == flat(a));
        CHECK((tc::read_file(folder / "a.npy").size() - a.size() * sizeof(TestType)) % 64 == 0);
    }
}

TEST_CASE("the header is NumPy's to the byte", "[npy]") {
    const scratch_folder folder;
    tc::save_npy(folder / "a.npy", tc::array<float>(tc::make_array<float>({3})));
    const auto bytes = tc::read_file(folder / "a.npy");
    const std::string text(bytes.begin(), bytes.end());
    REQUIRE(bytes.size() == 128 + 12);
    CHECK(text.substr(0, 8) == std::string("\x93NUMPY\x01\x00", 8));
    CHECK(text.substr(8, 2) == std::string("v\0", 2));
    CHECK(text.substr(10, 57) == "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }");
    CHECK(text.substr(67, 60) == std::string(60, ' '));
    CHECK(text[127] == '\n');
}

TEST_CASE("every stored type is converted when its values fit", "[npy]") {
    const std::vector<float> expected{1, 0, 1};
    CHECK(flat(read<float>(npy(header("|b1", "(3,)"), {1, 0, 2}))) == expected);
    CHECK(flat(read<float>(npy(header("|i1", "(3,)"), {1, 0, 1}))) == expected);
    CHECK(flat(read<float>(npy(header("<u1", "(3,)"), {1, 0, 1}))) == expected);
    for (const auto order : {std::endian::little, std::endian::big}) {
        const std::string mark = order == std::endian::little ? "<" : ">";
        CHECK(flat(read<float>(npy(header(mark + "i2", "(2,)"), values<std::int16_t>({-300, 2}, order)))) ==
              std::vector<float>{-300, 2});
        CHECK(flat(read<int>(npy(header(mark + "u2", "(2,)"), values<std::uint16_t>({65'535, 2}, order)))) ==
              std::vector<int>{65'535, 2});
        CHECK(flat(read<double>(npy(header(mark + "i4", "(2,)"), values<std::int32_t>({-70'000, 2}, order)))) ==
              std::vector<double>{-70'000, 2});
        CHECK(flat(read<std::uint8_t>(npy(header(mark + "u4", "(2,)"), values<std::uint32_t>({255, 2}, order)))) ==
              byte_vector{255, 2});
        CHECK(flat(read<int>(npy(header(mark + "i8", "(2,)"), values<std::int64_t>({-5, 2}, order)))) ==
              std::vector<int>{-5, 2});
        CHECK(flat(read<float>(
                  npy(header(mark + "u8", "(1,)"), values<std::uint64_t>({std::uint64_t{1} << 63}, order)))) ==
              std::vector<float>{0x1p63f});
        CHECK(flat(read<float>(npy(header(mark + "f2", "(2,)"), values<std::uint16_t>({0x3c00, 0xfbff}, order)))) ==
              std::vector<float>{1, -65'504});
        CHECK(flat(read<double>(npy(header(mark + "f4", "(2,)"), values<float>({1.5f, -2.0f}, order)))) ==
              std::vector<double>{1.5, -2});
        CHECK(flat(read<float>(npy(header(mark + "f8", "(2,)"), values<double>({0.1, -2.0}, order)))) ==
              std::vector<float>{0.1f, -2});
    }
    CHECK(flat(read<bool>(npy(header("<i4", "(2,)"), values<std::int32_t>({1, 0})))) == std::vector<bool>{true, false});
}

TEST_CASE("NaN and infinity are kept", "[npy]") {
    const double infinity = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
    const auto a = read<float>(npy(header("<f8", "(3,)"), values<double>({infinity, -infinity, nan})));
    CHECK(a(0) == std::numeric_limits<float>::infinity());
    CHECK(a(1) == -std::numeric_limits<float>::infinity());
    CHECK(std::isnan(a(2)));
}

TEST_CASE("a value that does not fit is named with dtype and element", "[npy]") {
    CHECK_THAT(refusal<std::int8_t>(npy(header("<i4", "(2,)"), values<std::int32_t>({127, 128}))),
               ContainsSubstring("a.npy: holds 128 of dtype '<i4', which '|i1' cannot hold, at element 1;"));
    CHECK_THAT(refusal<std::uint8_t>(npy(header("|i1", "(1,)"), {0xff})),
               ContainsSubstring("holds -1 of dtype '|i1', which '|u1' cannot hold"));
    CHECK_THAT(refusal<std::int64_t>(npy(header("<u8", "(1,)"), values<std::uint64_t>({std::uint64_t{1} << 63}))),
               ContainsSubstring("which '<i8' cannot hold"));
    CHECK_THAT(refusal<std::uint64_t>(npy(header("<i8", "(1,)"), values<std::int64_t>({-1}))),
               ContainsSubstring("which '<u8' cannot hold"));
    CHECK_THAT(refusal<float>(npy(header("<i4", "(1,)"), values<std::int32_t>({16'777'217}))),
               ContainsSubstring("holds 16777217 of dtype '<i4', which '<f4' cannot hold"));
    CHECK_THAT(
        refusal<double>(npy(header("<i8", "(1,)"), values<std::int64_t>({std::numeric_limits<std::int64_t>::max()}))),
        ContainsSubstring("which '<f8' cannot hold"));
    CHECK(refusal<double>(npy(header("<i8", "(1,)"),
                              values<std::int64_t>({std::numeric_limits<std::int64_t>::min()}))) == "accepted");
    CHECK_THAT(refusal<bool>(npy(header("|u1", "(1,)"), {2})), ContainsSubstring("which '|b1' cannot hold"));
    CHECK_THAT(refusal<float>(npy(header("<f8", "(1,)"), values<double>({1e300}))),
               ContainsSubstring("of dtype '<f8', which '<f4' cannot hold"));
}

TEST_CASE("floating point does not become integers", "[npy]") {
    for (const char* type : {"<f2", "<f4", "<f8"})
        CHECK_THAT(refusal<int>(npy(header(type, "(1,)"), byte_vector(static_cast<std::size_t>(type[2] - '0')))),
                   ContainsSubstring("has dtype '" + std::string(type) + "', expected integers ('<i4');"));
    CHECK_THAT(refusal<bool>(npy(header("<f4", "(1,)"), byte_vector(4))),
               ContainsSubstring("expected integers ('|b1')"));
}

TEST_CASE("Fortran order becomes row-major", "[npy]") {
    // Element [i, j, k] of a [2, 3, 2] array holds i * 100 + j * 10 + k; the first index runs fastest in the file.
    byte_vector data;
    for (std::uint8_t k = 0; k < 2; ++k)
        for (std::uint8_t j = 0; j < 3; ++j)
            for (std::uint8_t i = 0; i < 2; ++i) data.push_back(static_cast<std::uint8_t>(i * 100 + j * 10 + k));
    const auto a = read<int>(npy(header("|u1", "(2, 3, 2)", true), data));
    CHECK(flat(a) == std::vector<int>{0, 1, 10, 11, 20, 21, 100, 101, 110, 111, 120, 121});
    CHECK(flat(read<int>(npy(header("|u1", "(3,)", true), {4, 5, 6}))) == std::vector<int>{4, 5, 6});
    CHECK(flat(read<int>(npy(header("|u1", "()", true), {4}))) == std::vector<int>{4});
    CHECK(read<int>(npy(header("|u1", "(2, 0)", true), {})).size() == 0);
}

TEST_CASE("all versions and spellings of the header are read", "[npy]") {
    const byte_vector data{1, 2, 3, 4, 5, 6};
    for (const std::uint8_t major : byte_vector{1, 2, 3})
        CHECK(tc::shape_of(read<int>(npy(header("|u1", "(2, 3)"), data, major))) == std::vector<std::size_t>{2, 3});
    for (const char* text : {"{\"shape\": (2,3), \"descr\": \"|u1\", \"fortran_order\": False}",
                             "  { 'fortran_order':False,'descr':'|u1','shape':(2L, 3L,) }  \n"})
        CHECK(tc::shape_of(read<int>(npy(text, data))) == std::vector<std::size_t>{2, 3});
}

TEST_CASE("a shape too long for version 1 is written as version 2", "[npy]") {
    const scratch_folder folder;
    const std::vector<std::size_t> extents(30'000, 1);
    auto a = tc::make_array<std::int8_t>(extents);
    a.data()[0] = 42;
    tc::save_npy(folder / "a.npy", a);
    CHECK(tc::read_file(folder / "a.npy")[6] == 2);
    const auto read_back = tc::load_npy<std::int8_t>(folder / "a.npy");
    CHECK(read_back.dimension() == extents.size());
    CHECK(read_back.data()[0] == 42);
}

TEST_CASE("an .npy file cut anywhere is refused", "[npy]") {
    const auto whole = npy(header("<f4", "(2, 3)"), byte_vector(24));
    for (std::size_t length = 1; length < whole.size(); ++length) {
        const auto text =
            refusal<float>(byte_vector(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length)));
        if (length < 6)
            CHECK_THAT(text, ContainsSubstring("is not an .npy file"));
        else
            CHECK_THAT(text, ContainsSubstring("a.npy: ends after " + std::to_string(length) + " byte"));
    }
    auto longer = whole;
    longer.push_back(0);
    CHECK_THAT(refusal<float>(longer), ContainsSubstring("has 1 byte after the array"));
}

TEST_CASE("every changed byte of an .npy header is read or refused, never more", "[npy]") {
    const auto whole = npy(header("<f4", "(2, 3)"), byte_vector(24));
    const scratch_folder folder;
    std::size_t refused = 0;
    for (std::size_t at = 0; at + 24 < whole.size(); ++at) {
        for (const int change : {1, 2, 4, 16, 32, 128, 255}) {
            auto bytes = whole;
            bytes[at] = static_cast<std::uint8_t>(bytes[at] ^ change);
            try {
                (void)tc::detail::array_from_npy<float>(bytes, "a.npy");
            } catch (const tc::error&) {
                ++refused;
            }
        }
    }
    CHECK(refused > 300);
}

TEST_CASE("what is no .npy file of numbers is refused", "[npy]") {
    CHECK_THAT(refusal<float>({'P', 'K', 3, 4, 5, 6, 7, 8}),
               ContainsSubstring("is not an .npy file: it does not begin with \\x93NUMPY"));
    CHECK_THAT(refusal<float>(npy(header("<f4", "()"), byte_vector(4), 4)),
               ContainsSubstring("has .npy version 4.0 (known: 1.0, 2.0, 3.0)"));
    CHECK_THAT(refusal<float>(npy(header("|O", "(1,)"), byte_vector(40))),
               ContainsSubstring("has dtype '|O', pickled Python objects; they are never loaded"));
    CHECK_THAT(refusal<float>(npy(header("<c8", "(1,)"), byte_vector(8))),
               ContainsSubstring("has dtype '<c8' (known: f2, f4, f8,"));
    for (const char* type : {"<U4", "|S4", "<M8[ns]", "|V4", "f4", "", "<", "<f16", "<<f4", "<i3", "<f1"})
        CHECK_THAT(refusal<float>(npy(header(type, "(1,)"), byte_vector(16))),
                   ContainsSubstring("has dtype '" + std::string(type) + "'"));
    CHECK_THAT(refusal<float>(npy("{'descr': [('a', '<f4'), ('b', '<i4')], 'fortran_order': False, 'shape': (1,), }",
                                  byte_vector(8))),
               ContainsSubstring("holds records of several fields"));
}

TEST_CASE("a corrupt header is refused with its fault", "[npy]") {
    const auto fault = [](const std::string& text) { return refusal<float>(npy(text, byte_vector(4))); };
    CHECK_THAT(fault(""), ContainsSubstring("no '{' where one belongs"));
    CHECK_THAT(fault("{"), ContainsSubstring("no quote where a string belongs"));
    CHECK_THAT(fault("{}"), ContainsSubstring("not all of 'descr', 'fortran_order' and 'shape'"));
    CHECK_THAT(fault("{'descr"), ContainsSubstring("a string that does not end"));
    CHECK_THAT(fault("{'descr' '<f4'}"), ContainsSubstring("no ':' where one belongs"));
    CHECK_THAT(fault("{'descr': '<f4' 'shape': (1,)}"), ContainsSubstring("no ',' after the value of 'descr'"));
    CHECK_THAT(fault("{'descr': '<f4', 'descr': '<f4'}"),
               ContainsSubstring("the key 'descr', unknown or for the second time"));
    CHECK_THAT(fault("{'order': 'C'}"), ContainsSubstring("the key 'order', unknown or for the second time"));
    CHECK_THAT(fault("{'fortran_order': 0}"), ContainsSubstring("neither True nor False"));
    CHECK_THAT(fault("{'shape': [1]}"), ContainsSubstring("no '(' where one belongs"));
    CHECK_THAT(fault("{'shape': (1 2)}"), ContainsSubstring("no ',' between two extents"));
    for (const char* extent : {"-1", "1e3", "x", "18446744073709551616", "+1", "", " ,"})
        CHECK_THAT(fault("{'shape': (2, " + std::string(extent)), ContainsSubstring("a.npy: has an .npy header with "));
    CHECK_THAT(fault(header("<f4", "(1,)") + "x"), ContainsSubstring("text after the closing '}'"));
}

TEST_CASE("a shape that overflows is refused before memory is asked for", "[npy]") {
    for (const char* shape : {"(4611686018427387904, 4)", "(18446744073709551615,)", "(4294967296, 4294967296)",
                              "(0, 4611686018427387904, 4)", "(2305843009213693952,)"})
        CHECK_THAT(refusal<float>(npy(header("<f4", shape), byte_vector(4))),
                   ContainsSubstring("names a shape of more bytes than memory can have"));
    CHECK_THAT(refusal<float>(npy(header("<f4", "(1000000000000,)"), byte_vector(4))),
               ContainsSubstring("the data of shape [1000000000000]") && ContainsSubstring("takes 4000000000000"));
}

TEST_CASE("a column-major array of many axes takes time in proportion", "[npy]") {
    // 100,000 axes of extent 1 before 100,000 elements: a step over all axes for each element would be 10^10.
    std::string shape = "(";
    for (int i = 0; i < 100'000; ++i) shape += "1,";
    shape += "100000)";
    const auto a = read<std::uint8_t>(npy(header("|u1", shape, true), byte_vector(100'000, 7), 2));
    CHECK(a.size() == 100'000);
    CHECK(a.data()[99'999] == 7);
}
