// SPDX-License-Identifier: MIT
#pragma once

#include <fstream>
#include <string>

#include <nlohmann/json.hpp>

#include <compress/evaluate/describe.hpp>
#include <compress/evaluate/layer_noise.hpp>
#include <compress/evaluate/machine_peak.hpp>
#include <compress/evaluate/next_format.hpp>
#include <compress/io/bytes.hpp>

namespace tensor_compress {

/// One layer of a variant in a report.
struct layer_report {
    std::string label, operation, format, shape;
    std::string kernel;  ///< what runs it: "int8 conv2d, avx512-vnni"; empty where nothing runs
    double us = 0;       ///< microseconds, smallest of many
    int weights_bytes = 0;
    long long multiply_adds = 0;
    std::optional<double> sqnr_db;
    std::optional<double> peak_share;  ///< multiply-adds in that time, of those that a core can do; 0 to 1
    std::string larger_format = {};    ///< the format it is compared with: dense, int8 or fp32; of layers with weights
    double larger_us = 0;              ///< what the layer takes in that format, measured in turn
    bool overflows = false;            ///< values that are not finite on the records, of which there is no SQNR
};

/// What was measured of one variant. Bytes are those emitted, with scales, biases, multipliers and padding.
struct variant_report {
    std::string name, precision, sparsity;
    std::optional<double> accuracy;  ///< percent, top-1; nothing without labels
    std::optional<double> sqnr_db;   ///< of the outputs against FP32; nothing for FP32
    bool overflows = false;          ///< outputs that are not finite, of either net: there is no SQNR
    long long weights_bytes = 0;
    int arena_bytes = 0, state_bytes = 0;
    long long multiply_adds = 0;
    latency time;  ///< microseconds
    std::vector<layer_report> layers;
};

/// Variants of one model side by side, FP32 first.
struct model_report {
    std::string model;
    std::string cpu, isa, compiler;
    std::vector<variant_report> variants;
};

namespace detail {

inline std::string cpu_name() {
    std::ifstream info("/proc/cpuinfo");
    for (std::string line; std::getline(info, line);)
        if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
    return "unknown";
}

inline std::string compiler_name() {
#if defined(__clang__)
    return "clang " + std::to_string(__clang_major__) + '.' + std::to_string(__clang_minor__);
#else
    return "g++ " + std::to_string(__GNUC__) + '.' + std::to_string(__GNUC_MINOR__);
#endif
}

/// A ratio in dB, or why there is none.
inline std::string ratio_text(const std::optional<double>& sqnr_db, bool overflows) {
    return overflows ? "overflow" : sqnr_db ? fixed_text(*sqnr_db, 1) : "-";
}

inline std::string or_dash(const std::optional<double>& value, int digits) {
    return value ? fixed_text(*value, digits) : "-";
}

/// All formats of a net, in the order in which they first occur among layers with weights: "int8+fp32".
template <class Net>
std::string formats_of(const char* layer_info::*which) {
    std::string text;
    for (const layer_info& row : Net::table) {
        if (row.parameters == 0) continue;
        const std::string name = row.*which;
        if (('+' + text + '+').find('+' + name + '+') == std::string::npos) text += (text.empty() ? "" : "+") + name;
    }
    return text;
}

}  // namespace detail

namespace detail {

inline bool runs(op kind) { return kind != op::input && kind != op::constant && !is_view(kind); }

/// Times the layers of `Net` in turn with those of the same labels in the next larger formats.
template <class Net>
std::vector<double> compare_with_larger(const named_tensors& tensors, const calibration& seen,
                                        const typename Net::weights& weights, std::vector<layer_report>& layers) {
    using larger = net<Net::model, larger_recipe<Net::recipe>(), typename Net::isa>;
    const auto larger_weights = convert<larger>(tensors, seen);
    const auto keep_smaller = [](std::vector<double>& smallest, const std::vector<double>& times) {
        for (std::size_t i = 0; i < times.size(); ++i) smallest[i] = std::min(smallest[i], times[i]);
    };
    std::vector<double> times(Net::table.size(), 1e30), larger_times(larger::table.size(), 1e30);
    for (int round = 0; round < 3; ++round) {
        keep_smaller(times, step_times<Net>(weights));
        keep_smaller(larger_times, step_times<larger>(larger_weights));
    }
    for (std::size_t i = 0; i < layers.size(); ++i)
        for (std::size_t k = 0; k < larger_times.size(); ++k)
            if (Net::table[i].parameters > 0 && larger::table[k].parameters > 0 &&
                Net::table[i].label == larger::table[k].label) {
                layers[i].larger_format = format_name(larger::table[k]);
                layers[i].larger_us = larger_times[k];
            }
    return times;
}

}  // namespace detail

/// Measures a variant: latency, and against the float net on `data` the signal-to-noise of its outputs and layers;
/// accuracy where the records have labels. `data` may have no records; then only what needs none is measured.
template <class Net>
variant_report evaluate(std::string name, const named_tensors& tensors, const calibration& seen,
                        const typename Net::weights& weights, const data_set& data) {
    using float_net = net<Net::model, all_fp32>;
    constexpr bool is_reference = std::is_same_v<typename Net::recipe_type, typename float_net::recipe_type>;
    variant_report r;
    r.name = std::move(name);
    r.precision = detail::formats_of<Net>(&layer_info::precision);
    r.sparsity = detail::formats_of<Net>(&layer_info::sparsity);
    r.weights_bytes = Net::weights_bytes;
    r.arena_bytes = Net::arena_bytes;
    r.state_bytes = Net::state_bytes;
    r.multiply_adds = Net::multiply_adds;
    if (data.size() > 0 && !data.labels.empty()) r.accuracy = accuracy<Net>(weights, data);
    std::vector<layer_noise_row> noise;
    if (!is_reference && data.size() > 0) {
        const auto some = data.slice(0, std::min<std::size_t>(data.size(), 64));
        const auto float_weights = convert<float_net>(tensors);
        runner<float_net> reference(float_weights);
        runner<Net> run(weights);
        noise_ratio ratio;
        for (std::size_t i = 0; i < some.size(); ++i) {
            const auto expected = reference(some.input(i));
            const auto found = run(some.input(i));
            for (std::size_t k = 0; k < expected.size(); ++k)
                ratio.add(static_cast<double>(expected[k]), static_cast<double>(found[k]));
        }
        r.sqnr_db = ratio.decibels();
        r.overflows = ratio.overflows();
        noise = layer_noise<Net>(tensors, seen, weights, records(some));
    }
    r.time = measure_latency<Net>(weights);
    for (int id = 0; id < Net::node_count; ++id) {
        const layer_info& row = Net::table[static_cast<std::size_t>(id)];
        r.layers.push_back({text_of(row.label),
                            row.operation,
                            format_name(row),
                            extents_text(row.output),
                            detail::runs(Net::graph[id].kind)
                                ? format_name(row) + ' ' + row.operation + ", " + Net::isa::name
                                : std::string(),
                            0,
                            row.packed_bytes,
                            row.multiply_adds,
                            {},
                            {}});
    }
    std::vector<double> times;
    if constexpr (is_reference)
        times = step_times<Net>(weights);
    else
        times = detail::compare_with_larger<Net>(tensors, seen, weights, r.layers);
    const machine_peak peak = measure_peak<typename Net::isa>();
    for (int id = 0; id < Net::node_count; ++id) {
        layer_report& layer = r.layers[static_cast<std::size_t>(id)];
        if (detail::runs(Net::graph[id].kind)) layer.us = times[static_cast<std::size_t>(id)];
        const auto most = peak.of(Net::element_of(id));
        const bool multiplies = layer.format != tag::binary_activations::name;  // counts bits
        if (most && multiplies && layer.multiply_adds > 0 && layer.us > 0)
            layer.peak_share = static_cast<double>(layer.multiply_adds) / (layer.us * *most);
        for (const auto& n : noise)
            if (n.label == layer.label) layer.sqnr_db = n.sqnr_db, layer.overflows = n.overflows;
    }
    return r;
}

/// The variants as a table: bytes, accuracy and time side by side.
inline std::string report_table(const model_report& report) {
    text_table table({"variant", "accuracy %", "SQNR dB", "weights bytes", "arena bytes", "multiply-adds", "us min",
                      "us median", "us p95"});
    for (const auto& v : report.variants)
        table.add({v.name, detail::or_dash(v.accuracy, 2), detail::ratio_text(v.sqnr_db, v.overflows),
                   std::to_string(v.weights_bytes), std::to_string(v.arena_bytes), std::to_string(v.multiply_adds),
                   fixed_text(v.time.min, 2), fixed_text(v.time.median, 2), fixed_text(v.time.p95, 2)});
    return table.text();
}

/// Layers of a variant, those farthest from the float net first, with their time and its share of the machine's peak.
inline std::string noise_table(const variant_report& variant) {
    auto rows = variant.layers;
    std::sort(rows.begin(), rows.end(), detail::noisier{});
    text_table table({"layer", "operator", "format", "SQNR dB", "us", "peak %"});
    for (const auto& row : rows)
        if (row.sqnr_db || row.overflows)
            table.add({row.label, row.operation, row.format, detail::ratio_text(row.sqnr_db, row.overflows),
                       fixed_text(row.us, 2), row.peak_share ? fixed_text(*row.peak_share * 100, 0) : "-"});
    return table.text();
}

/// A line for each layer that is slower than in the next larger format, and by how much: there the smaller format only
/// saves bytes. Differences below 3 percent and 0.1 us are within what timing can tell.
inline std::string slower_text(const variant_report& variant) {
    std::string text;
    for (const auto& row : variant.layers)
        if (row.larger_us > 0 && row.us > row.larger_us * 1.03 && row.us > row.larger_us + 0.1)
            text += row.label + ": " + row.format + " takes " + fixed_text(row.us / row.larger_us, 2) +
                    " of the time of " + row.larger_format + " (" + fixed_text(row.us, 2) + " us, " +
                    fixed_text(row.larger_us, 2) + " us)\n";
    return text;
}

/// The report as JSON, one object per variant and per layer.
inline nlohmann::ordered_json report_json(const model_report& report) {
    using json = nlohmann::ordered_json;
    const auto number = [](const std::optional<double>& v) { return v ? json(*v) : json(nullptr); };
    json variants = json::array();
    for (const auto& v : report.variants) {
        json layers = json::array();
        for (const auto& l : v.layers)
            layers.push_back({{"label", l.label},
                              {"operator", l.operation},
                              {"format", l.format},
                              {"shape", l.shape},
                              {"kernel", l.kernel},
                              {"weights_bytes", l.weights_bytes},
                              {"macs", l.multiply_adds},
                              {"us", l.us},
                              {"peak_share", number(l.peak_share)},
                              {"sqnr_db", number(l.sqnr_db)},
                              {"larger_format", l.larger_us > 0 ? json(l.larger_format) : json(nullptr)},
                              {"larger_us", l.larger_us > 0 ? json(l.larger_us) : json(nullptr)}});
        variants.push_back({{"name", v.name},
                            {"precision", v.precision},
                            {"sparsity", v.sparsity},
                            {"accuracy", number(v.accuracy)},
                            {"sqnr_db", number(v.sqnr_db)},
                            {"weights_bytes", v.weights_bytes},
                            {"arena_bytes", v.arena_bytes},
                            {"state_bytes", v.state_bytes},
                            {"macs", v.multiply_adds},
                            {"latency_us", {{"min", v.time.min}, {"median", v.time.median}, {"p95", v.time.p95}}},
                            {"layers", layers}});
    }
    return {{"model", report.model},
            {"machine", {{"cpu", report.cpu}, {"isa", report.isa}, {"compiler", report.compiler}}},
            {"variants", variants}};
}

/// A report without variants yet, that knows the machine.
inline model_report new_report(std::string model_name) {
    return {std::move(model_name), detail::cpu_name(), native::name, detail::compiler_name(), {}};
}

/// Writes the report as JSON.
///
/// @throws error as `write_text`
inline void save_report(const model_report& report, const std::filesystem::path& file) {
    // Names of files and layers are bytes; what is no UTF-8 in them becomes U+FFFD.
    write_text(file, report_json(report).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + '\n');
}

}  // namespace tensor_compress
