// SPDX-License-Identifier: MIT

// What rounding and pruning on records keep of two trained nets, without training: ResNet-8, calibrated on 1,024
// training images, and DS-CNN, on the first 128 keyword records.

#include <chrono>

#include <compress/transform/ada_round.hpp>
#include <compress/transform/prune_on_records.hpp>

#include "figures.hpp"
#include "kws_sm_fp32.hpp"
#include "resnet8_fp32.hpp"
#include "subjects.hpp"

namespace bench {

namespace {

void add(tc::text_table& table, const subject& s, const std::string& change, const std::vector<double>& figures,
         double seconds = -1) {
    std::vector<std::string> cells{s.name, change};
    for (const double v : figures) cells.push_back(v < 0 ? "-" : percent(v));
    cells.push_back(seconds < 0 ? "-" : tc::fixed_text(seconds, 1));
    table.add(cells);
}

/// @param  round  from weights and records to integers
template <const auto& Model, const auto& Recipe, class Round>
void add_rounded(tc::text_table& table, const subject& s, const std::string& format, const Round& round) {
    using net = tc::net<Model, Recipe>;
    const tc::records seen(s.calibration);
    const auto start = std::chrono::steady_clock::now();
    const tc::rounded_layers rounded = round(s.weights, seen);
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
    const auto as_floats = tc::dequantize<Model>(s.weights, rounded);
    const auto plain = tc::convert<net>(s.weights, tc::calibrate<Model>(s.weights, seen));
    const auto chosen = tc::convert<net>(s.weights, tc::calibrate<Model>(as_floats, seen), rounded);
    add(table, s, format,
        {judged(plain, s.first), judged<Model>(as_floats, s.first), judged(chosen, s.first),
         judged<Model>(as_floats, s.second), judged(chosen, s.second)},
        passed.count());
}
template <const auto& Model, const auto& Recipe>
void add_gptq(tc::text_table& table, const subject& s, const std::string& format) {
    add_rounded<Model, Recipe>(table, s, format, [](const tc::named_tensors& weights, const tc::records& seen) {
        return tc::gptq<tc::net<Model, Recipe>>(weights, seen);
    });
}
template <const auto& Model, const auto& Recipe>
void add_ada_round(tc::text_table& table, const subject& s, const std::string& format, tc::rounding_start start) {
    const char* from = start == tc::rounding_start::gptq ? ", AdaRound from GPTQ" : ", AdaRound from nearest";
    add_rounded<Model, Recipe>(table, s, format + from, [&](const tc::named_tensors& weights, const tc::records& seen) {
        return tc::ada_round<tc::net<Model, Recipe>>(weights, seen, {.start = start});
    });
}

template <const auto& Model>
void add_pruned(tc::text_table& table, const subject& s, double ratio) {
    const auto plain = tc::prune<Model>(s.weights, {.ratio = ratio});
    for (const auto scope : {tc::prune_scope::layer, tc::prune_scope::global}) {
        const auto chosen =
            tc::prune_on_records<Model>(s.weights, tc::records(s.calibration), {.ratio = ratio, .scope = scope});
        add(table, s,
            tc::fixed_text(100 * tc::sparsity_of(chosen.masks), 0) + " % zeros" +
                (scope == tc::prune_scope::layer ? " in each layer" : ", shared out"),
            {judged<Model>(plain.weights, s.first), judged<Model>(chosen.weights, s.first), -1,
             judged<Model>(chosen.weights, s.second), -1});
    }
}

template <const auto& Model>
void add_all(tc::text_table& table, const subject& s) {
    add(table, s, "FP32", {judged<Model>(s.weights, s.first), -1, -1, judged<Model>(s.weights, s.second), -1});
    add_gptq<Model, every_int8>(table, s, "INT8");
    add_gptq<Model, every_int4>(table, s, "INT4");
    add_ada_round<Model, every_int4>(table, s, "INT4", tc::rounding_start::gptq);
    add_ada_round<Model, every_int4>(table, s, "INT4", tc::rounding_start::nearest);
    add_gptq<Model, every_int3>(table, s, "INT3");
    add_ada_round<Model, every_int3>(table, s, "INT3", tc::rounding_start::gptq);
    add_ada_round<Model, every_int3>(table, s, "INT3", tc::rounding_start::nearest);
    add_gptq<Model, every_int2>(table, s, "INT2");
    for (const double ratio : {0.3, 0.5}) add_pruned<Model>(table, s, ratio);
}

}  // namespace
}  // namespace bench

int main() {
    using namespace bench;
    const auto data = tests::data_directory();
    if (!data) {
        tests::skip_notice("rounding and pruning on records: neither COMPRESS_DATA nor ../shared/data is a folder");
        return 0;
    }
    tc::text_table table({"net", "weights", "plain", "on records", "with INT8 activations", "on records, second part",
                          "with INT8 activations, second part", "seconds"});
    add_all<resnet8_fp32>(table, resnet8_on_images(*data, "resnet8_fp32.onnx", false));
    add_all<kws_sm_fp32>(table, ds_cnn_on_words(*data, "kws_sm_fp32.onnx", false));
    std::printf("%s; accuracy in %%; second part: of ResNet-8 the 1,500 JPEG records, of DS-CNN records 128 to 499;\n"
                "seconds: of rounding\n%s",
                machine_text().c_str(), table.markdown().c_str());
    return 0;
}
