// SPDX-License-Identifier: MIT
#pragma once

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

/// Images of CIFAR-10 for ResNet-8: some to learn from, and one or two parts that judge, the 500 original test images
/// and the 1,500 from JPEG copies. Held out: the last 1,000 training images judge, by which options are chosen.
struct cifar_parts {
    tc::data_set learned, first, second;

    cifar_parts(const std::filesystem::path& data, bool hold_out) {
        const auto training = tc::load_cifar10(data / "cifar10" / "train.bin.gz");
        const auto test = tc::load_cifar10(data / "cifar10" / "test.bin.gz");
        learned = hold_out ? training.slice(0, 5500) : training;
        first = hold_out ? training.slice(5500, 6500) : test.slice(0, 500);
        if (!hold_out) second = test.slice(500, 2000);
    }
};

inline constexpr tc::recipe every_int8{tc::int8};
inline constexpr tc::recipe every_int4{tc::int4};
inline constexpr tc::recipe every_int3{tc::int3};
inline constexpr tc::recipe every_int2{tc::int2};

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
