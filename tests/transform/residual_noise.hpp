// SPDX-License-Identifier: MIT
#pragma once

#include <compress/tensor/records.hpp>
#include <compress/tensor/runner.hpp>
#include <compress/transform/calibrate.hpp>
#include <compress/transform/convert.hpp>

#include "smooth_problem.hpp"

namespace tests {

/// Sum of squared distances of a net of residual_model from its float net, on images from number 32 on; the first 32
/// are calibrated on.
template <class Net>
double squared_noise(const smooth_problem& p, const tensor_compress::rounded_layers& chosen) {
    namespace tc = tensor_compress;
    const auto calibrated = xt::view(p.images, xt::range(0, 32));
    const auto seen = tc::calibrate<residual_model>(p.weights, tc::records(calibrated));
    const auto packed = tc::convert<Net>(p.weights, seen, chosen);
    const auto original = tc::convert<tc::net<residual_model>>(p.weights);
    tc::runner<Net> run(packed);
    tc::runner<tc::net<residual_model>> expect(original);
    double sum = 0;
    const tc::records all(p.images);
    for (std::size_t i = 32; i < 48; ++i) {
        const auto found = run(all[i]), expected = expect(all[i]);
        for (std::size_t k = 0; k < found.size(); ++k)
            sum += std::pow(static_cast<double>(found[k]) - static_cast<double>(expected[k]), 2);
    }
    return sum;
}

}  // namespace tests
