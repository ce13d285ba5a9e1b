// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdio>

#include <compress/evaluate/report.hpp>
#include <compress/tensor/thread_pool.hpp>
#include <compress/transform/fit_net.hpp>

#include "digits_cnn.hpp"

inline constexpr tensor_compress::recipe all_int8{tensor_compress::int8};

/// Formats alone: digits_cnn with another recipe.
template <const auto& Recipe>
using digits_with = tensor_compress::net<digits_cnn, Recipe>;

/// What all techniques of the demo work with, and the table that each adds a row to.
struct workbench {
    tensor_compress::data_set training, test;
    tensor_compress::data_set some;            ///< of the training records, for ranges and for rounding
    tensor_compress::named_tensors weights;    ///< of digits_cnn, trained in FP32
    tensor_compress::calibration ranges = {};  ///< of its values
    tensor_compress::model_report report = tensor_compress::new_report("digits_cnn");
    tensor_compress::thread_pool threads{2};
};

/// What a technique ends with: all that `convert` needs.
struct technique_result {
    tensor_compress::named_tensors weights;
    tensor_compress::calibration ranges;
    tensor_compress::rounded_layers rounded = {};
};

/// Says what is being done, then how long it took.
class announcement {
public:
    announcement(const char* name, const char* action) {
        std::printf("   %-28s %-50s", name, action);
        std::fflush(stdout);
    }
    announcement(const announcement&) = delete;
    announcement& operator=(const announcement&) = delete;
    ~announcement() {
        const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin_;
        std::printf("%5.1f s\n", seconds.count());
    }

private:
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

/// A row of the table: `technique(bench, std::type_identity<Net>)` makes the weights of `Net`, which is measured on the
/// test records.
template <class Net, class Technique>
void row(workbench& bench, const char* name, const char* action, const Technique& technique) {
    const announcement line(name, action);
    const technique_result made = technique(bench, std::type_identity<Net>{});
    const auto packed = tensor_compress::convert<Net>(made.weights, made.ranges, made.rounded);
    bench.report.variants.push_back(
        tensor_compress::evaluate<Net>(name, made.weights, made.ranges, packed, bench.test));
}

/// Training that goes on from weights there are: Adam, with a rate that ends at 0.
inline tensor_compress::fit_options fine_tuning(int count, double rate) {
    return {
        .epochs = count, .optimizer = tensor_compress::adam{.rate = rate}, .schedule = tensor_compress::cosine_rate{}};
}

/// The net as training with its integers left it.
template <class Net>
technique_result result_of(tensor_compress::fitted_net<Net> trained) {
    return {std::move(trained.weights), std::move(trained.ranges), std::move(trained.rounded)};
}

void add_converted_rows(workbench& bench);  // demo_converted.cpp
void add_trained_rows(workbench& bench);    // demo_trained.cpp
void add_smaller_rows(workbench& bench);    // demo_smaller.cpp

/// The header of the INT8 net, whose namespace is `name`. In demo_converted.cpp.
std::string int8_header(const workbench& bench, const char* name);
