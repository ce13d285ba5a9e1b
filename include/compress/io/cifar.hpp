// SPDX-License-Identifier: MIT
#pragma once

// CIFAR-10, binary version (A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009): records of
// one label byte and 3072 pixel bytes, 1024 red, 1024 green, 1024 blue, each plane 32 x 32 row-major. Plain or gzip.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <compress/io/unpack.hpp>
#include <compress/tensor/data_set.hpp>
#include <compress/tensor/error.hpp>
#include <compress/tensor/xtensor.hpp>

namespace tensor_compress {

namespace detail {

inline constexpr std::size_t cifar_side = 32;
inline constexpr std::size_t cifar_channels = 3;
inline constexpr std::size_t cifar_plane = cifar_side * cifar_side;
inline constexpr std::size_t cifar_record = 1 + cifar_channels * cifar_plane;

/// interleaved[p, c] = planes[c, p], from [3, 1024] to [1024, 3].
inline void interleave_planes(std::span<const std::uint8_t> planes, float* interleaved) {
    for (std::size_t p = 0; p < cifar_plane; ++p)
        for (std::size_t c = 0; c < cifar_channels; ++c)
            interleaved[p * cifar_channels + c] = static_cast<float>(planes[c * cifar_plane + p]);
}

}  // namespace detail

/// One file of CIFAR-10, such as data_batch_1.bin or test_batch.bin.
///
/// @return inputs [N, 32, 32, 3], channels red, green, blue, pixel values 0..255; labels 0..9 (0 airplane .. 9 truck);
/// classes 10
/// @throws error when the length is no multiple of 3073 or a label is above 9, naming the record (counted from 0) and
/// the file
[[nodiscard]] inline data_set load_cifar10(const std::filesystem::path& file) {
    const auto bytes = read_unpacked(file);
    const std::size_t count = bytes.size() / detail::cifar_record;
    const std::size_t rest = bytes.size() % detail::cifar_record;
    if (rest != 0 || count == 0)
        throw error(file.string(),
                    "ends inside record " + std::to_string(count) + ", after " + std::to_string(rest) + " of its " +
                        std::to_string(detail::cifar_record) + " bytes",
                    "it is cut short or not the binary version of CIFAR-10");

    data_set set{make_array<float>({count, detail::cifar_side, detail::cifar_side, detail::cifar_channels}),
                 std::vector<int>(count), 10};
    for (std::size_t i = 0; i < count; ++i) {
        const auto record = std::span(bytes).subspan(i * detail::cifar_record, detail::cifar_record);
        if (record[0] > 9)
            throw error(file.string(),
                        "has label " + std::to_string(record[0]) + " at record " + std::to_string(i) +
                            ", expected 0..9",
                        "it is not the binary version of CIFAR-10");
        set.labels[i] = record[0];
        detail::interleave_planes(record.subspan(1), set.inputs.data() + i * set.record_size());
    }
    return set;
}

}  // namespace tensor_compress
