// SPDX-License-Identifier: MIT

// Whole nets, batch 1, one thread, smallest of many rounds taken in turn; microseconds. A ratio below 1 is faster than
// the peer.

#include <chrono>
#include <cstdio>

#include <nlohmann/json.hpp>

#include <compress/evaluate/report.hpp>

#include "peer.hpp"

namespace bench {

std::vector<double> smallest_times(const std::vector<std::function<void()>>& functions, double seconds) {
    using clock = std::chrono::steady_clock;
    const auto elapsed = [](clock::time_point since) {
        return std::chrono::duration<double, std::micro>(clock::now() - since).count();
    };
    std::vector<int> batches;
    for (const auto& f : functions) {  // enough runs a batch for the clock, and a warm-up
        int batch = 1;
        for (;; batch *= 2) {
            const auto start = clock::now();
            for (int i = 0; i < batch; ++i) f();
            if (elapsed(start) > 50) break;
        }
        batches.push_back(batch);
    }
    std::vector<double> smallest(functions.size(), 1e30);
    for (const auto begin = clock::now(); elapsed(begin) < seconds * 1e6 * static_cast<double>(functions.size());)
        for (std::size_t i = 0; i < functions.size(); ++i) {
            const auto start = clock::now();
            for (int k = 0; k < batches[i]; ++k) functions[i]();
            smallest[i] = std::min(smallest[i], elapsed(start) / batches[i]);
        }
    return smallest;
}

}  // namespace bench

int main(int count, char** arguments) {
    namespace tc = tensor_compress;
    const auto cell = [](double us) { return us > 0 ? tc::fixed_text(us, us < 100 ? 2 : 1) : std::string("-"); };
    const auto ratio = [](double ours, double peer) {
        return peer > 0 ? tc::fixed_text(ours / peer, 2) : std::string("-");
    };
    const auto fresh = tc::new_report("nets");
    std::printf("%s, %s, %s\n", fresh.cpu.c_str(), fresh.isa.c_str(), fresh.compiler.c_str());
    tc::text_table table({"net", "FP32 us", "ORT", "ratio", "INT8 us", "+ conversion", "ORT INT8", "ratio", "weights",
                          "arena", "FP32 difference"});
    nlohmann::ordered_json rows = nlohmann::ordered_json::array();
    for (auto* function : {bench::bench_mlp, bench::bench_autoencoder, bench::bench_ds_cnn, bench::bench_resnet8,
                           bench::bench_tinycnn, bench::bench_mobilenetv2}) {
        const bench::row r = function();
        char difference[32];
        std::snprintf(difference, sizeof difference, "%.1e", r.fp32_difference);
        table.add({r.net, cell(r.fp32), cell(r.peer_fp32), ratio(r.fp32, r.peer_fp32), cell(r.int8),
                   cell(r.int8_with_conversion), cell(r.peer_int8), ratio(r.int8_with_conversion, r.peer_int8),
                   std::to_string(r.int8_bytes), std::to_string(r.int8_arena),
                   r.fp32_difference < 0 ? "-" : difference});
        rows.push_back({{"net", r.net},
                        {"fp32_us", r.fp32},
                        {"onnxruntime_fp32_us", r.peer_fp32},
                        {"int8_us", r.int8},
                        {"int8_with_conversion_us", r.int8_with_conversion},
                        {"onnxruntime_int8_us", r.peer_int8},
                        {"fp32_difference", r.fp32_difference},
                        {"multiply_adds", r.multiply_adds},
                        {"fp32_bytes", r.fp32_bytes},
                        {"int8_bytes", r.int8_bytes},
                        {"int8_arena_bytes", r.int8_arena}});
    }
    std::fputs(table.markdown().c_str(), stdout);
    if (count > 1) {
        const std::string text = nlohmann::ordered_json{
            {"cpu", fresh.cpu},
            {"isa", fresh.isa},
            {"compiler", fresh.compiler},
            {"nets", rows}}.dump(2);
        tc::write_file(arguments[1], {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
    }
    return 0;
}
