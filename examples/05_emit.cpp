// SPDX-License-Identifier: MIT

// 05_emit WEIGHTS.safetensors NET.hpp IMAGES.hpp: the half of example 05 that runs on the build machine. It writes the
// INT8 digits net as a header, and a few digits as bytes, for 05_embed_header.cpp to include.

#include <cstdio>

#include <compress/compress.hpp>

#include "digits_training.hpp"

namespace tc = tensor_compress;

inline constexpr auto all_int8 = tc::recipe{tc::int8};
using int8_net = tc::net<digits_cnn, all_int8>;

namespace {

/// Pixels 0..255 of [count, 28, 28] as an array.
std::string images_text(const tc::data_set& digits) {
    std::string text = "#pragma once\n\ninline constexpr unsigned char digit_images[" + std::to_string(digits.size()) +
                       "][28 * 28] = {\n";
    for (std::size_t i = 0; i < digits.size(); ++i) {
        text += "    {";
        for (const float pixel : digits.input(i)) text += std::to_string(static_cast<int>(pixel)) + ',';
        text += "},\n";
    }
    return text + "};\n";
}

}  // namespace

int main(int count, char** arguments) try {
    if (count != 4) {
        std::fprintf(stderr, "05_emit WEIGHTS.safetensors NET.hpp IMAGES.hpp\n");
        return 2;
    }
    const auto tensors = tc::load_weights<digits_cnn>(arguments[1]);
    const auto seen = tc::calibrate<digits_cnn>(tensors, tc::records(generated_digits(256, 1)));
    tc::emit_header(tc::convert<int8_net>(tensors, seen), arguments[2]);
    tc::write_text(arguments[3], images_text(tc::make_digits(4, 2)));
} catch (const tc::error& problem) {
    std::fprintf(stderr, "%s\n", problem.what());
    return 2;
}
