// SPDX-License-Identifier: MIT
#pragma once

#include <compress/graph/builder.hpp>
#include <compress/tensor/named_weights.hpp>

#include "../numbers.hpp"

namespace tests {

/// With a folded norm, channels of their own, groups and an add whose other operand is there before.
inline constexpr auto residual_model = tensor_compress::make_model([](auto& g) {
    auto x = g.relu(g.batch_norm("norm", g.conv2d("stem", g.input("image", {8, 8, 3}), 8, {3, 3}, {.bias = false})));
    auto y = g.relu(g.depthwise_conv2d("deep", x, {3, 3}));
    y = g.conv2d("back", y, 8, {1, 1});
    x = g.relu(g.add("sum", y, x));
    x = g.conv2d("grouped", x, 12, {3, 3}, {.stride = 2, .groups = 2});
    g.linear("head", g.flatten(x), 5);
});

/// Weights of a model, and images that are smooth: neighbouring inputs are alike, as in photographs.
struct smooth_problem {
    tensor_compress::named_tensors weights;
    tensor_compress::array<float> images;

    template <int Capacity>
    smooth_problem(const tensor_compress::model<Capacity>& m, std::uint64_t seed, float size, std::size_t count) {
        numbers random(seed);
        for (const auto& [name, extents] : tensor_compress::needed_tensors(m)) {
            auto& t = weights[name] = tensor_compress::make_array<float>(extents);
            for (float& v : t) v = random.bell() * size;
            if (name == "norm.running_var" || name == "norm.weight")
                for (float& v : t) v = 1 + v * v;
        }
        const auto extent = [&](int axis) { return static_cast<std::size_t>(m[0].output[axis]); };
        images = tensor_compress::make_array<float>({count, extent(0), extent(1), extent(2)});
        for (std::size_t i = 0; i < count; ++i) {
            const float row = random.bell(), column = random.bell(), level = random.bell();
            for (std::size_t y = 0; y < extent(0); ++y)
                for (std::size_t x = 0; x < extent(1); ++x)
                    for (std::size_t c = 0; c < extent(2); ++c)
                        images(i, y, x, c) = level + 0.2f * row * static_cast<float>(y) +
                                             0.2f * column * static_cast<float>(x) + 0.2f * random.bell();
        }
    }
};

}  // namespace tests
