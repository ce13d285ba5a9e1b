// SPDX-License-Identifier: MIT
#pragma once

#include <fstream>
#include <iostream>

#include <compress/evaluate/measure.hpp>
#include <compress/io/cifar.hpp>
#include <compress/io/idx.hpp>
#include <compress/io/npz.hpp>
#include <compress/io/onnx.hpp>
#include <compress/transform/calibrate.hpp>

#include "../catch.hpp"
#include "../data.hpp"
#include "../keywords.hpp"

namespace tests {

namespace tc = tensor_compress;

inline constexpr tc::recipe all_int8{tc::int8};

/// A record of the model file's layout, [C, H, W] or plain, in that of the net.
inline std::vector<float> to_net_layout(const tc::imported_tensor& input, std::span<const float> values) {
    if (!input.channels_first) return {values.begin(), values.end()};
    const std::size_t channels = input.shape[0], pixels = input.shape[1] * input.shape[2];
    std::vector<float> moved(values.size());
    for (std::size_t c = 0; c < channels; ++c)
        for (std::size_t p = 0; p < pixels; ++p) moved[p * channels + c] = values[c * pixels + p];
    return moved;
}

/// FP32 agreement as the file's own outputs define it: max |y - e| <= 1e-4 * max |e| per record.
template <const auto& Model>
void check_pairs(const std::filesystem::path& folder, const char* model_file, const char* pairs_file, const char* x,
                 const char* y) {
    const auto imported = tc::import_onnx(folder / model_file);
    REQUIRE(imported.graph.count == Model.count);
    using net = tc::net<Model>;
    const auto weights = tc::convert<net>(imported.weights);
    tc::runner<net> run(weights);
    const auto pairs = tc::load_npz<float>(folder / pairs_file);
    const tc::records inputs(pairs.at(x)), outputs(pairs.at(y));
    REQUIRE(inputs.size() == 64);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        const auto found = run(to_net_layout(imported.inputs[0], inputs[i]));
        const auto expected = outputs[i];
        REQUIRE(found.size() == expected.size());
        float largest = 0, worst = 0;
        for (std::size_t k = 0; k < expected.size(); ++k) {
            largest = std::max(largest, std::abs(expected[k]));
            worst = std::max(worst, std::abs(found[k] - expected[k]));
        }
        CAPTURE(model_file, i, worst, largest);
        CHECK(worst <= 1e-4f * largest);
    }
}

/// Accuracy of the INT8 variant, calibrated on records that are not those it is measured on.
template <const auto& Model, const auto& Recipe = all_int8>
double int8_accuracy(const tc::imported_model& imported, const tc::data_set& calibration_records,
                     const tc::data_set& data) {
    using net = tc::net<Model, Recipe>;
    const auto seen = tc::calibrate<Model>(imported.weights, tc::records(calibration_records));
    return tc::accuracy<net>(tc::convert<net>(imported.weights, seen), data);
}

/// Pixels as the MNIST models take them.
inline tc::data_set normalized(tc::data_set digits) {
    digits.inputs = (digits.inputs / 255.0f - 0.1307f) / 0.3081f;
    return digits;
}

inline tc::data_set mnist(const std::filesystem::path& data, bool training) {
    const std::string prefix = training ? "train" : "test5k";
    return normalized(tc::load_idx(data / "mnist" / (prefix + "-images-idx3-ubyte.gz"),
                                   data / "mnist" / (prefix + "-labels-idx1-ubyte.gz")));
}

/// The folder with the data sets and models, or a plain word that they are not there.
inline std::optional<std::filesystem::path> data_or_notice() {
    const auto folder = data_directory();
    if (!folder) skip_notice("the reference models and data sets");
    return folder;
}

}  // namespace tests
