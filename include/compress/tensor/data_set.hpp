// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <compress/tensor/error.hpp>
#include <compress/tensor/xtensor.hpp>

namespace tensor_compress {

/// Records to train, calibrate or evaluate with.
///
/// @invariant  `labels` has one entry per record, or none where only inputs are known (calibration); each is in [0,
/// classes)
struct data_set {
    array<float> inputs;      ///< [N, H, W, C] or [N, F]; the channel is contiguous
    std::vector<int> labels;  ///< [N] class numbers
    int classes = 0;

    /// Number of records.
    [[nodiscard]] std::size_t size() const { return inputs.dimension() == 0 ? 0 : inputs.shape(0); }

    /// Values of one record: H * W * C or F.
    [[nodiscard]] std::size_t record_size() const { return size() == 0 ? 0 : inputs.size() / size(); }

    /// The values of record `index`, contiguous, valid as long as `inputs` is not assigned to.
    /// @pre  index < size()
    [[nodiscard]] std::span<const float> input(std::size_t index) const {
        return {inputs.data() + index * record_size(), record_size()};
    }

    /// A copy of the records [begin, end).
    /// @throws error when the range is reversed or ends after the last record, or when inputs and labels differ in
    /// number
    [[nodiscard]] data_set slice(std::size_t begin, std::size_t end) const {
        expect_label_per_record();
        if (begin > end || end > size())
            throw error("data_set::slice",
                        "records [" + std::to_string(begin) + ", " + std::to_string(end) + ") of " +
                            std::to_string(size()),
                        "ask for begin <= end <= size()");
        auto extents = shape_of(inputs);
        if (extents.empty()) return *this;
        extents[0] = end - begin;

        data_set part{make_array<float>(extents), {}, classes};
        std::copy_n(inputs.data() + begin * record_size(), (end - begin) * record_size(), part.inputs.data());
        if (!labels.empty()) {
            const auto first = labels.begin() + static_cast<std::ptrdiff_t>(begin);
            part.labels.assign(first, first + static_cast<std::ptrdiff_t>(end - begin));
        }
        return part;
    }

    /// @throws error when there are labels, but not one for each record
    void expect_label_per_record() const {
        if (!labels.empty() && labels.size() != size())
            throw error("data_set",
                        std::to_string(size()) + " records in inputs " + shape_text(inputs) + ", " +
                            std::to_string(labels.size()) + " labels",
                        "give one label for each record, or none");
    }
};

}  // namespace tensor_compress
