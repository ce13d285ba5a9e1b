// SPDX-License-Identifier: MIT
#pragma once

#include <compress/tensor/records.hpp>
#include <compress/tensor/runner.hpp>
#include <compress/transform/convert.hpp>

#include "../catch.hpp"

namespace tests {

/// What the float net of a model gives for images, one after the other.
template <const auto& Model>
std::vector<double> outputs_of(const tensor_compress::named_tensors& weights,
                               const tensor_compress::array<float>& images) {
    using net = tensor_compress::net<Model>;
    const auto packed = tensor_compress::convert<net>(weights);
    tensor_compress::runner<net> run(packed);
    std::vector<double> all;
    for (const auto record : tensor_compress::records(images))
        for (const float v : run(record)) all.push_back(static_cast<double>(v));
    return all;
}

inline double squared_distance(const std::vector<double>& a, const std::vector<double>& b) {
    REQUIRE(a.size() == b.size());
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sum;
}

}  // namespace tests
