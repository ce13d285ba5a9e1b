// SPDX-License-Identifier: MIT

// train_digits WEIGHTS.safetensors: the weights that examples 04 and 05 begin with, trained while they are built. It
// takes some seconds and says nothing.

#include <cstdio>

#include <compress/io/safetensors.hpp>

#include "digits_training.hpp"

namespace tc = tensor_compress;

int main(int count, char** arguments) try {
    if (count != 2) {
        std::fprintf(stderr, "train_digits WEIGHTS.safetensors\n");
        return 2;
    }
    const tc::thread_pool threads(2);
    tc::save_safetensors(arguments[1], train_digits_cnn(generated_digits(digits_to_learn, 1), threads));
} catch (const tc::error& problem) {
    std::fprintf(stderr, "%s\n", problem.what());
    return 2;
}
