// SPDX-License-Identifier: MIT
#pragma once

#include <fstream>
#include <string>

#include <compress/evaluate/measure.hpp>
#include <compress/evaluate/text_table.hpp>
#include <compress/io/cifar.hpp>
#include <compress/io/idx.hpp>
#include <compress/io/onnx.hpp>
#include <compress/tensor/records.hpp>
#include <compress/transform/calibrate.hpp>

#include <data.hpp>

namespace bench {

namespace tc = tensor_compress;

/// Images of MNIST as the reference models take them: mean 0 and deviation 1 over the training images.
inline tc::data_set mnist(const std::filesystem::path& data, const std::string& part) {
    tc::data_set set = tc::load_idx(data / "mnist" / (part + "-images-idx3-ubyte.gz"),
                                    data / "mnist" / (part + "-labels-idx1-ubyte.gz"));
    for (float& v : set.inputs) v = (v / 255 - 0.1307f) / 0.3081f;
    return set;
}

/// The 500 records of MLPerf Tiny's keyword spotting.
inline tc::data_set keywords(const std::filesystem::path& data) {
    std::ifstream values(data / "kws01" / "shared500.i8", std::ios::binary);
    std::ifstream labels(data / "kws01" / "shared500.labels.u8", std::ios::binary);
    tc::data_set set{tc::make_array<float>({500, 49, 10, 1}), {}, 12};
    for (float& v : set.inputs) v = static_cast<float>(static_cast<std::int8_t>(values.get()) - 83) * 0.5847029f;
    for (int i = 0; i < 500; ++i) set.labels.push_back(labels.get());
    return set;
}

template <class Net>
double judged(const tc::packed<Net>& weights, const tc::data_set& records) {
    return tc::accuracy<Net>(weights, records);
}
/// Of the float net with these weights.
template <const auto& Model>
double judged(const tc::named_tensors& weights, const tc::data_set& records) {
    return judged(tc::convert<tc::net<Model>>(weights), records);
}

inline std::string percent(double v) { return tc::fixed_text(v, 2); }

}  // namespace bench
