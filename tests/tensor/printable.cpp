// SPDX-License-Identifier: MIT
#include <compress/tensor/printable.hpp>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <compress/tensor/error.hpp>

#include "../catch.hpp"

namespace tc = tensor_compress;

TEST_CASE("what a terminal shows stays as it is", "[printable]") {
    for (const std::string text : {"", " ", "  a  b ", "conv1/weight [3, 3]", "C:\\x1b\\n", "größe 重み 🙂 é"})
        CHECK(tc::printable(text) == text);
}

TEST_CASE("what a terminal would obey or hide is escaped", "[printable]") {
    CHECK(tc::printable("\x1b[2J\x1b]0;title\x07") == "\\x1b[2J\\x1b]0;title\\x07");
    CHECK(tc::printable(std::string("a\0b", 3)) == "a\\x00b");
    CHECK(tc::printable("one\ntwo\r\tthree\x7f") == "one\\x0atwo\\x0d\\x09three\\x7f");
    CHECK(tc::printable("\xc2\x9b") == "\\xc2\\x9b");                    // CSI, a control code in two bytes
    CHECK(tc::printable("\xe2\x80\xae") == "\\xe2\\x80\\xae");           // right-to-left override
    CHECK(tc::printable("\xef\xbb\xbfx") == "\\xef\\xbb\\xbfx");         // byte order mark
    CHECK(tc::printable("\xf3\xa0\x81\x81") == "\\xf3\\xa0\\x81\\x81");  // a tag, which nothing shows
}

TEST_CASE("bytes that are no UTF-8 are escaped one by one", "[printable]") {
    const std::vector<std::pair<std::string, std::string>> cases{
        {"\x80", "\\x80"},
        {"\xc3(", "\\xc3("},
        {"\xe2\x82", "\\xe2\\x82"},
        {"\xc0\xaf", "\\xc0\\xaf"},                    // overlong
        {"\xe0\x80\xaf", "\\xe0\\x80\\xaf"},           // overlong
        {"\xed\xa0\x80", "\\xed\\xa0\\x80"},           // a surrogate
        {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},  // above U+10FFFF
        {"\xff\xc3\xa9", "\\xff\xc3\xa9"},
    };
    for (const auto& [text, expected] : cases) CHECK(tc::printable(text) == expected);
}

TEST_CASE("long names are shortened, long texts end", "[printable]") {
    const std::string name = std::string(180, 'a') + std::string(1'000'000, 'b') + std::string(60, 'c');
    CHECK(tc::printable("tensor '" + name + "' is odd") ==
          "tensor '" + std::string(179, 'a') + "[1000002 bytes]" + std::string(59, 'c') + "' is odd");
    CHECK(tc::printable(std::string(300, 'a')) == std::string(300, 'a'));
    CHECK(tc::printable(std::string(1'000'000, '\x01')).size() < 2000);

    std::string many;
    for (int i = 0; i < 100'000; ++i) many += "word ";
    const auto text = tc::printable(many);
    CHECK(text.size() < 21'000);
    CHECK(text.ends_with("bytes more"));
}

TEST_CASE("every text of an error is printable, and only its items begin lines", "[printable]") {
    const std::vector<std::string> items{"first\n; forged", "second"};
    const tc::error problem("a\x1b.onnx", "has\nnodes:", items, "replace\x07 them");
    CHECK(std::string(problem.what()) ==
          "a\\x1b.onnx: has\\x0anodes:\n  first\\x0a; forged\n  second; replace\\x07 them");
    CHECK(std::string(tc::error("f", std::string("a\0b", 3), "c").what()) == "f: a\\x00b; c");
}

TEST_CASE("numbers are as short as they can be", "[printable]") {
    CHECK(tc::number_text(0.0f) == "0");
    CHECK(tc::number_text(1.0) == "1");
    CHECK(tc::number_text(0.1f) == "0.1");
    CHECK(tc::number_text(-2.5) == "-2.5");
    CHECK(tc::number_text(1e-5f) == "1e-05");
    CHECK(tc::number_text(65504.0f) == "65504");
    CHECK(tc::number_text(100'000.0f) == "100000");
    CHECK(tc::number_text(0.0001) == "0.0001");
    CHECK(tc::number_text(-1e30) == "-1e+30");
    CHECK(tc::number_text(std::numeric_limits<float>::max()) == "3.4028235e+38");
    CHECK(tc::number_text(std::int8_t{-128}) == "-128");
    CHECK(tc::number_text(-std::numeric_limits<float>::infinity()) == "-inf");
}
