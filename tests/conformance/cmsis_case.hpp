// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <compress/storage/conv_geometry.hpp>

namespace tests {

/// One case of CMSIS-NN's own tests: <conformance folder>/cmsis-nn/<operator>_<dtype>/<name>/case.json.
struct cmsis_case {
    struct tensor {
        std::vector<int> shape;
        std::vector<std::int32_t> integers;  ///< one of the two is empty
        std::vector<float> reals;
        std::vector<std::int8_t> bytes() const { return {integers.begin(), integers.end()}; }
    };

    std::string name, operation, dtype;
    std::map<std::string, tensor> tensors;              ///< "expected" among them
    std::map<std::string, std::vector<double>> params;  ///< those of layer 3 of a network as "layer03_..."
    std::map<std::string, std::string> texts;
    double atol = 0, rtol = 0;  ///< both zero means exactly

    bool has(const std::string& tensor_name) const { return tensors.count(tensor_name) != 0; }
    const tensor& operator[](const std::string& tensor_name) const { return tensors.at(tensor_name); }
    double param(const std::string& key, int index = 0) const {
        return params.at(key).at(static_cast<std::size_t>(index));
    }
    int integer(const std::string& key, int fallback = 0) const {
        return params.count(key) != 0 ? static_cast<int>(param(key)) : fallback;
    }

    /// "" where the numbers are as close to the expected ones as the case demands; they are clamped to its activation
    /// first.
    std::string difference(std::vector<std::int8_t> found) const;
    std::string difference(std::vector<float> found) const;
};

/// All cases of one operator, of those that the index lists.
std::vector<cmsis_case> cmsis_cases(const std::string& operation, const std::string& dtype);

/// One of cmsis-nn/primitives, whose tensors are all there is.
cmsis_case cmsis_primitive(const std::string& name);

/// Says that `what` is left out where the cases are missing.
///
/// @return whether they are
bool left_out(const std::string& what);

/// The convolution that a conv2d, depthwise_conv2d, fully_connected or pool case is. Images are [batch, height, width,
/// channels], of which the batch is left out.
tensor_compress::conv_geometry geometry_of(const cmsis_case& c);

/// Weights as this library has them, [out, in / groups, kernel height, kernel width], from [out, kernel height, kernel
/// width, in / groups] or, of a depthwise convolution, [1, kernel height, kernel width, out].
template <class T>
std::vector<T> natural_weights(const tensor_compress::conv_geometry& g, bool is_depthwise,
                               const std::vector<T>& weights) {
    std::vector<T> natural;
    for (int o = 0; o < g.out_channels; ++o)
        for (int i = 0; i < g.group_inputs(); ++i)
            for (int y = 0; y < g.kernel_height; ++y)
                for (int x = 0; x < g.kernel_width; ++x) {
                    const int at = is_depthwise
                                       ? (y * g.kernel_width + x) * g.out_channels + o
                                       : ((o * g.kernel_height + y) * g.kernel_width + x) * g.group_inputs() + i;
                    natural.push_back(weights[static_cast<std::size_t>(at)]);
                }
    return natural;
}
template <class T>
std::vector<T> natural_weights(const cmsis_case& c, const std::vector<T>& weights) {
    return natural_weights(geometry_of(c), c.operation == "depthwise_conv2d", weights);
}

}  // namespace tests
