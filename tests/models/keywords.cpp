// SPDX-License-Identifier: MIT
#include "agreement.hpp"
#include "kws_fp32.hpp"
#include "kws_sm_bn_fp32.hpp"
#include "kws_sm_fp32.hpp"

using ds_cnn_int8 = tensor_compress::net<kws_sm_fp32, tests::all_int8>;
static_assert(ds_cnn_int8::arena_bytes <= 17 * 1024);

TEST_CASE("DS-CNN gives the outputs of its files in FP32, with BatchNorm folded or not") {
    const auto data = tests::data_or_notice();
    if (!data) return;
    tests::check_pairs<kws_fp32>(*data / "models", "kws_fp32.onnx", "kws_pairs.npz", "x_nchw", "y");
    tests::check_pairs<kws_sm_fp32>(*data / "models", "kws_sm_fp32.onnx", "kws_sm_pairs.npz", "x_nchw", "y");
    tests::check_pairs<kws_sm_bn_fp32>(*data / "models", "kws_sm_bn_fp32.onnx", "kws_sm_pairs.npz", "x_nchw", "y");
}

TEST_CASE("DS-CNN keeps its accuracy in INT8, calibrated on the first 128 keyword records") {
    const auto data = tests::data_or_notice();
    if (!data) return;
    const auto imported = tests::tc::import_onnx(*data / "models" / "kws_sm_fp32.onnx");
    const auto all = tests::keywords(*data);
    const double every = tests::int8_accuracy<kws_sm_fp32>(imported, all.slice(0, 128), all);
    const double rest = tests::int8_accuracy<kws_sm_fp32>(imported, all.slice(0, 128), all.slice(128, 500));
    std::cout << "INT8 accuracy of DS-CNN: " << every << " % of all 500 records, " << rest << " % of records 128-499\n";
    CHECK(every >= 91.0);
}
