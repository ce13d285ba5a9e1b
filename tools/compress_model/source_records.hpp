// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include <compress/io/imported_model.hpp>
#include <compress/io/npy.hpp>

#include "techniques.hpp"

namespace compress_model {

/// Records as the graph orders them, [H, W, C], one row each.
using records = tensor_compress::array<float>;

inline std::size_t size_of(const tensor_compress::imported_tensor& tensor) {
    return std::accumulate(tensor.shape.begin(), tensor.shape.end(), std::size_t{1}, std::multiplies<>());
}

/// Turns each record from [A, B] into [B, A].
inline void transpose_records(float* values, std::size_t count, std::size_t a, std::size_t b) {
    std::vector<float> record(a * b);
    for (std::size_t n = 0; n < count; ++n, values += a * b) {
        std::copy_n(values, a * b, record.begin());
        for (std::size_t i = 0; i < a; ++i)
            for (std::size_t k = 0; k < b; ++k) values[k * a + i] = record[i * b + k];
    }
}

/// An .npy file in the layout of the model file, batch first.
///
/// @throws error naming the file for another shape, no records, and values that are not finite
inline records load_records(const std::filesystem::path& file, const tensor_compress::imported_tensor& input) {
    using tensor_compress::error;
    auto values = tensor_compress::load_npy<float>(file);
    const auto found = tensor_compress::shape_of(values);
    if (found.empty() || !std::equal(found.begin() + 1, found.end(), input.shape.begin(), input.shape.end())) {
        std::string expected = "[records";
        for (const auto extent : input.shape) expected += ", " + std::to_string(extent);
        throw error(file.string(),
                    "has the shape " + tensor_compress::shape_text(found) + ", expected " + expected + "]",
                    "give records in the layout of the model's input '" + input.name + "', the batch first");
    }
    if (found[0] == 0) throw error(file.string(), "holds no records", "give at least one");
    const auto broken =
        std::find_if_not(values.data(), values.data() + values.size(), tensor_compress::detail::has_finite_bits);
    if (broken != values.data() + values.size())
        throw error(file.string(),
                    "holds a value that is NaN or infinite at index " +
                        tensor_compress::shape_text(
                            tensor_compress::detail::index_at(static_cast<std::size_t>(broken - values.data()), found)),
                    "leave this record out");
    const std::size_t channels = input.channels_first ? input.shape[0] : 1;
    transpose_records(values.data(), found[0], channels, size_of(input) / channels);
    values.reshape({found[0], size_of(input)});
    return values;
}

/// Records to learn from: ranges of values, or weights.
///
/// @throws error as load_records, and where all values are the same
inline records load_varied_records(const std::filesystem::path& file, const tensor_compress::imported_tensor& input) {
    auto values = load_records(file, input);
    const float first = values.data()[0];
    if (values.size() > 1 &&
        std::all_of(values.data(), values.data() + values.size(), [&](float v) { return v == first; }))
        throw tensor_compress::error(file.string(),
                                     "holds the value " + detail::number(static_cast<double>(first)) + " everywhere",
                                     "give records as the net will see them: of these it would learn nothing");
    return values;
}

/// Outputs of the graph, one row per record, in the layout of the model file.
inline records to_source_layout(records values, const tensor_compress::imported_tensor& output) {
    std::vector<std::size_t> extents{values.shape(0)};
    const std::size_t channels = output.channels_first ? output.shape[0] : 1;
    transpose_records(values.data(), extents[0], size_of(output) / channels, channels);
    extents.insert(extents.end(), output.shape.begin(), output.shape.end());
    values.reshape(extents);
    return values;
}

/// One class number per record, as integers or as floats that are whole.
///
/// @throws error naming the file for another shape and for labels that no output stands for
inline tensor_compress::array<std::int32_t> load_labels(const std::filesystem::path& file, std::size_t count,
                                                        const tensor_compress::imported_tensor& output) {
    using tensor_compress::error;
    const auto values = tensor_compress::load_npy<double>(file);
    const auto found = tensor_compress::shape_of(values);
    if (found != std::vector{count})
        throw error(file.string(),
                    "has the shape " + tensor_compress::shape_text(found) + " for " + std::to_string(count) +
                        " records",
                    "give one label for each record, [" + std::to_string(count) + "]");
    auto labels = tensor_compress::make_array<std::int32_t>(found);
    const auto classes = static_cast<double>(size_of(output));
    for (std::size_t i = 0; i < count; ++i) {
        const double label = values.data()[i];
        if (!(label >= 0 && label < classes && label == std::floor(label)))
            throw error(file.string(), "holds the label " + detail::number(label) + " for record " + std::to_string(i),
                        "the model has " + std::to_string(size_of(output)) +
                            " outputs: labels are whole numbers, 0 to " + std::to_string(size_of(output) - 1));
        labels.data()[i] = static_cast<std::int32_t>(label);
    }
    return labels;
}

}  // namespace compress_model
