// SPDX-License-Identifier: MIT
#include <compress/io/idx.hpp>

#include <cmath>

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

byte_vector idx(std::uint32_t magic, const std::vector<std::uint32_t>& extents, const byte_vector& elements) {
    byte_vector bytes;
    tc::append_value(bytes, magic, std::endian::big);
    for (const auto extent : extents) tc::append_value(bytes, extent, std::endian::big);
    bytes.insert(bytes.end(), elements.begin(), elements.end());
    return bytes;
}

const byte_vector two_images = idx(0x803, {2, 2, 3}, {0, 1, 2, 3, 4, 5, 250, 251, 252, 253, 254, 255});
const byte_vector two_labels = idx(0x801, {2}, {7, 3});

}  // namespace

TEST_CASE("images and labels become a data set", "[idx]") {
    const scratch_folder folder;
    tc::write_file(folder / "images", two_images);
    tc::write_file(folder / "labels", two_labels);
    const auto set = tc::load_idx(folder / "images", folder / "labels");
    CHECK(tc::shape_of(set.inputs) == std::vector<std::size_t>{2, 2, 3, 1});
    CHECK(set.inputs(0, 1, 2, 0) == 5.0f);
    CHECK(set.inputs(1, 1, 2, 0) == 255.0f);
    CHECK(set.labels == std::vector<int>{7, 3});
    CHECK(set.classes == 10);
}

TEST_CASE("an IDX file cut anywhere is refused", "[idx]") {
    const scratch_folder folder;
    for (std::size_t length = 1; length < two_images.size(); ++length) {
        tc::write_file(folder / "images", std::span(two_images).first(length));
        CHECK_THROWS_WITH(tc::load_idx_images(folder / "images"), ContainsSubstring("images: ends after"));
    }
    for (std::size_t length = 1; length < two_labels.size(); ++length) {
        tc::write_file(folder / "labels", std::span(two_labels).first(length));
        CHECK_THROWS_WITH(tc::load_idx_labels(folder / "labels"), ContainsSubstring("labels: ends after"));
    }
}

TEST_CASE("what is no IDX file of bytes is refused", "[idx]") {
    const scratch_folder folder;
    const auto message = [&](const byte_vector& bytes) -> std::string {
        tc::write_file(folder / "images", bytes);
        try {
            (void)tc::load_idx_images(folder / "images");
        } catch (const tc::error& refused) {
            return refused.what();
        }
        return "accepted";
    };
    CHECK_THAT(message({'P', 'K', 3, 4, 5, 6}), ContainsSubstring("is not an IDX file"));
    CHECK_THAT(message(idx(0xd03, {1, 1, 1}, {0, 0, 0, 0})),
               ContainsSubstring("has IDX element type 13, expected 8 (unsigned bytes)"));
    CHECK_THAT(message(two_labels),
               ContainsSubstring("has 1 dimension, expected 3 for images; give images first and labels second"));
    CHECK_THAT(message(idx(0x803, {0, 28, 28}, {})), ContainsSubstring("holds no images: an extent is 0"));
    CHECK_THAT(message(idx(0x803, {1, 1, 1}, {0, 0})), ContainsSubstring("has 1 byte after the last image"));
    CHECK_THAT(message(idx(0x803, {0xffffffff, 0xffffffff, 0xffffffff}, {0})),
               ContainsSubstring("more bytes than memory can have"));
    CHECK_THAT(message(idx(0x803, {0xffffffff, 28, 28}, {0})), ContainsSubstring("ends after 17 bytes"));
}

TEST_CASE("images and labels that do not belong together are refused", "[idx]") {
    const scratch_folder folder;
    tc::write_file(folder / "images", two_images);
    tc::write_file(folder / "three", idx(0x801, {3}, {1, 2, 3}));
    tc::write_file(folder / "wide", idx(0x801, {2}, {1, 10}));
    CHECK_THROWS_WITH(tc::load_idx(folder / "images", folder / "three"),
                      ContainsSubstring("images: holds 2 images, ") && ContainsSubstring("three 3 labels;"));
    CHECK_THROWS_WITH(tc::load_idx(folder / "images", folder / "wide"),
                      ContainsSubstring("wide: has label 10 at record 1, expected 0..9"));
    CHECK(tc::load_idx(folder / "images", folder / "wide", 47).classes == 47);
    CHECK_THROWS_AS(tc::load_idx(folder / "images", folder / "none"), tc::error);
}

TEST_CASE("a small archive of many pixels is refused by its header", "[idx]") {
    const scratch_folder folder;
    const auto message = [&](const byte_vector& plain) -> std::string {
        tc::write_file(folder / "images.gz", tests::gzip(plain));
        try {
            (void)tc::load_idx_images(folder / "images.gz");
        } catch (const tc::error& refused) {
            return refused.what();
        }
        return "accepted";
    };
    CHECK(message(two_images) == "accepted");
    CHECK_THAT(message(idx(0x803, {1, 32768, 32768}, {0})),
               ContainsSubstring("images.gz: is 1073741840 bytes unpacked by its header, more than the limit of 6"));
    CHECK_THAT(message(idx(0x803, {1, 2, 2}, byte_vector(1'000'000))),
               ContainsSubstring("unpacks to more than the 20 bytes that its header describes"));
    CHECK_THAT(message(byte_vector(1'000'000, 'x')), ContainsSubstring("is not an IDX file"));
    CHECK_THAT(message(idx(0x803, {2, 2, 3}, {1, 2, 3})), ContainsSubstring("ends after 19 bytes"));
}

TEST_CASE("MNIST has its published mean and deviation", "[idx][data]") {
    const auto data = tests::data_directory();
    if (!data) return tests::skip_notice("MNIST from IDX files: no data directory");
    const auto set =
        tc::load_idx(*data / "mnist/train-images-idx3-ubyte.gz", *data / "mnist/train-labels-idx1-ubyte.gz");
    CHECK(tc::shape_of(set.inputs) == std::vector<std::size_t>{60'000, 28, 28, 1});
    CHECK(std::vector<int>(set.labels.begin(), set.labels.begin() + 5) == std::vector<int>{5, 0, 4, 1, 9});
    double sum = 0, squares = 0;
    for (std::size_t i = 0; i < set.inputs.size(); ++i) {
        const double pixel = static_cast<double>(set.inputs.data()[i]) / 255;
        sum += pixel;
        squares += pixel * pixel;
    }
    const double count = static_cast<double>(set.inputs.size()), mean = sum / count;
    CHECK(std::abs(mean - 0.13066) < 5e-6);
    CHECK(std::abs(std::sqrt(squares / count - mean * mean) - 0.30811) < 5e-6);

    const auto test =
        tc::load_idx(*data / "mnist/test5k-images-idx3-ubyte.gz", *data / "mnist/test5k-labels-idx1-ubyte.gz");
    CHECK(test.size() == 5'000);
    CHECK_THROWS_WITH(
        tc::load_idx(*data / "mnist/train-images-idx3-ubyte.gz", *data / "mnist/test5k-labels-idx1-ubyte.gz"),
        ContainsSubstring("60000 images") && ContainsSubstring("5000 labels"));
}
