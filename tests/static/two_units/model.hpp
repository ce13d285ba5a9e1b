// SPDX-License-Identifier: MIT
#pragma once

#include <compress/inference.hpp>

inline constexpr auto model = tensor_compress::make_model([](auto& g) {
    auto x = g.relu(g.conv2d("conv", g.input("image", {4, 4, 3}), 8, {3, 3}));
    g.linear("head", g.global_average_pool("pool", x), 2);
});
inline constexpr auto recipe = tensor_compress::recipe{tensor_compress::int8}.with("head", tensor_compress::fp32);
using net = tensor_compress::net<model, recipe>;

/// Defined in the one unit, called in the other: the linker only finds it if both say the same type.
int weights_bytes_of(const net::weights* weights);
