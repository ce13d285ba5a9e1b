// SPDX-License-Identifier: MIT
#include <compress/io/bytes.hpp>

#include <sys/resource.h>

#include <cmath>
#include <csignal>

#include "../catch.hpp"
#include "../scratch.hpp"

namespace tc = tensor_compress;
namespace fs = std::filesystem;
using Catch::Matchers::ContainsSubstring;
using tests::scratch_folder;
using byte_vector = std::vector<std::uint8_t>;

namespace {

byte_vector ramp(std::size_t count) {
    byte_vector bytes(count);
    for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::uint8_t>(i * i >> 3);
    return bytes;
}

std::size_t files_in(const fs::path& folder) {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

/// While it lives no file grows beyond that many bytes, as on a disk that is full.
class small_disk {
public:
    explicit small_disk(rlim_t bytes) {
        getrlimit(RLIMIT_FSIZE, &before_);
        const rlimit limit{bytes, before_.rlim_max};
        setrlimit(RLIMIT_FSIZE, &limit);
    }
    ~small_disk() {
        setrlimit(RLIMIT_FSIZE, &before_);
        std::signal(SIGXFSZ, handler_);
    }
    small_disk(const small_disk&) = delete;
    small_disk& operator=(const small_disk&) = delete;

private:
    rlimit before_{};
    void (*handler_)(int) = std::signal(SIGXFSZ, SIG_IGN);
};

std::string text_of(const fs::path& file) {
    const auto bytes = tc::read_file(file);
    return {bytes.begin(), bytes.end()};
}

}  // namespace

TEST_CASE("a file is read as it was written", "[bytes]") {
    const scratch_folder folder;
    for (const std::size_t count : {1u, 255u, 70'000u}) {
        tc::write_file(folder / "a.bin", ramp(count));
        CHECK(tc::read_file(folder / "a.bin") == ramp(count));
    }
    CHECK(files_in(folder.path) == 1);
}

TEST_CASE("a file that cannot be read says why", "[bytes]") {
    const scratch_folder folder;
    CHECK_THROWS_WITH(tc::read_file(folder / "none.bin"),
                      ContainsSubstring("none.bin: does not exist; check the path"));
    CHECK_THROWS_WITH(tc::read_file(folder.path), ContainsSubstring("is a directory; name a file in it"));
    CHECK_THROWS_WITH(tc::read_file("/dev/null"), ContainsSubstring("is not a regular file"));
    tc::write_file(folder / "empty.bin", {});
    CHECK_THROWS_WITH(tc::read_file(folder / "empty.bin"), ContainsSubstring("empty.bin: is empty;"));
    CHECK_THROWS_AS(tc::read_file(""), tc::error);
    CHECK_THROWS_AS(tc::read_file(folder / "a.bin/b"), tc::error);
}

TEST_CASE("values have either byte order and no alignment", "[bytes]") {
    const byte_vector bytes{0xff, 0x01, 0x02, 0x03, 0x04};
    CHECK(tc::load_value<std::uint32_t>(&bytes[1], std::endian::little) == 0x04030201u);
    CHECK(tc::load_value<std::uint32_t>(&bytes[1], std::endian::big) == 0x01020304u);
    CHECK(tc::load_value<std::int8_t>(&bytes[0], std::endian::big) == -1);
    for (const auto order : {std::endian::little, std::endian::big}) {
        byte_vector written;
        tc::append_value(written, -1.5f, order);
        tc::append_value(written, std::int64_t{-2}, order);
        REQUIRE(written.size() == 12);
        CHECK(tc::load_value<float>(written.data(), order) == -1.5f);
        CHECK(tc::load_value<std::int64_t>(written.data() + 4, order) == -2);
    }
}

TEST_CASE("a reader never passes the end", "[bytes]") {
    const byte_vector bytes{1, 2, 3, 4, 5};
    tc::byte_reader reader(bytes, "five.bin");
    CHECK(reader.read<std::uint16_t>(std::endian::big, "a number") == 0x0102);
    CHECK(reader.position() == 2);
    CHECK(reader.remaining() == 3);
    CHECK_THROWS_WITH(reader.read<std::uint32_t>(std::endian::big, "the count"),
                      ContainsSubstring("five.bin: ends after 5 bytes, but the count at byte 2 takes 4;"));
    CHECK_THROWS_AS(reader.take(~std::uint64_t{0}, "everything"), tc::error);
    CHECK(reader.position() == 2);
    CHECK_THROWS_WITH(reader.expect_end("the number"), ContainsSubstring("has 3 bytes after the number"));
    CHECK(reader.take(3, "the rest").size() == 3);
    CHECK_NOTHROW(reader.expect_end("the rest"));
    CHECK(reader.take(0, "nothing").empty());
}

TEST_CASE("the elements of a shape are counted without overflow", "[bytes]") {
    using extents = std::vector<std::size_t>;
    const std::size_t largest = static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max());
    CHECK(tc::element_count(extents{}, 4, "f") == 1);
    CHECK(tc::element_count(extents{64, 3, 3}, 4, "f") == 576);
    CHECK(tc::element_count(extents{64, 0, 3}, 4, "f") == 0);
    CHECK(tc::element_count(extents{largest}, 1, "f") == largest);
    CHECK(tc::element_count(extents{largest / 4}, 4, "f") == largest / 4);
    CHECK_THROWS_AS(tc::element_count(extents{largest}, 2, "f"), tc::error);
    CHECK_THROWS_AS(tc::element_count(extents{largest + 1}, 1, "f"), tc::error);
    CHECK_THROWS_AS(tc::element_count(extents{largest / 4 + 1}, 4, "f"), tc::error);
    CHECK_THROWS_AS(tc::element_count(extents{std::size_t{1} << 32, std::size_t{1} << 32}, 1, "f"), tc::error);
    CHECK_THROWS_AS(tc::element_count(extents{3, std::size_t{1} << 62, 4}, 1, "f"), tc::error);
    CHECK_THROWS_AS(tc::element_count(extents{0, std::size_t{1} << 62, 4}, 1, "f"), tc::error);
}

TEST_CASE("halves are decoded exactly", "[bytes]") {
    for (std::uint32_t bits = 0; bits < 65'536; ++bits) {
        const auto half = static_cast<std::uint16_t>(bits);
        const int exponent = static_cast<int>(bits >> 10 & 31), mantissa = static_cast<int>(bits & 0x3ff);
        const float decoded = tc::detail::decode_float16(half);
        bool agrees = std::signbit(decoded) == (bits >= 32'768);
        if (exponent == 31)
            agrees = agrees && (mantissa == 0 ? std::isinf(decoded) : std::isnan(decoded));
        else
            agrees = agrees && std::fabs(decoded) ==
                                   (exponent == 0 ? std::ldexp(static_cast<float>(mantissa), -24)
                                                  : std::ldexp(static_cast<float>(mantissa + 1024), exponent - 25));
        if (!agrees) FAIL("float16 " << bits << " became " << decoded);
    }
    CHECK(tc::detail::decode_float16(0x3c00) == 1.0f);
    CHECK(tc::detail::decode_float16(0xfbff) == -65504.0f);
    CHECK(tc::detail::decode_bfloat16(0x3f80) == 1.0f);
    CHECK(tc::detail::decode_bfloat16(0xc000) == -2.0f);
    CHECK(std::isnan(tc::detail::decode_bfloat16(0x7fc0)));
}

TEST_CASE("a double fits a float when it does not round to infinity", "[bytes]") {
    CHECK(tc::detail::fits_float(3.4028234663852886e38));
    CHECK(tc::detail::fits_float(std::nextafter(0x1.ffffffp127, 0.0)));
    CHECK_FALSE(tc::detail::fits_float(0x1.ffffffp127));
    CHECK_FALSE(tc::detail::fits_float(-1e300));
    CHECK(tc::detail::fits_float(std::numeric_limits<double>::infinity()));
    CHECK(tc::detail::fits_float(std::numeric_limits<double>::quiet_NaN()));
}

TEST_CASE("writing replaces a whole file and leaves nothing beside it", "[bytes]") {
    const scratch_folder folder;
    tc::write_file(folder / "a.bin", ramp(100));
    tc::write_file(folder / "a.bin", ramp(3));
    CHECK(tc::read_file(folder / "a.bin") == ramp(3));

    fs::create_symlink("a.bin", folder / "link.bin");
    tc::write_file(folder / "link.bin", ramp(5));
    CHECK(fs::is_symlink(folder / "link.bin"));
    CHECK(tc::read_file(folder / "a.bin") == ramp(5));
    CHECK(files_in(folder.path) == 2);

    const auto longest = folder / std::string(255, 'x').c_str();
    tc::write_file(longest, ramp(7));
    CHECK(tc::read_file(longest) == ramp(7));
    CHECK(files_in(folder.path) == 3);
}

TEST_CASE("a file that cannot be written says why", "[bytes]") {
    const scratch_folder folder;
    CHECK_THROWS_WITH(tc::write_file(folder / "none/a.bin", ramp(3)),
                      ContainsSubstring("is in a folder that does not exist; create the folder first"));
    CHECK_THROWS_WITH(tc::write_file(folder.path, ramp(3)), ContainsSubstring("is a directory"));
    CHECK_THROWS_WITH(tc::write_file("/dev/full", ramp(3)), ContainsSubstring("is not a regular file"));
    CHECK_THROWS_WITH(tc::write_file(folder / std::string(256, 'x').c_str(), ramp(3)),
                      ContainsSubstring("cannot be looked up (File name too long); choose another name"));
    CHECK(files_in(folder.path) == 0);
    fs::create_symlink("loop.bin", folder / "loop.bin");
    CHECK_THROWS_WITH(tc::write_file(folder / "loop.bin", ramp(3)), ContainsSubstring("cannot be looked up ("));
    CHECK(files_in(folder.path) == 1);
}

TEST_CASE("a text is written as it is, and replaces a whole file", "[bytes]") {
    const scratch_folder folder;
    tc::write_text(folder / "a.txt", "a longer text\n");
    tc::write_text(folder / "a.txt", std::string("one\r\ntwo\0three", 14));
    CHECK(text_of(folder / "a.txt") == std::string("one\r\ntwo\0three", 14));
    tc::write_text(folder / "a.txt", {});
    CHECK(fs::file_size(folder / "a.txt") == 0);
    CHECK(files_in(folder.path) == 1);
}

TEST_CASE("a text that cannot be written says why and leaves the old one", "[bytes]") {
    const scratch_folder folder;
    CHECK_THROWS_WITH(tc::write_text(folder / "none/a.txt", "new"),
                      ContainsSubstring("none/a.txt: is in a folder that does not exist; create the folder first"));
    CHECK_THROWS_WITH(tc::write_text(folder.path, "new"), ContainsSubstring("is a directory"));
    CHECK_THROWS_WITH(tc::write_text("/dev/full", "new"), ContainsSubstring("/dev/full: is not a regular file"));

    tc::write_text(folder / "a.txt", "old");
    const auto write_too_much = [&] {
        const small_disk full(1000);
        tc::write_text(folder / "a.txt", std::string(100'000, 'x'));
    };
    CHECK_THROWS_WITH(write_too_much(), ContainsSubstring("a.txt: cannot be written ("));
    CHECK(text_of(folder / "a.txt") == "old");
    CHECK(files_in(folder.path) == 1);
}
