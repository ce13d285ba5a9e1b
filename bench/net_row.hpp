// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <span>

#include <compress/io/onnx.hpp>
#include <compress/tensor/thread_pool.hpp>
#include <compress/transform/calibrate.hpp>

#include "peer.hpp"
#include "pseudo_numbers.hpp"
#include "row.hpp"
#include "smallest_times.hpp"
#include "twin.hpp"

namespace bench {

inline constexpr tc::recipe all_int8{tc::int8};
inline constexpr tc::recipe all_int4{tc::int4};

/// Largest difference, relative to the largest value.
inline double difference(std::span<const float> ours, const std::vector<float>& theirs) {
    float largest = 0, worst = 0;
    for (std::size_t i = 0; i < ours.size(); ++i) {
        largest = std::max(largest, std::abs(theirs[i]));
        worst = std::max(worst, std::abs(theirs[i] - ours[i]));
    }
    return static_cast<double>(worst / largest);
}

/// The peers that read model files, with one input; null where they are not.
struct file_peers {
    std::unique_ptr<peer> fp32, int8;
};

/// FP32, INT8 and INT4 (weights, beside INT8 values) of one model beside all peers that were found. ONNX Runtime's int8
/// takes and gives floats, so `int8_with_conversion` is the figure to put beside it; XNNPACK's takes int8, as `int8`
/// does.
template <const auto& Model>
row bench_net(const char* name, const tc::named_tensors& tensors, const std::vector<std::vector<float>>& records,
              const file_peers& files, double seconds) {
    using float_net = tc::net<Model>;
    using int8_net = tc::net<Model, all_int8>;
    using int4_net = tc::net<Model, all_int4>;
    const auto seen = tc::calibrate<Model>(tensors, records);
    const auto float_weights = tc::convert<float_net>(tensors);
    const auto int8_weights = tc::convert<int8_net>(tensors, seen);
    const auto int4_weights = tc::convert<int4_net>(tensors, seen);
    tc::runner<float_net> run_float(float_weights);
    tc::runner<int8_net> run_int8(int8_weights);
    tc::runner<int4_net> run_int4(int4_weights);
    const tc::thread_team<2> two;
    tc::runner<int8_net, tc::thread_team<2>> run_two(int8_weights, two);
    run_float(records[0]);
    run_int8(records[0]);
    run_int4(records[0]);
    run_two(records[0]);
    const twin same = twin_of<float_net>(tensors, seen);
    const auto twin_fp32 = xnnpack(same, false, records[0]), twin_int8 = xnnpack(same, true, records[0]);

    row r{name};
    std::vector<std::function<void()>> functions;
    std::vector<double*> times;
    const auto time = [&](double& to, std::function<void()> function) {
        functions.push_back(std::move(function));
        times.push_back(&to);
    };
    const auto time_peer = [&](double& to, const std::unique_ptr<peer>& other) {
        if (other) time(to, [&other] { other->run(); });
    };
    // Between two of the same weights is another, so that none finds more of them in the caches.
    time(r.fp32, [&] { run_float.execute_raw(); });
    time_peer(r.onnxruntime_fp32, files.fp32);
    time(r.int8, [&] { run_int8.execute_raw(); });
    time_peer(r.xnnpack_fp32, twin_fp32);
    time(r.int4, [&] { run_int4.execute_raw(); });
    time(r.int8_with_conversion, [&] { run_int8(records[0]); });
    time_peer(r.onnxruntime_int8, files.int8);
    time_peer(r.xnnpack_int8, twin_int8);
    time(r.int8_two_threads, [&] { run_two.execute_raw(); });
    const auto smallest = smallest_times(functions, seconds);
    for (std::size_t i = 0; i < times.size(); ++i) *times[i] = smallest[i];

    if (files.fp32) r.onnxruntime_difference = difference(run_float.output(), files.fp32->output());
    if (twin_fp32) r.xnnpack_difference = difference(run_float.output(), twin_fp32->output());
    if (twin_int8) r.xnnpack_int8_difference = difference(run_int8.output(), twin_int8->output());
    r.multiply_adds = int8_net::multiply_adds;
    r.fp32_bytes = float_net::weights_bytes;
    r.int8_bytes = int8_net::weights_bytes;
    r.int4_bytes = int4_net::weights_bytes;
    r.int8_arena = int8_net::arena_bytes;
    return r;
}

template <const auto& Model>
std::vector<std::vector<float>> pseudo_records() {
    std::vector<std::vector<float>> records;
    for (unsigned seed = 1; seed <= 8; ++seed)
        records.push_back(pseudo_numbers(tc::runner<tc::net<Model>>::input_size(0), seed));
    return records;
}

/// A record in the file's own order.
inline std::vector<float> in_order_of(const tc::imported_tensor& input, const std::vector<float>& record) {
    if (!input.channels_first) return record;
    const std::size_t channels = input.shape[0], pixels = record.size() / channels;
    std::vector<float> values(record.size());
    for (std::size_t c = 0; c < channels; ++c)
        for (std::size_t p = 0; p < pixels; ++p) values[c * pixels + p] = record[p * channels + c];
    return values;
}

/// A net from a model file, beside peers with the same file and, where there is one, its Q/DQ form.
template <const auto& Model>
row bench_file(const char* name, const std::string& file, const std::string& quantized_file, double seconds) {
    const std::string folder = COMPRESS_MODELS "/";
    const auto imported = tc::import_onnx(folder + file);
    const auto records = pseudo_records<Model>();
    const auto source = in_order_of(imported.inputs[0], records[0]);
    std::vector<long long> extents{1};
    for (const std::size_t e : imported.inputs[0].shape) extents.push_back(static_cast<long long>(e));
    const file_peers files{onnx_runtime(folder + file, extents, source),
                           quantized_file.empty() ? nullptr : onnx_runtime(folder + quantized_file, extents, source)};
    return bench_net<Model>(name, imported.weights, records, files, seconds);
}

/// A net with pseudo-random weights, spread so that values neither grow nor vanish from layer to layer (He et al.
/// 2015).
template <const auto& Model>
row bench_written(const char* name, double seconds) {
    tc::named_tensors tensors;
    unsigned seed = 1;
    for (const auto& [tensor, extents] : tc::needed_tensors(Model)) {
        auto values = tc::array<float>::from_shape(extents);
        const std::size_t terms = extents.size() < 2 ? 600 : values.size() / extents[0];
        const auto numbers = pseudo_numbers(values.size(), seed++, std::sqrt(6.0f / static_cast<float>(terms)));
        std::copy(numbers.begin(), numbers.end(), values.data());
        tensors.emplace(tensor, values);
    }
    return bench_net<Model>(name, tensors, pseudo_records<Model>(), {}, seconds);
}

}  // namespace bench
