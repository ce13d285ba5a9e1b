// SPDX-License-Identifier: MIT

// The half of example 05 that runs on the target: an emitted header, memory of its own, and nothing of the host part;
// compiled without exceptions and RTTI. You will see four digits drawn in characters, the class the net gives each, and
// what it needs.

#include <cstdio>

#include "digit_images.hpp"
#include "digits_int8.hpp"

namespace tc = tensor_compress;
using digits_int8::net;

alignas(64) static std::byte arena[net::arena_bytes];
static std::int8_t image[28 * 28];
static std::int8_t logits[10];

static int classify(const unsigned char (&pixels)[28 * 28]) {
    constexpr tc::affine scale = digits_int8::weights.inputs[0];
    for (int i = 0; i < 28 * 28; ++i) image[i] = tc::quantize(static_cast<float>(pixels[i]) / 255, scale);
    net::run(digits_int8::weights, image, logits, arena);
    int best = 0;
    for (int c = 1; c < 10; ++c) best = logits[c] > logits[best] ? c : best;
    return best;
}

int main() {
    for (int row = 2; row < 26; row += 2) {
        for (const auto& pixels : digit_images) {
            for (int column = 4; column < 24; ++column) {
                const int ink = (pixels[row * 28 + column] + pixels[(row + 1) * 28 + column]) / 2;
                std::putchar(" .:+#@"[ink * 6 / 256]);
            }
            std::putchar(' ');
        }
        std::putchar('\n');
    }
    for (const auto& pixels : digit_images) std::printf("%-21d", classify(pixels));
    std::printf("\n%lld bytes of weights, %d bytes of arena, %lld multiply-adds, instruction set %s\n",
                net::weights_bytes, net::arena_bytes, net::multiply_adds, net::isa::name);
}
