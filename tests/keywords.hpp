// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>

#include <compress/io/bytes.hpp>
#include <compress/tensor/data_set.hpp>

namespace tests {

/// Keyword features: 500 records of 49 frames of 10 coefficients.
inline tensor_compress::data_set keywords(const std::filesystem::path& data) {
    const auto values = tensor_compress::read_file(data / "kws01" / "shared500.i8");
    const auto labels = tensor_compress::read_file(data / "kws01" / "shared500.labels.u8");
    tensor_compress::data_set set{
        tensor_compress::make_array<float>({500, 49, 10, 1}), {labels.begin(), labels.end()}, 12};
    for (std::size_t i = 0; i < values.size(); ++i)
        set.inputs.data()[i] = static_cast<float>(static_cast<std::int8_t>(values[i]) - 83) * 0.5847029f;
    return set;
}

}  // namespace tests
