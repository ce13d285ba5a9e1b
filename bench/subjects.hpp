// SPDX-License-Identifier: MIT
#pragma once

#include <keywords.hpp>

#include "judging.hpp"

namespace bench {

/// A trained net, records to calibrate it on, and records that judge it, in two parts.
struct subject {
    const char* name;
    tc::named_tensors weights;
    tc::data_set calibration, first, second;
};

/// ResNet-8 with 1,024 training images, judged by the 500 original test images and the 1,500 JPEG ones; held out: by
/// the 2,500 training images that follow, and by those after them.
inline subject resnet8_on_images(const std::filesystem::path& data, const char* file, bool held_out) {
    const auto training = tc::load_cifar10(data / "cifar10" / "train.bin.gz");
    const auto judges = held_out ? training.slice(1024, 6500) : tc::load_cifar10(data / "cifar10" / "test.bin.gz");
    const std::size_t first = held_out ? 2500 : 500;
    return {"ResNet-8", tc::import_onnx(data / "models" / file).weights, training.slice(0, 1024),
            judges.slice(0, first), judges.slice(first, judges.size())};
}

/// DS-CNN with the first 128 keyword records, judged by all 500 and by the others; held out: with 64 of the 128, judged
/// by all of them and by the other 64.
inline subject ds_cnn_on_words(const std::filesystem::path& data, const char* file, bool held_out) {
    const auto all = tests::keywords(data);
    const auto words = held_out ? all.slice(0, 128) : all;
    const std::size_t calibrated = held_out ? 64 : 128;
    return {"DS-CNN", tc::import_onnx(data / "models" / file).weights, words.slice(0, calibrated), words,
            words.slice(calibrated, words.size())};
}

}  // namespace bench
