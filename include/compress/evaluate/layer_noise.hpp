// SPDX-License-Identifier: MIT
#pragma once

#include <compress/evaluate/measure.hpp>
#include <compress/transform/convert.hpp>

namespace tensor_compress {

/// How far the values of one layer are from those of the float net.
struct layer_noise_row {
    std::string label;
    std::optional<double> sqnr_db;
    bool overflows = false;  ///< values that are not finite, which have no ratio
};

namespace detail {

/// The one farther from the float net first, values that are not finite before all; labels decide between equals.
struct noisier {
    template <class Row>
    bool operator()(const Row& a, const Row& b) const {
        const double x = a.sqnr_db.value_or(a.overflows ? -1e9 : 1e9), y = b.sqnr_db.value_or(b.overflows ? -1e9 : 1e9);
        return x != y ? x < y : a.label < b.label;
    }
};

template <class Net>
struct keep_values {
    std::vector<std::vector<float>>& values;  ///< by id in the written model

    template <int Id, class T>
    void see(const T* v) const {
        values[static_cast<std::size_t>(Net::graph[Id].value_origin)].assign(v, v + Net::size_of(Id));
    }
};

template <class Net>
struct compare_values {
    const std::vector<std::vector<float>>& reference;
    const calibration& seen;
    std::vector<noise_ratio>& noise;  ///< by id in the net

    template <int Id, class T>
    void see(const T* v) const {
        const auto origin = static_cast<std::size_t>(Net::graph[Id].value_origin);
        if (reference[origin].empty() || Net::graph[Id].kind == op::quantize_range) return;
        affine a;
        if constexpr (sizeof(T) == 1) a = affine_of(Net::model, Net::graph[Id].value_origin, seen);
        for (int i = 0; i < Net::size_of(Id); ++i) {
            float value;
            if constexpr (sizeof(T) == 1)
                value = dequantize(static_cast<std::int8_t>(v[i] - stored_offset<T>), a);
            else
                value = v[i];
            noise[static_cast<std::size_t>(Id)].add(static_cast<double>(reference[origin][static_cast<std::size_t>(i)]),
                                                    static_cast<double>(value));
        }
    }
};

}  // namespace detail

/// Signal to noise of every value of `Net` against the float net on the same records, the worst first. A layer's noise
/// includes what it is given by the layers before it.
template <class Net, class Records>
std::vector<layer_noise_row> layer_noise(const named_tensors& tensors, const calibration& seen,
                                         const typename Net::weights& weights, const Records& records) {
    using observed = net<Net::model, all_fp32, native, lowering::observed>;
    const auto float_weights = convert<observed>(tensors);
    runner<observed> reference(float_weights);
    const auto bound = Net::stored_weights(weights);
    runner<typename Net::stored_net> run(bound);
    std::vector<std::vector<float>> values(static_cast<std::size_t>(Net::model.count));
    std::vector<noise_ratio> noise(static_cast<std::size_t>(Net::node_count));
    for (const auto& record : records) {
        reference.set_input(0, record);
        reference.execute(detail::keep_values<observed>{values});
        run.set_input(0, record);
        run.execute(detail::compare_values<Net>{values, seen, noise});
    }
    std::vector<layer_noise_row> rows;
    for (int id = 0; id < Net::node_count; ++id) {
        const noise_ratio& of = noise[static_cast<std::size_t>(id)];
        rows.push_back({text_of(Net::graph[id].name), of.decibels(), of.overflows()});
    }
    std::sort(rows.begin(), rows.end(), detail::noisier{});
    return rows;
}

}  // namespace tensor_compress
