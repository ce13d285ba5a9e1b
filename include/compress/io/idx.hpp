// SPDX-License-Identifier: MIT
#pragma once

// IDX, the format of MNIST (Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits"): two zero
// bytes, element type, number of dimensions, the extents as 32 bits big-endian, then the elements in row-major order.
// Plain or gzip.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <compress/io/unpack.hpp>
#include <compress/tensor/data_set.hpp>
#include <compress/tensor/error.hpp>
#include <compress/tensor/xtensor.hpp>

namespace tensor_compress {

namespace detail {

/// The extents of an IDX file of unsigned bytes; `bytes` stands at the elements afterwards.
inline std::vector<std::size_t> read_idx_header(byte_reader& bytes, std::size_t rank, std::string_view content,
                                                const std::string& file) {
    const auto magic = bytes.read<std::uint32_t>(std::endian::big, "the magic number");
    if (magic >> 16 != 0)
        throw error(file, "is not an IDX file: it does not begin with two zero bytes",
                    "give an IDX file, plain or gzip");
    if ((magic >> 8 & 0xff) != 0x08)
        throw error(file, "has IDX element type " + std::to_string(magic >> 8 & 0xff) + ", expected 8 (unsigned bytes)",
                    "convert it to bytes");
    if ((magic & 0xff) != rank)
        throw error(file,
                    "has " + counted(magic & 0xff, "dimension") + ", expected " + std::to_string(rank) + " for " +
                        std::string(content),
                    "give images first and labels second");
    std::vector<std::size_t> extents;
    for (std::size_t axis = 0; axis < rank; ++axis) {
        extents.push_back(bytes.read<std::uint32_t>(std::endian::big, "an extent"));
        if (extents.back() == 0)
            throw error(file, "holds no " + std::string(content) + ": an extent is 0", "give a file with records");
    }
    return extents;
}

/// The bytes of an IDX file; a compressed one is unpacked to the size that its header says.
inline std::vector<std::uint8_t> read_idx(const std::filesystem::path& file, std::size_t rank,
                                          std::string_view content) {
    const auto size_of = [&](std::span<const std::uint8_t> begin) -> std::optional<std::uint64_t> {
        const std::size_t before = 4 + 4 * rank;
        if (begin.size() < before) return std::nullopt;
        byte_reader bytes(begin, file.string());
        return before + element_count(read_idx_header(bytes, rank, content, file.string()), 1, file.string());
    };
    return read_unpacked(file, {}, size_of);
}

}  // namespace detail

/// The images of an IDX file.
/// @return [N, H, W, 1], pixel values 0..255 (MNIST: 0 is the background)
/// @throws error when the file is no complete IDX file of bytes in three dimensions
[[nodiscard]] inline array<float> load_idx_images(const std::filesystem::path& file) {
    const auto content = detail::read_idx(file, 3, "images");
    byte_reader bytes(content, file.string());
    auto extents = detail::read_idx_header(bytes, 3, "images", file.string());
    const auto pixels =
        bytes.take(element_count(extents, sizeof(float), file.string()), "the pixels of " + shape_text(extents));
    bytes.expect_end("the last image");
    extents.push_back(1);
    auto images = make_array<float>(extents);
    for (std::size_t i = 0; i < pixels.size(); ++i) images.data()[i] = static_cast<float>(pixels[i]);
    return images;
}

/// The labels of an IDX file, 0..255.
/// @throws error when the file is no complete IDX file of bytes in one dimension
[[nodiscard]] inline std::vector<int> load_idx_labels(const std::filesystem::path& file) {
    const auto content = detail::read_idx(file, 1, "labels");
    byte_reader bytes(content, file.string());
    const auto extents = detail::read_idx_header(bytes, 1, "labels", file.string());
    const auto labels = bytes.take(extents[0], "the labels");
    bytes.expect_end("the last label");
    return {labels.begin(), labels.end()};
}

/// A labelled data set in two IDX files, MNIST or one of its kind.
///
/// @param  classes  labels are in [0, classes): 10 for MNIST and Fashion-MNIST
/// @return inputs [N, H, W, 1], pixel values 0..255; scaling is the caller's, and part of the model
/// @throws error for a damaged file, for counts that differ (naming both files), and for a label out of range (naming
/// its record)
[[nodiscard]] inline data_set load_idx(const std::filesystem::path& images, const std::filesystem::path& labels,
                                       int classes = 10) {
    data_set set{load_idx_images(images), load_idx_labels(labels), classes};
    if (set.labels.size() != set.size())
        throw error(images.string(),
                    "holds " + detail::counted(set.size(), "image") + ", " + labels.string() + " " +
                        detail::counted(set.labels.size(), "label"),
                    "give two files of one data set");
    for (std::size_t i = 0; i < set.labels.size(); ++i)
        if (set.labels[i] >= classes)
            throw error(labels.string(),
                        "has label " + std::to_string(set.labels[i]) + " at record " + std::to_string(i) +
                            ", expected 0.." + std::to_string(classes - 1),
                        "give the number of classes of this data set");
    return set;
}

}  // namespace tensor_compress
