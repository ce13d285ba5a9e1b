// SPDX-License-Identifier: MIT

// Single kernels, one thread: time, multiply-adds a second and their share of what the machine can do. Rounds of all
// rows are run in random order, so that its noise falls on all alike; the smallest time of each counts.

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>
#include <optional>

#include "amx.hpp"
#include "figures.hpp"
#include "kernels/kernel_row.hpp"

namespace bench {

namespace {
std::vector<kernel_row>& rows() {
    static std::vector<kernel_row> all;
    return all;
}
}  // namespace

void add_row(const kernel_row& row, std::function<void()> run) {
    const std::string name = std::to_string(rows().size());
    rows().push_back(row);
    benchmark::RegisterBenchmark(name.c_str(),
                                 [run = std::move(run)](benchmark::State& state) {
                                     for (auto _ : state) {
                                         run();
                                         benchmark::ClobberMemory();
                                     }
                                 })
        ->Repetitions(15)
        ->MinTime(0.01);
}

namespace {

/// Keeps the smallest time of each benchmark and prints nothing.
class smallest_times : public benchmark::BenchmarkReporter {
public:
    bool ReportContext(const Context&) override { return true; }
    void ReportRuns(const std::vector<Run>& runs) override {
        for (const Run& run : runs) {
            if (run.run_type != Run::RT_Iteration || run.iterations == 0) continue;
            const double ns = run.real_accumulated_time * 1e9 / static_cast<double>(run.iterations);
            const auto [at, is_new] = ns_.try_emplace(std::stoul(run.run_name.function_name), ns);
            if (!is_new) at->second = std::min(at->second, ns);
        }
    }
    const std::map<std::size_t, double>& ns() const { return ns_; }

private:
    std::map<std::size_t, double> ns_;
};

}  // namespace
}  // namespace bench

int main(int count, char** arguments) {
    namespace tc = tensor_compress;
    const bool without_amx = bench::deny_amx(count, arguments);
    // The first word that is no option is the file; the rest is Google Benchmark's.
    std::string file;
    std::vector<char*> options{arguments[0]};
    static char interleaving[] = "--benchmark_enable_random_interleaving=true";
    options.push_back(interleaving);
    for (int i = 1; i < count; ++i) {
        if (std::strncmp(arguments[i], "--", 2) == 0)
            options.push_back(arguments[i]);
        else
            file = arguments[i];
    }
    int option_count = static_cast<int>(options.size());
    benchmark::Initialize(&option_count, options.data());

    bench::add_products();
    bench::add_convolutions();
    bench::add_depthwise();
    bench::add_sparse();
    const tc::machine_peak before = tc::measure_peak<tc::native>();
    bench::smallest_times times;
    benchmark::RunSpecifiedBenchmarks(&times);
    const tc::machine_peak after = tc::measure_peak<tc::native>();

    const auto peak = [&](tc::element values) {  // multiply-adds a nanosecond, the better of two measurements
        return std::max(before.of(values).value_or(0), after.of(values).value_or(0)) * 1e-3;
    };
    const std::string blas = bench::openblas_version(), onednn = bench::onednn_version();
    const auto or_none = [](const std::string& version) { return version.empty() ? "not found" : version.c_str(); };
    std::printf("%s%s; peaks: %.0f GFLOP/s FP32, %.0f GOP/s INT8; OpenBLAS %s; oneDNN %s\n",
                bench::machine_text().c_str(), without_amx ? ", peers without AMX" : "", 2 * peak(tc::element::float32),
                2 * peak(tc::element::signed8), or_none(blas), or_none(onednn));
    // How many times faster than the dense layer of the same values.
    const auto of_dense = [&](const bench::kernel_row& row, double ns) -> std::optional<double> {
        const std::string dense = row.values == tc::element::float32 ? "fp32" : "int8";
        for (const auto& [index, dense_ns] : times.ns()) {
            const bench::kernel_row& other = bench::rows()[index];
            if (row.precision != dense && other.precision == dense && other.kernel == row.kernel &&
                other.shape == row.shape)
                return dense_ns / ns;
        }
        return std::nullopt;
    };
    tc::text_table table(
        {"kernel", "shape", "format", "us", "GOP/s", "peak %", "GB/s of weights", "weights bytes", "of dense"});
    nlohmann::ordered_json rows = nlohmann::ordered_json::array();
    for (const auto& [index, ns] : times.ns()) {
        const bench::kernel_row& row = bench::rows()[index];
        const double rate = static_cast<double>(row.multiply_adds) / ns;
        const auto faster = of_dense(row, ns);
        const double share = peak(row.values) > 0 ? rate / peak(row.values) : 0;
        table.add({row.kernel, row.shape, row.precision, tc::fixed_text(ns * 1e-3, 2), tc::fixed_text(2 * rate, 1),
                   tc::fixed_text(100 * share, 1), tc::fixed_text(row.weights_bytes / ns, 1),
                   std::to_string(row.weights_bytes), faster ? tc::fixed_text(*faster, 2) : "-"});
        rows.push_back({{"kernel", row.kernel},
                        {"shape", row.shape},
                        {"format", row.precision},
                        {"ns", ns},
                        {"multiply_adds", row.multiply_adds},
                        {"peak_share", share},
                        {"weights_bytes", row.weights_bytes}});
    }
    std::fputs(table.markdown().c_str(), stdout);
    bench::write_figures(file, {{"peak_fp32_gflops", 2 * peak(tc::element::float32)},
                                {"peak_int8_gops", 2 * peak(tc::element::signed8)},
                                {"openblas", blas},
                                {"onednn", onednn},
                                {"without_amx", without_amx},
                                {"rows", rows}});
    return 0;
}
