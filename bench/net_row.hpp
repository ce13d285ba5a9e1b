// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>

#include <compress/io/onnx.hpp>
#include <compress/transform/calibrate.hpp>

#include "peer.hpp"

namespace bench {

namespace tc = tensor_compress;

inline constexpr tc::recipe all_int8{tc::int8};

/// Values without meaning but of the spread of real ones: a net's time does not depend on them.
inline std::vector<float> pseudo_record(std::size_t size, unsigned seed) {
    std::vector<float> values(size);
    for (float& v : values) {
        seed = seed * 1664525u + 1013904223u;
        v = static_cast<float>(seed >> 8) / 8388608.0f - 1.0f;
    }
    return values;
}

/// FP32 and INT8 of one model beside ONNX Runtime with the same file and, where there is one, its Q/DQ form. The peer's
/// int8 takes and gives floats, so `int8_with_conversion` is the figure to put beside it.
template <const auto& Model>
row bench_net(const char* name, const std::string& file, const std::string& quantized_file, double seconds) {
    const std::string folder = COMPRESS_MODELS "/";
    const auto imported = tc::import_onnx(folder + file);
    using float_net = tc::net<Model>;
    using int8_net = tc::net<Model, all_int8>;
    const auto size = tc::runner<float_net>::input_size(0);
    std::vector<std::vector<float>> records;
    for (unsigned seed = 1; seed <= 8; ++seed) records.push_back(pseudo_record(size, seed));

    const auto float_weights = tc::convert<float_net>(imported.weights);
    const auto int8_weights = tc::convert<int8_net>(imported.weights, tc::calibrate<Model>(imported.weights, records));
    tc::runner<float_net> run_float(float_weights);
    tc::runner<int8_net> run_int8(int8_weights);

    std::vector<float> source = records[0];
    std::vector<long long> extents{1};
    for (std::size_t e : imported.inputs[0].shape) extents.push_back(static_cast<long long>(e));
    if (imported.inputs[0].channels_first) {
        const std::size_t channels = imported.inputs[0].shape[0], pixels = size / channels;
        for (std::size_t c = 0; c < channels; ++c)
            for (std::size_t p = 0; p < pixels; ++p) source[c * pixels + p] = records[0][p * channels + c];
    }
    const auto peer_float = onnx_runtime(folder + file, extents, source);
    const auto peer_int8 = quantized_file.empty() ? nullptr : onnx_runtime(folder + quantized_file, extents, source);

    run_float.set_input(0, records[0]);
    run_float.execute();
    run_int8.set_input(0, records[0]);
    row r{name};
    std::vector<std::function<void()>> functions{[&] { run_float.execute_raw(); }, [&] { run_int8.execute_raw(); },
                                                 [&] {
                                                     run_int8.set_input(0, records[0]);
                                                     run_int8.execute();
                                                 }};
    if (peer_float) functions.push_back([&] { peer_float->run(); });
    if (peer_int8) functions.push_back([&] { peer_int8->run(); });
    const auto times = smallest_times(functions, seconds);
    r.fp32 = times[0];
    r.int8 = times[1];
    r.int8_with_conversion = times[2];
    if (peer_float) {
        r.peer_fp32 = times[3];
        float largest = 0, worst = 0;
        const auto expected = peer_float->output();
        for (std::size_t i = 0; i < expected.size(); ++i) {
            largest = std::max(largest, std::abs(expected[i]));
            worst = std::max(worst, std::abs(expected[i] - run_float.output()[i]));
        }
        r.fp32_difference = static_cast<double>(worst / largest);
    }
    if (peer_int8) r.peer_int8 = times[4];
    r.multiply_adds = int8_net::multiply_adds;
    r.fp32_bytes = float_net::weights_bytes;
    r.int8_bytes = int8_net::weights_bytes;
    r.int8_arena = int8_net::arena_bytes;
    return r;
}

}  // namespace bench
