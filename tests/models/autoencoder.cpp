// SPDX-License-Identifier: MIT
#include "ad_fp32.hpp"
#include "agreement.hpp"

TEST_CASE("the autoencoder gives the outputs of its file in FP32") {
    const auto data = tests::data_or_notice();
    if (!data) return;
    tests::check_pairs<ad_fp32>(*data / "models", "ad_fp32.onnx", "ad_pairs.npz", "x_nchw", "y");
}
