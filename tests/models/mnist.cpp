// SPDX-License-Identifier: MIT
#include "agreement.hpp"
#include "mnist_mlp.hpp"
#include "mnist_tinycnn.hpp"

TEST_CASE("MNIST models give the outputs of their files in FP32") {
    const auto data = tests::data_or_notice();
    if (!data) return;
    tests::check_pairs<mnist_mlp>(*data / "models", "mnist_mlp.onnx", "mnist_mlp_pairs.npz", "x", "y");
    tests::check_pairs<mnist_tinycnn>(*data / "models", "mnist_tinycnn.onnx", "mnist_tinycnn_pairs.npz", "x", "y");
}

inline constexpr tests::tc::recipe dynamic_int8{tests::tc::dynamic(tests::tc::int8)};
inline constexpr tests::tc::recipe int4_in_groups{tests::tc::int4 | tests::tc::group<16>};

TEST_CASE("the MNIST MLP keeps its accuracy where INT8 ranges are taken at run time, without calibration") {
    const auto data = tests::data_or_notice();
    if (!data) return;
    using net = tests::tc::net<mnist_mlp, dynamic_int8>;
    const auto weights = tests::tc::convert<net>(tests::tc::import_onnx(*data / "models" / "mnist_mlp.onnx").weights);
    const double accuracy = tests::tc::accuracy<net>(weights, tests::mnist(*data, false));
    std::cout << "Accuracy on test5k: MLP dynamic INT8 " << accuracy << " %\n";
    CHECK(accuracy >= 96.7);
}

TEST_CASE("MNIST models keep their accuracy in INT8, calibrated on 256 training records") {
    const auto data = tests::data_or_notice();
    if (!data) return;
    const auto calibration_records = tests::mnist(*data, true).slice(0, 256);
    const auto test = tests::mnist(*data, false);
    const double mlp = tests::int8_accuracy<mnist_mlp>(tests::tc::import_onnx(*data / "models" / "mnist_mlp.onnx"),
                                                       calibration_records, test);
    const double mlp4 = tests::int8_accuracy<mnist_mlp, int4_in_groups>(
        tests::tc::import_onnx(*data / "models" / "mnist_mlp.onnx"), calibration_records, test);
    const double cnn = tests::int8_accuracy<mnist_tinycnn>(
        tests::tc::import_onnx(*data / "models" / "mnist_tinycnn.onnx"), calibration_records, test);
    std::cout << "Accuracy on test5k: MLP INT8 " << mlp << " %, INT4 in groups of 16 " << mlp4 << " %, TinyCNN INT8 "
              << cnn << " %\n";
    CHECK(mlp >= 96.7);
    CHECK(mlp4 >= 96.7);
    CHECK(cnn >= 96.4);
}
