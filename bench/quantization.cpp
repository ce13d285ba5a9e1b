// SPDX-License-Identifier: MIT

// What INT8 keeps of two trained nets without training: how ranges are chosen, one step for a layer or one for each
// output, before and after equalisation; and what new statistics of batch norms give back to pruned weights.

#include <cstring>

#include <compress/transform/equalize.hpp>
#include <compress/transform/prune.hpp>
#include <compress/transform/reestimate_norms.hpp>
#include <compress/transform/round_per_tensor.hpp>

#include "figures.hpp"
#include "kws_sm_bn_fp32.hpp"
#include "kws_sm_fp32.hpp"
#include "resnet8_bn_fp32.hpp"
#include "resnet8_fp32.hpp"
#include "subjects.hpp"

namespace bench {

namespace {

struct range_choice {
    std::string name;
    tc::calibration_options options;
};

/// Held out also with the momenta from which the default was chosen.
std::vector<range_choice> range_choices(bool held_out) {
    std::vector<range_choice> all{{"min_max", {.method = tc::range_method::min_max}},
                                  {"moving_average", {.method = tc::range_method::moving_average}},
                                  {"percentile", {.method = tc::range_method::percentile}},
                                  {"mse", {.method = tc::range_method::mse}},
                                  {"mse, symmetric", {.method = tc::range_method::mse, .symmetric = true}},
                                  {"entropy", {.method = tc::range_method::entropy}}};
    if (held_out)
        for (const double momentum : {0.01, 0.03, 0.3})
            all.push_back({"moving_average, momentum " + tc::fixed_text(momentum, 2),
                           {.method = tc::range_method::moving_average, .momentum = momentum}});
    return all;
}

void add(tc::text_table& table, const subject& s, const std::string& change, const std::vector<double>& figures) {
    std::vector<std::string> cells{s.name, change};
    for (const double v : figures) cells.push_back(v < 0 ? "-" : percent(v));
    table.add(cells);
}

/// One step for each output, one for a layer, and that of equalised weights; each of both parts.
template <const auto& Model, const auto& Recipe>
void add_steps(tc::text_table& table, const subject& s, const std::string& name,
               const tc::calibration_options& options = {}) {
    using net = tc::net<Model, Recipe>;
    const tc::records records(s.calibration);
    const tc::named_tensors even = tc::equalize<Model>(s.weights);
    const auto seen = tc::calibrate<Model>(s.weights, records, options);
    const auto per_channel = tc::convert<net>(s.weights, seen);
    const auto per_tensor = tc::convert<net>(s.weights, seen, tc::round_per_tensor<net>(s.weights));
    const auto equalized =
        tc::convert<net>(even, tc::calibrate<Model>(even, records, options), tc::round_per_tensor<net>(even));
    add(table, s, name,
        {judged(per_channel, s.first), judged(per_tensor, s.first), judged(equalized, s.first),
         judged(per_channel, s.second), judged(per_tensor, s.second), judged(equalized, s.second)});
}

template <const auto& Model>
void add_ranges(tc::text_table& table, const subject& s, bool held_out) {
    add(table, s, "FP32", {judged<Model>(s.weights, s.first), -1, -1, judged<Model>(s.weights, s.second), -1, -1});
    for (const auto& [name, options] : range_choices(held_out))
        add_steps<Model, every_int8>(table, s, "INT8, " + name, options);
    add_steps<Model, every_int4>(table, s, "INT4 weights, mse");
}

template <const auto& Model>
void add_norms(tc::text_table& table, const subject& s) {
    for (const double ratio : {0.0, 0.3, 0.5}) {
        const auto pruned = tc::prune<Model>(s.weights, {.ratio = ratio}).weights;
        const auto renewed = tc::reestimate_norms<Model>(pruned, tc::records(s.calibration));
        add(table, s, tc::fixed_text(100 * ratio, 0),
            {judged<Model>(pruned, s.first), judged<Model>(renewed, s.first), judged<Model>(pruned, s.second),
             judged<Model>(renewed, s.second)});
    }
}

/// The same net, and its calibration records with those of one class `times` times.
subject with_repeated(subject s, const char* name, int label, std::size_t times) {
    const tc::data_set once = s.calibration;
    std::vector<std::size_t> chosen;
    for (std::size_t i = 0; i < once.size(); ++i)
        chosen.insert(chosen.end(), once.labels[i] == label ? times : std::size_t{1}, i);
    auto extents = tc::shape_of(once.inputs);
    extents[0] = chosen.size();
    s.name = name;
    s.calibration = {tc::make_array<float>(extents), {}, once.classes};
    float* to = s.calibration.inputs.data();
    for (const std::size_t i : chosen) to = std::copy(once.input(i).begin(), once.input(i).end(), to);
    return s;
}

}  // namespace
}  // namespace bench

int main(int argument_count, char** arguments) {
    using namespace bench;
    const bool held_out = argument_count > 1 && std::strcmp(arguments[1], "--hold-out") == 0;
    const auto data = tests::data_directory();
    if (!data) {
        tests::skip_notice("INT8 without training: neither COMPRESS_DATA nor ../shared/data is a folder");
        return 0;
    }
    tc::text_table ranges({"net", "weights, ranges", "per channel", "per tensor", "equalised, per tensor",
                           "per channel, second part", "per tensor, second part",
                           "equalised, per tensor, second part"});
    add_ranges<resnet8_fp32>(ranges, resnet8_on_images(*data, "resnet8_fp32.onnx", held_out), held_out);
    add_ranges<kws_sm_fp32>(ranges, ds_cnn_on_words(*data, "kws_sm_fp32.onnx", held_out), held_out);
    tc::text_table norms({"net", "zeros %", "by magnitude", "norms re-estimated", "by magnitude, second part",
                          "norms re-estimated, second part"});
    add_norms<resnet8_bn_fp32>(norms, resnet8_on_images(*data, "resnet8_bn_fp32.onnx", held_out));
    const subject words = ds_cnn_on_words(*data, "kws_sm_bn_fp32.onnx", held_out);
    add_norms<kws_sm_bn_fp32>(norms, words);
    add_norms<kws_sm_bn_fp32>(norms, with_repeated(words, "DS-CNN, unknown words ten times", 11, 10));
    std::printf("%s; accuracy in %%%s\n%s\n%s", machine_text().c_str(), held_out ? ", held-out training records" : "",
                ranges.markdown().c_str(), norms.markdown().c_str());
    return 0;
}
