// SPDX-License-Identifier: MIT
#include <compress/io/cifar.hpp>

#include <algorithm>

#include "../catch.hpp"
#include "../data.hpp"
#include "../scratch.hpp"
#include "gzip_writer.hpp"

namespace tc = tensor_compress;
namespace fs = std::filesystem;
using Catch::Matchers::ContainsSubstring;
using tests::scratch_folder;
using byte_vector = std::vector<std::uint8_t>;

namespace {

std::uint8_t pixel(std::size_t record, std::size_t channel, std::size_t position) {
    return static_cast<std::uint8_t>(record * 31 + channel * 101 + position * 7);
}

byte_vector records(const byte_vector& labels) {
    byte_vector bytes;
    for (std::size_t i = 0; i < labels.size(); ++i) {
        bytes.push_back(labels[i]);
        for (std::size_t c = 0; c < 3; ++c)
            for (std::size_t p = 0; p < 1024; ++p) bytes.push_back(pixel(i, c, p));
    }
    return bytes;
}

}  // namespace

TEST_CASE("planes become interleaved channels", "[cifar]") {
    const scratch_folder folder;
    tc::write_file(folder / "a.bin", records({9, 0, 4}));
    const auto set = tc::load_cifar10(folder / "a.bin");
    CHECK(tc::shape_of(set.inputs) == std::vector<std::size_t>{3, 32, 32, 3});
    CHECK(set.labels == std::vector<int>{9, 0, 4});
    CHECK(set.classes == 10);
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < 3; ++i)
        for (std::size_t y = 0; y < 32; ++y)
            for (std::size_t x = 0; x < 32; ++x)
                for (std::size_t c = 0; c < 3; ++c)
                    wrong += set.inputs(i, y, x, c) != static_cast<float>(pixel(i, c, y * 32 + x));
    CHECK(wrong == 0);
}

TEST_CASE("a CIFAR-10 file of another length is refused", "[cifar]") {
    const scratch_folder folder;
    const auto whole = records({1, 2});
    for (std::size_t length = 1; length < whole.size();
         length += length < 3 || (length > 3065 && length < 3080) ? 1 : 97) {
        if (length == 3073) continue;
        tc::write_file(folder / "a.bin", std::span(whole).first(length));
        CHECK_THROWS_WITH(
            tc::load_cifar10(folder / "a.bin"),
            ContainsSubstring(length < 3073 ? "a.bin: ends inside record 0" : "a.bin: ends inside record 1"));
    }
    tc::write_file(folder / "a.bin", {});
    CHECK_THROWS_WITH(tc::load_cifar10(folder / "a.bin"), ContainsSubstring("is empty"));
    CHECK_THROWS_WITH(tc::load_cifar10(folder / "none.bin"), ContainsSubstring("does not exist"));
}

TEST_CASE("a label above 9 is refused with its record", "[cifar]") {
    const scratch_folder folder;
    tc::write_file(folder / "a.bin", records({9, 10}));
    CHECK_THROWS_WITH(tc::load_cifar10(folder / "a.bin"),
                      ContainsSubstring("a.bin: has label 10 at record 1, expected 0..9;"));
}

TEST_CASE("the CIFAR-10 test file has its classes", "[cifar][data]") {
    const auto data = tests::data_directory();
    if (!data) return tests::skip_notice("CIFAR-10 from binary files: no data directory");
    const auto set = tc::load_cifar10(*data / "cifar10/test.bin.gz");
    CHECK(tc::shape_of(set.inputs) == std::vector<std::size_t>{2'000, 32, 32, 3});
    CHECK(std::vector<int>(set.labels.begin(), set.labels.begin() + 5) ==
          std::vector<int>{3, 8, 8, 0, 6});  // cat, ship, ship, airplane, frog
    const auto balanced = set.slice(500, 2'000);
    for (int label = 0; label < 10; ++label)
        CHECK(std::count(balanced.labels.begin(), balanced.labels.end(), label) == 150);
    const auto [low, high] = std::minmax_element(set.inputs.data(), set.inputs.data() + set.inputs.size());
    CHECK(*low == 0.0f);
    CHECK(*high == 255.0f);
}

TEST_CASE("a small archive of many records is refused", "[cifar]") {
    const scratch_folder folder;
    tc::write_file(folder / "a.bin", tests::gzip(records({1, 2})));
    CHECK(tc::load_cifar10(folder / "a.bin").size() == 2);
    tc::write_file(folder / "a.bin", tests::gzip(byte_vector(3073 * 40'000)));  // of airplanes, all black
    CHECK_THROWS_WITH(tc::load_cifar10(folder / "a.bin"), ContainsSubstring("unpacks to more than the limit of 7"));
}
