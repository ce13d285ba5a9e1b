// SPDX-License-Identifier: MIT
#include <compress/io/unpack.hpp>

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "../catch.hpp"
#include "../scratch.hpp"
#include "gzip_writer.hpp"

namespace tc = tensor_compress;
using Catch::Matchers::ContainsSubstring;
using tests::gzip;
using tests::scratch_folder;
using byte_vector = std::vector<std::uint8_t>;

namespace {

byte_vector ramp(std::size_t count) {
    byte_vector bytes(count);
    for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::uint8_t>(i * i >> 3);
    return bytes;
}

/// A format whose second byte says how many bytes there are.
std::optional<std::uint64_t> size_in_second_byte(std::span<const std::uint8_t> begin) {
    if (begin.size() < 2) return std::nullopt;
    return begin[1];
}

}  // namespace

TEST_CASE("a file that is not compressed is read as it is", "[unpack]") {
    const scratch_folder folder;
    tc::write_file(folder / "a.bin", ramp(70'000));
    CHECK(tc::read_unpacked(folder / "a.bin") == ramp(70'000));
    CHECK(tc::read_unpacked(folder / "a.bin", 1).size() == 70'000);  // the limit is for what is unpacked
}

TEST_CASE("gzip is unpacked by its magic bytes, not by the name", "[unpack]") {
    const scratch_folder folder;
    for (const std::size_t count : {0u, 1u, 65'536u, 300'000u}) {
        tc::write_file(folder / "a.bin", gzip(ramp(count)));
        CHECK(tc::read_unpacked(folder / "a.bin") == ramp(count));
        CHECK(tc::read_file(folder / "a.bin") == gzip(ramp(count)));
    }
}

TEST_CASE("gzip members are joined", "[unpack]") {
    const scratch_folder folder;
    auto two = gzip({1, 2, 3});
    const auto second = gzip({4, 5});
    two.insert(two.end(), second.begin(), second.end());
    tc::write_file(folder / "a.gz", two);
    CHECK(tc::read_unpacked(folder / "a.gz") == byte_vector{1, 2, 3, 4, 5});
}

TEST_CASE("gzip data cut anywhere are refused", "[unpack]") {
    const scratch_folder folder;
    const auto packed = gzip(ramp(500));
    for (std::size_t length = 2; length < packed.size(); ++length) {
        tc::write_file(folder / "a.gz", std::span(packed).first(length));
        CHECK_THROWS_WITH(tc::read_unpacked(folder / "a.gz"), ContainsSubstring("ends inside its gzip data"));
    }
}

TEST_CASE("damaged gzip data are refused", "[unpack]") {
    const scratch_folder folder;
    auto checksum = gzip(ramp(500));
    checksum[checksum.size() - 8] ^= 1;
    tc::write_file(folder / "a.gz", checksum);
    CHECK_THROWS_WITH(tc::read_unpacked(folder / "a.gz"),
                      ContainsSubstring("holds damaged gzip data (incorrect data check)"));

    auto trailing = gzip(ramp(500));
    trailing.push_back(7);
    tc::write_file(folder / "a.gz", trailing);
    CHECK_THROWS_WITH(tc::read_unpacked(folder / "a.gz"),
                      ContainsSubstring("has 1 byte after the end of its gzip data"));
}

TEST_CASE("gzip data above the limit are refused before they fill the memory", "[unpack]") {
    const scratch_folder folder;
    tc::write_file(folder / "a.gz", gzip(byte_vector(1'000'000)));
    CHECK(tc::read_unpacked(folder / "a.gz", 1'000'000).size() == 1'000'000);
    CHECK_THROWS_WITH(tc::read_unpacked(folder / "a.gz", 999'999),
                      ContainsSubstring("unpacks to more than the limit of 999999 bytes"));
}

TEST_CASE("the usual limit grows with the file", "[unpack]") {
    constexpr std::uint64_t mega = 1 << 20;
    CHECK(tc::default_unpacked_limit(0) == 64 * mega);
    CHECK(tc::default_unpacked_limit(mega) == 128 * mega);
    CHECK(tc::default_unpacked_limit(63 * mega) == 4096 * mega);
    CHECK(tc::default_unpacked_limit(64 * mega) == 4096 * mega);
    CHECK(tc::default_unpacked_limit(std::numeric_limits<std::uint64_t>::max()) == 4096 * mega);

    const scratch_folder folder;
    tc::write_file(folder / "a.gz", gzip(byte_vector(100 * mega)));
    CHECK_THROWS_WITH(tc::read_unpacked(folder / "a.gz"), ContainsSubstring("unpacks to more than the limit of 7") &&
                                                              ContainsSubstring("raise the limit or unpack it first"));
    CHECK(tc::read_unpacked(folder / "a.gz", 100 * mega).size() == 100 * mega);
}

TEST_CASE("no more is unpacked than the header inside says", "[unpack]") {
    const scratch_folder folder;
    tc::write_file(folder / "a.gz", gzip({7, 5, 1, 2, 3}));
    CHECK(tc::read_unpacked(folder / "a.gz", {}, size_in_second_byte).size() == 5);
    tc::write_file(folder / "a.gz", gzip({7, 5, 1, 2}));  // too few are for the reader of the format to refuse
    CHECK(tc::read_unpacked(folder / "a.gz", {}, size_in_second_byte).size() == 4);
    tc::write_file(folder / "a.gz", gzip({7, 5, 1, 2, 3, 4}));
    CHECK_THROWS_WITH(tc::read_unpacked(folder / "a.gz", {}, size_in_second_byte),
                      ContainsSubstring("a.gz: unpacks to more than the 5 bytes that its header describes"));
    CHECK_THROWS_WITH(tc::read_unpacked(folder / "a.gz", 4, size_in_second_byte),
                      ContainsSubstring("unpacks to more than the limit of 4 bytes"));
    auto large = ramp(70'000);
    large[1] = 255;
    tc::write_file(folder / "a.gz", gzip(large));
    CHECK_THROWS_WITH(tc::read_unpacked(folder / "a.gz", {}, size_in_second_byte),
                      ContainsSubstring("more than the 255 bytes that its header describes"));
}
