// SPDX-License-Identifier: MIT
#include "small.hpp"

#include <cstdio>

int main() {
    static std::int8_t input[small::net::size_of(small::net::input_id(0))];
    static float output[small::net::size_of(small::net::output_id(0))];
    alignas(64) static std::byte arena[small::net::arena_bytes + 1];
    for (auto& value : input) value = static_cast<std::int8_t>(small::weights.inputs[0].zero_point);
    small::net::run(small::weights, input, output, arena);
    // Zeros in, as int8; what the biases give comes out, as float.
    std::printf("%.4f %.4f\n", static_cast<double>(output[0]), static_cast<double>(output[3]));
}
