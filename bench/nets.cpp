// SPDX-License-Identifier: MIT

// Whole nets, batch 1, one thread (INT8 also on two), FP32, INT8 and INT4 weights; smallest of many rounds taken in
// turn; microseconds. A ratio below 1 is faster than the peer.

#include <cstdio>

#include "amx.hpp"
#include "figures.hpp"
#include "peer.hpp"
#include "row.hpp"

namespace bench {

namespace {

namespace tc = tensor_compress;

std::vector<std::string> cells_of(const row& r) {
    const auto time = [](double us) { return us > 0 ? tc::fixed_text(us, us < 100 ? 2 : 1) : std::string("-"); };
    const auto ratio = [](double ours, double peer) {
        return peer > 0 ? tc::fixed_text(ours / peer, 2) : std::string("-");
    };
    const auto part = [](double difference) {
        char text[32];
        std::snprintf(text, sizeof text, "%.1e", difference);
        return difference < 0 ? std::string("-") : std::string(text);
    };
    return {r.net,
            time(r.fp32),
            time(r.onnxruntime_fp32),
            ratio(r.fp32, r.onnxruntime_fp32),
            time(r.xnnpack_fp32),
            ratio(r.fp32, r.xnnpack_fp32),
            time(r.int8),
            time(r.xnnpack_int8),
            ratio(r.int8, r.xnnpack_int8),
            time(r.int8_with_conversion),
            time(r.onnxruntime_int8),
            ratio(r.int8_with_conversion, r.onnxruntime_int8),
            time(r.int8_two_threads),
            tc::fixed_text(r.int8 / r.int8_two_threads, 2),
            time(r.int4),
            ratio(r.int4, r.int8),
            std::to_string(r.int4_bytes),
            std::to_string(r.int8_bytes),
            std::to_string(r.int8_arena),
            part(r.onnxruntime_difference),
            part(r.xnnpack_difference),
            part(r.xnnpack_int8_difference)};
}

nlohmann::ordered_json json_of(const row& r) {
    return {{"net", r.net},
            {"fp32_us", r.fp32},
            {"onnxruntime_fp32_us", r.onnxruntime_fp32},
            {"xnnpack_fp32_us", r.xnnpack_fp32},
            {"int8_us", r.int8},
            {"xnnpack_int8_us", r.xnnpack_int8},
            {"int8_with_conversion_us", r.int8_with_conversion},
            {"onnxruntime_int8_us", r.onnxruntime_int8},
            {"int8_two_threads_us", r.int8_two_threads},
            {"int4_us", r.int4},
            {"onnxruntime_fp32_difference", r.onnxruntime_difference},
            {"xnnpack_fp32_difference", r.xnnpack_difference},
            {"xnnpack_int8_difference", r.xnnpack_int8_difference},
            {"multiply_adds", r.multiply_adds},
            {"fp32_bytes", r.fp32_bytes},
            {"int8_bytes", r.int8_bytes},
            {"int4_bytes", r.int4_bytes},
            {"int8_arena_bytes", r.int8_arena}};
}

}  // namespace
}  // namespace bench

int main(int count, char** arguments) {
    const bool without_amx = bench::deny_amx(count, arguments);
    const std::string version = bench::xnnpack_version(), file = count > 1 ? arguments[1] : "";
    std::printf("%s%s; XNNPACK %s\n", bench::machine_text().c_str(), without_amx ? ", peers without AMX" : "",
                version.empty() ? "not found" : version.c_str());
    tensor_compress::text_table table(
        {"net",          "FP32 us",      "ORT",   "ratio",       "XNNPACK",    "ratio",          "INT8 us", "XNNPACK",
         "ratio",        "+ conversion", "ORT",   "ratio",       "2 threads",  "faster",         "INT4 us", "of INT8",
         "INT4 weights", "INT8 weights", "arena", "FP32 to ORT", "to XNNPACK", "INT8 to XNNPACK"});
    nlohmann::ordered_json rows = nlohmann::ordered_json::array();
    for (auto* function :
         {bench::bench_small_mlp, bench::bench_mlp, bench::bench_autoencoder, bench::bench_ds_cnn, bench::bench_resnet8,
          bench::bench_tinycnn, bench::bench_mobilenetv1, bench::bench_mobilenetv2}) {
        const bench::row r = function();
        table.add(bench::cells_of(r));
        rows.push_back(bench::json_of(r));
    }
    std::fputs(table.markdown().c_str(), stdout);
    std::puts(
        "\n* pseudo-random weights of a fixed seed. The last three columns: largest difference of outputs, relative "
        "to the largest.");
    bench::write_figures(file, {{"xnnpack", version}, {"without_amx", without_amx}, {"nets", rows}});
    return 0;
}
