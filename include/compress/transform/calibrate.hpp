// SPDX-License-Identifier: MIT
#pragma once

#include <compress/calibrate/seen_values.hpp>
#include <compress/tensor/runner.hpp>
#include <compress/transform/convert.hpp>

namespace tensor_compress {

namespace detail {

/// Adds the values of every step to what is kept of the written value that it computes.
template <class Net>
struct range_observer {
    seen_values<Net::model>& values;

    template <int Id, class T>
    void see(const T* step) const {
        if constexpr (Net::graph[Id].kind == op::convert) return;  // a copy of a value that was seen
        values.add(Net::graph[Id].value_origin, {step, static_cast<std::size_t>(Net::size_of(Id))});
    }
};

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
    seen_values<Model> values(options);
    const auto weights = convert<observed>(tensors);
    runner<observed> run(weights);
    std::size_t count = 0;
    for (const auto& record : records) {
        run.set_input(0, record);
        run.execute(detail::range_observer<observed>{values});
        ++count;
    }
    if (count == 0) throw error("calibrate", "no records", "give at least one record; 64 to 256 are usual");
    return values.ranges();
}

}  // namespace tensor_compress
