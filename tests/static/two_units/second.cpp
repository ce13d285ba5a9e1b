// SPDX-License-Identifier: MIT
#include "model.hpp"

int weights_bytes_of(const net::weights* weights) {
    return weights != nullptr ? static_cast<int>(net::weights_bytes) : 0;
}

void run(const net::weights& weights, std::span<const std::int8_t, 48> image, std::span<float, 2> scores,
         std::span<std::byte, net::arena_bytes> arena) {
    net::run(weights, image, scores, arena);
}
