// SPDX-License-Identifier: MIT
#include <compress/transform/equalize.hpp>

#include <compress/transform/round_per_tensor.hpp>

#include "../numbers.hpp"
#include "agreement.hpp"
#include "kws_sm_bn_fp32.hpp"
#include "kws_sm_fp32.hpp"
#include "resnet8_bn_fp32.hpp"
#include "resnet8_fp32.hpp"

namespace equalized_models {

namespace tc = tensor_compress;

/// Largest distance of the outputs of two sets of weights, by the largest output of each record.
template <const auto& Model>
float distance(const tc::named_tensors& a, const tc::named_tensors& b, const tc::data_set& data) {
    const auto first_weights = tc::convert<tc::net<Model>>(a), second_weights = tc::convert<tc::net<Model>>(b);
    tc::runner<tc::net<Model>> first(first_weights), second(second_weights);
    float worst = 0;
    for (const auto record : tc::records(data)) {
        const auto x = first(record), y = second(record);
        float largest = 0, apart = 0;
        for (std::size_t i = 0; i < x.size(); ++i) {
            largest = std::max(largest, std::abs(x[i]));
            apart = std::max(apart, std::abs(x[i] - y[i]));
        }
        worst = std::max(worst, apart / largest);
    }
    return worst;
}

/// The channels between two layers of DS-CNN times 1/10 to 10, and what the next layer makes of them as before.
void spread(tc::named_tensors& weights, const std::string& first, const std::string& second, tests::numbers& random) {
    auto &w = weights.at(first + ".weight"), &b = weights.at(first + ".bias"), &next = weights.at(second + ".weight");
    const std::size_t channels = b.size(), row = next.size() / next.shape(0);
    for (std::size_t c = 0; c < channels; ++c) {
        const float factor = std::pow(10.0f, random.real());
        const std::size_t taps = w.size() / channels;
        for (std::size_t i = c * taps; i < (c + 1) * taps; ++i) w.data()[i] *= factor;
        b.data()[c] *= factor;
        for (std::size_t i = 0; i < next.size(); ++i)
            if ((row == 9 ? i / row : i % row) == c) next.data()[i] /= factor;
    }
}

/// INT8 accuracy with one step a layer.
template <const auto& Model>
double per_tensor_accuracy(const tc::named_tensors& weights, const tc::data_set& calibrated, const tc::data_set& data) {
    using net = tc::net<Model, tests::all_int8>;
    const auto seen = tc::calibrate<Model>(weights, tc::records(calibrated));
    return tc::accuracy<net>(tc::convert<net>(weights, seen, tc::round_per_tensor<net>(weights)), data);
}

TEST_CASE("equalised models give the outputs of the models they were") {
    const auto data = tests::data_or_notice();
    if (!data) return;
    const auto words = tests::keywords(*data).slice(0, 64);
    const auto images = tc::load_cifar10(*data / "cifar10" / "train.bin.gz").slice(0, 64);
    const auto check = [&]<const auto & Model>(const char* file, const tc::data_set& records, bool changes) {
        INFO(file);
        const auto weights = tc::import_onnx(*data / "models" / file).weights;
        const auto equalized = tc::equalize<Model>(weights);
        CHECK((equalized == weights) != changes);
        CHECK(distance<Model>(weights, equalized, records) < 1e-4f);
    };
    check.operator()<kws_sm_fp32>("kws_sm_fp32.onnx", words, true);
    check.operator()<kws_sm_bn_fp32>("kws_sm_bn_fp32.onnx", words, true);
    check.operator()<resnet8_fp32>("resnet8_fp32.onnx", images, true);
    check.operator()<resnet8_bn_fp32>("resnet8_bn_fp32.onnx", images, true);
}

TEST_CASE("DS-CNN with spread channels loses its accuracy in INT8 per tensor, and equalised has it back") {
    const auto data = tests::data_or_notice();
    if (!data) return;
    const auto all = tests::keywords(*data);
    const auto calibrated = all.slice(0, 128), judged = all.slice(128, 500);
    auto weights = tc::import_onnx(*data / "models" / "kws_sm_fp32.onnx").weights;
    const auto original = weights;
    tests::numbers random(1);
    const std::string chain[] = {"conv1",   "dwconv1", "conv2",   "dwconv2", "conv3",
                                 "dwconv3", "conv4",   "dwconv4", "conv5"};
    for (std::size_t i = 0; i + 1 < std::size(chain); ++i) spread(weights, chain[i], chain[i + 1], random);
    CHECK(distance<kws_sm_fp32>(original, weights, all.slice(0, 64)) < 1e-4f);
    const double spoiled = per_tensor_accuracy<kws_sm_fp32>(weights, calibrated, judged);
    const double equalized = per_tensor_accuracy<kws_sm_fp32>(tc::equalize<kws_sm_fp32>(weights), calibrated, judged);
    std::cout << "INT8 accuracy of DS-CNN with spread channels, per tensor: " << spoiled << " %, equalised "
              << equalized << " %\n";
    CHECK(spoiled < 70);
    CHECK(equalized > 85);
}

}  // namespace equalized_models
