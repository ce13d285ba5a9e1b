// SPDX-License-Identifier: MIT
#include "agreement.hpp"
#include "resnet8_bn_fp32.hpp"
#include "resnet8_fp32.hpp"

using resnet8_int8 = tensor_compress::net<resnet8_fp32, tests::all_int8>;
static_assert(resnet8_int8::arena_bytes <= 52 * 1024);

TEST_CASE("ResNet-8 gives the outputs of its files in FP32, with BatchNorm folded or not") {
    const auto data = tests::data_or_notice();
    if (!data) return;
    tests::check_pairs<resnet8_fp32>(*data / "models", "resnet8_fp32.onnx", "resnet8_pairs.npz", "x_nchw", "y");
    tests::check_pairs<resnet8_bn_fp32>(*data / "models", "resnet8_bn_fp32.onnx", "resnet8_pairs.npz", "x_nchw", "y");
}

TEST_CASE("ResNet-8 keeps its accuracy in INT8, calibrated on 256 training records") {
    const auto data = tests::data_or_notice();
    if (!data) return;
    const auto imported = tests::tc::import_onnx(*data / "models" / "resnet8_fp32.onnx");
    const auto training = tests::tc::load_cifar10(*data / "cifar10" / "train.bin.gz").slice(0, 256);
    const auto test = tests::tc::load_cifar10(*data / "cifar10" / "test.bin.gz");
    const double original = tests::int8_accuracy<resnet8_fp32>(imported, training, test.slice(0, 500));
    const double from_jpeg = tests::int8_accuracy<resnet8_fp32>(imported, training, test.slice(500, 2000));
    std::cout << "INT8 accuracy of ResNet-8: " << original << " % of the 500 original records, " << from_jpeg
              << " % of the 1500 from JPEG\n";
    CHECK(original >= 88.2);
}
