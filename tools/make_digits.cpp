// SPDX-License-Identifier: MIT

// make_digits COUNT SEED IMAGES.npy LABELS.npy
// Writes generated digits: uint8 images [COUNT, 28, 28, 1] and uint8 labels [COUNT], in NumPy's format.

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <exception>
#include <iostream>
#include <string>
#include <string_view>

#include <compress/io/npy.hpp>
#include <compress/tensor/digits.hpp>

namespace {

namespace tc = tensor_compress;

template <class Number>
Number number(std::string_view text, std::string_view name) {
    Number value{};
    const auto [rest, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failure != std::errc() || rest != text.data() + text.size())
        throw tc::error(name, "is '" + std::string(text) + "', expected a whole number", "give digits only");
    return value;
}

}  // namespace

int main(int argc, char** argv) try {
    if (argc != 5) {
        std::cerr << "usage: make_digits COUNT SEED IMAGES.npy LABELS.npy\n";
        return 2;
    }
    const auto digits =
        tc::make_digits(number<std::uint32_t>(argv[1], "COUNT"), number<std::uint64_t>(argv[2], "SEED"));
    const auto to_byte = [](auto value) { return static_cast<std::uint8_t>(value); };
    auto images = tc::make_array<std::uint8_t>(tc::shape_of(digits.inputs));
    auto labels = tc::make_array<std::uint8_t>({digits.labels.size()});
    std::transform(digits.inputs.data(), digits.inputs.data() + digits.inputs.size(), images.data(), to_byte);
    std::transform(digits.labels.begin(), digits.labels.end(), labels.data(), to_byte);
    tc::save_npy(argv[3], images);
    tc::save_npy(argv[4], labels);
} catch (const std::exception& failure) {
    std::cerr << "make_digits: " << failure.what() << '\n';
    return 2;
}
