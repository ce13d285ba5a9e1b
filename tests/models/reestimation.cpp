// SPDX-License-Identifier: MIT
#include <compress/transform/reestimate_norms.hpp>

#include <compress/transform/prune.hpp>

#include "agreement.hpp"
#include "resnet8_bn_fp32.hpp"

namespace reestimated_models {

namespace tc = tensor_compress;

double accuracy(const tc::named_tensors& weights, const tc::data_set& data) {
    using net = tc::net<resnet8_bn_fp32>;
    return tc::accuracy<net>(tc::convert<net>(weights), data);
}

TEST_CASE("ResNet-8 with 30 % zeros regains accuracy with statistics of 512 training records") {
    const auto data = tests::data_or_notice();
    if (!data) return;
    const auto training = tc::load_cifar10(*data / "cifar10" / "train.bin.gz");
    const auto seen = training.slice(0, 512), held_out = training.slice(2000, 4000);
    const auto weights = tc::import_onnx(*data / "models" / "resnet8_bn_fp32.onnx").weights;
    const auto pruned = tc::prune<resnet8_bn_fp32>(weights, {.ratio = 0.3}).weights;
    const double before = accuracy(pruned, held_out);
    const double after = accuracy(tc::reestimate_norms<resnet8_bn_fp32>(pruned, tc::records(seen)), held_out);
    std::cout << "accuracy of ResNet-8 with 30 % zeros, 2,000 held-out training records: " << before
              << " %, with re-estimated norms " << after << " %, whole " << accuracy(weights, held_out) << " %\n";
    CHECK(after > before + 3);
}

}  // namespace reestimated_models
