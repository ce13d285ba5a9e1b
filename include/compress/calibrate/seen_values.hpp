// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include <compress/calibrate/calibration.hpp>
#include <compress/tensor/weights.hpp>

namespace tensor_compress {

/// What is kept of the values of a model while records pass through it, and the ranges that follow. Memory does not
/// grow with the number of records.
template <const auto& Model>
class seen_values {
public:
    /// @throws error when the momentum is not in (0, 1]
    explicit seen_values(const calibration_options& options) : options_(options) {
        if (!(options.momentum > 0 && options.momentum <= 1))
            throw error("calibrate", "a momentum of " + std::to_string(options.momentum),
                        "it is the weight of a record in the running means, above 0 and at most 1");
        values_.assign(static_cast<std::size_t>(Model.count), {value_histogram{}, running_range(options.momentum)});
    }

    /// The value of node `id` for one record.
    void add(int id, std::span<const float> record) {
        seen_value& of = values_[static_cast<std::size_t>(id)];
        of.histogram.add(record);
        of.running.add(record);
        if (of.records++ == 0) of.first.assign(record.begin(), record.end());
        if (!of.changes) of.changes = !std::equal(record.begin(), record.end(), of.first.begin(), of.first.end());
    }

    /// Of every node that a record has come to.
    ///
    /// @throws error naming the node when a value was not finite
    calibration ranges() const {
        calibration seen;
        for (int id = 0; id < Model.count; ++id) {
            const auto& [h, running, first, records, changes] = values_[static_cast<std::size_t>(id)];
            if (h.count() == 0) continue;
            if (!detail::has_finite_bits(h.low()) || !detail::has_finite_bits(h.high()))
                throw error(text_of(Model[id].name), "its values are not finite on the calibration records",
                            "check the weights and that records are scaled as in training");
            seen.ranges.emplace(text_of(Model[id].name), choose_range(h, options_, running));
            if (records > 1 && !changes && Model[id].kind != op::constant)
                seen.unchanging.push_back(text_of(Model[id].name));
        }
        return seen;
    }

private:
    struct seen_value {
        value_histogram histogram;
        running_range running;
        std::vector<float> first = {};  ///< of the first record
        int records = 0;
        bool changes = false;  ///< from one to another
    };
    calibration_options options_;
    std::vector<seen_value> values_;
};

}  // namespace tensor_compress
