// SPDX-License-Identifier: MIT
#pragma once

#include <compress/graph/builder.hpp>

/// The model of most examples: 14,378 parameters, trained in seconds (digits_training.hpp). Input: pixel / 255, 0 is
/// paper. Output: 10 logits.
inline constexpr auto digits_cnn = tensor_compress::make_model([](auto& g) {
    auto x = g.input("image", {28, 28, 1});
    x = g.relu(g.conv2d("conv1", x, 16, {3, 3}, {.stride = 2}));
    x = g.relu(g.conv2d("conv2", x, 32, {3, 3}, {.stride = 2}));
    x = g.relu(g.conv2d("conv3", x, 32, {3, 3}));
    g.linear("head", g.global_average_pool("pool", x), 10);
});
