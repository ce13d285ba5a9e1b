// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>

#include <compress/tensor/data_set.hpp>
#include <compress/tensor/records.hpp>
#include <compress/tensor/runner.hpp>
#include <compress/tensor/top_class.hpp>

namespace tensor_compress {

/// Percent of records whose largest output is the label.
///
/// @throws error when there is not one label per record, or a label is not an output of the net
template <class Net>
double accuracy(const typename Net::weights& weights, const data_set& data) {
    runner<Net> run(weights);
    const int classes = static_cast<int>(runner<Net>::output_size(0));
    if (data.labels.size() != data.size() || data.size() == 0)
        throw error("accuracy",
                    std::to_string(data.labels.size()) + " labels for " + std::to_string(data.size()) + " records",
                    "give one label for each record, and at least one record");
    std::size_t right = 0;
    for (std::size_t i = 0; i < data.size(); ++i) {
        const int label = data.labels[i];
        if (label < 0 || label >= classes)
            throw error(
                "accuracy", "label " + std::to_string(label) + " of record " + std::to_string(i) + " is out of range",
                "the net has " + std::to_string(classes) + " outputs: labels are 0 to " + std::to_string(classes - 1));
        right += top_class(run(data.input(i))) == label ? 1 : 0;
    }
    return 100.0 * static_cast<double>(right) / static_cast<double>(data.size());
}

/// Microseconds of one run.
struct latency {
    double min = 0, median = 0, p95 = 0;
};

/// Times `run` after a warm-up: batches long enough for the clock, as many as fit `seconds`.
template <class Run>
latency measure_latency(Run run, double seconds = 0.2) {
    using clock = std::chrono::steady_clock;
    const auto elapsed = [](clock::time_point since) {
        return std::chrono::duration<double>(clock::now() - since).count();
    };
    int batch = 1;
    for (;;) {  // the warm-up finds how many runs take 20 us
        const auto start = clock::now();
        for (int i = 0; i < batch; ++i) run();
        if (elapsed(start) > 20e-6 || batch > (1 << 20)) break;
        batch *= 2;
    }
    std::vector<double> times;
    const auto begin = clock::now();
    while (times.size() < 20 || (elapsed(begin) < seconds && times.size() < 100000)) {
        const auto start = clock::now();
        for (int i = 0; i < batch; ++i) run();
        times.push_back(elapsed(start) * 1e6 / batch);
    }
    std::sort(times.begin(), times.end());
    return {times.front(), times[times.size() / 2], times[times.size() * 95 / 100]};
}

template <class Net>
latency measure_latency(const typename Net::weights& weights, double seconds = 0.2) {
    runner<Net> run(weights);
    return measure_latency([&] { run.execute_raw(); }, seconds);
}

namespace detail {

/// Smallest time between one step and the next, by node.
struct step_clock {
    using clock = std::chrono::steady_clock;
    std::vector<double>& smallest;
    clock::time_point& last;

    template <int Id, class T>
    void see(const T*) const {
        const double us = std::chrono::duration<double, std::micro>(clock::now() - last).count();
        smallest[Id] = std::min(smallest[Id], us);
        last = clock::now();
    }
};

}  // namespace detail

/// Microseconds of each step of a net, the smallest of `rounds`; includes some 20 ns for reading the clock. Each layer
/// is timed over its whole output, those of a stream too.
template <class Net>
std::vector<double> step_times(const typename Net::weights& weights, int rounds = 100) {
    using stored = typename Net::stored_net;
    const auto bound = Net::stored_weights(weights);
    runner<stored> run(bound);
    std::vector<double> smallest(static_cast<std::size_t>(Net::node_count), 1e30);
    for (int i = 0; i < rounds; ++i) {
        auto last = detail::step_clock::clock::now();
        run.execute(detail::step_clock{smallest, last});
    }
    return smallest;
}

/// Signal to quantisation noise: 10 log10(sum of reference^2 / sum of (reference - value)^2), in dB.
class noise_ratio {
public:
    void add(double reference, double value) {
        signal_ += reference * reference;
        noise_ += (reference - value) * (reference - value);
    }
    /// Whether a value was infinite or NaN: of those there is no ratio.
    bool overflows() const { return !std::isfinite(signal_) || !std::isfinite(noise_); }
    /// Nothing where the values are equal or not finite, or where there is no signal.
    std::optional<double> decibels() const {
        if (overflows() || !(noise_ > 0) || !(signal_ > 0)) return std::nullopt;
        return 10 * std::log10(signal_ / noise_);
    }

private:
    double signal_ = 0, noise_ = 0;
};

}  // namespace tensor_compress
