// SPDX-License-Identifier: MIT
#pragma once

#include <compress/tensor/runner.hpp>
#include <compress/transform/convert.hpp>

namespace tensor_compress {

namespace detail {

/// What calibration keeps of one value.
struct seen_value {
    value_histogram histogram;
    running_range running;
};

/// Adds the values of every step to what is kept of the written value that it computes.
template <class Net>
struct range_observer {
    std::vector<seen_value>& values;  ///< by id in the written model

    template <int Id, class T>
    void see(const T* step) const {
        if constexpr (Net::graph[Id].kind == op::convert) return;  // a copy of a value that was seen
        seen_value& of = values[static_cast<std::size_t>(Net::graph[Id].value_origin)];
        const std::span<const float> record(step, static_cast<std::size_t>(Net::size_of(Id)));
        of.histogram.add(record);
        of.running.add(record);
    }
};

inline void expect_momentum(double momentum) {
    if (!(momentum > 0 && momentum <= 1))
        throw error("calibrate", "a momentum of " + std::to_string(momentum),
                    "it is the weight of a record in the running means, above 0 and at most 1");
}

}  // namespace detail

/// Runs the float net of `Model` over records and chooses a range for each of its values. Memory does not grow with the
/// number of records.
///
/// @param  tensors  float weights by name
/// @param  records  one span of values per record, [height, width, channels], for a model with one input
/// @throws error when there are no records, one has another size than the input, or a value is not finite (naming the
/// layer), or the momentum is not in (0, 1]
template <const auto& Model, class Records>
calibration calibrate(const named_tensors& tensors, const Records& records, const calibration_options& options = {}) {
    using observed = net<Model, all_fp32, native, lowering::observed>;
    detail::expect_momentum(options.momentum);
    const auto weights = convert<observed>(tensors);
    runner<observed> run(weights);
    std::vector<detail::seen_value> values(static_cast<std::size_t>(Model.count),
                                           {value_histogram{}, running_range(options.momentum)});
    std::size_t count = 0;
    for (const auto& record : records) {
        run.set_input(0, record);
        run.execute(detail::range_observer<observed>{values});
        ++count;
    }
    if (count == 0) throw error("calibrate", "no records", "give at least one record; 64 to 256 are usual");
    calibration seen;
    for (int id = 0; id < Model.count; ++id) {
        const auto& [h, running] = values[static_cast<std::size_t>(id)];
        if (h.count() == 0) continue;
        if (!detail::has_finite_bits(h.low()) || !detail::has_finite_bits(h.high()))
            throw error(text_of(Model[id].name), "its values are not finite on the calibration records",
                        "check the weights and that records are scaled as in training");
        seen.ranges.emplace(text_of(Model[id].name), choose_range(h, options, running));
    }
    return seen;
}

}  // namespace tensor_compress
