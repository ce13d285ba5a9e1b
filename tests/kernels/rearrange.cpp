// SPDX-License-Identifier: MIT
#include <compress/kernels/rearrange.hpp>

#include "../catch.hpp"
#include "memory.hpp"

namespace {
namespace rearrange_test {

namespace tc = tensor_compress;
using value = std::int8_t;
using byte = tc::native::activation;

std::vector<std::int8_t> counting(int count) {
    std::vector<std::int8_t> values;
    for (int i = 0; i < count; ++i) values.push_back(static_cast<std::int8_t>(i * 7 % 256 - 128));
    return values;
}

/// kernel(In* input, Out* output) turns `input` into `expected`.
template <class In, class Out, class F>
std::string compare(const std::vector<std::int8_t>& input, const std::vector<std::int8_t>& expected, F kernel) {
    const auto in = tests::stored(input, tc::stored_offset<In>), out = tests::stored(expected, tc::stored_offset<Out>);
    const tests::fenced from(in.data(), in.size());
    tests::guarded to(out.size(), 1);
    kernel(static_cast<const In*>(from.data()), static_cast<Out*>(to.data()));
    return to.intact() ? tests::difference(out, static_cast<const std::uint8_t*>(to.data()))
                       : "wrote outside of its output";
}

TEST_CASE("copy_elements", "[kernels]") {
    const auto all = counting(256);
    CHECK(compare<value, byte>(all, all, [](auto* from, auto* to) { tc::copy_elements<256>(from, to); }) == "");
    CHECK(compare<byte, value>(all, all, [](auto* from, auto* to) { tc::copy_elements<256>(from, to); }) == "");
}

TEST_CASE("pad_image", "[kernels]") {
    constexpr int height = 2, width = 3, channels = 2, top = 1, left = 2, bottom = 3, right = 0;
    constexpr int out_height = top + height + bottom, out_width = left + width + right;
    const auto image = counting(height * width * channels);
    std::vector<std::int8_t> expected;
    for (int y = 0; y < out_height; ++y)
        for (int x = 0; x < out_width; ++x)
            for (int c = 0; c < channels; ++c) {
                const bool inside = y >= top && y < top + height && x >= left && x < left + width;
                expected.push_back(inside
                                       ? image[static_cast<std::size_t>(((y - top) * width + x - left) * channels + c)]
                                       : std::int8_t{-9});
            }
    const auto pad = [](auto* from, auto* to) {
        tc::pad_image<height, width, channels, top, left, bottom, right>(from, to, -9);
    };
    CHECK(compare<value, byte>(image, expected, pad) == "");
    CHECK(compare<byte, byte>(image, expected, pad) == "");

    const float two[2] = {1, 2};
    float padded[6];
    tc::pad_image<1, 1, 2, 0, 1, 0, 1>(two, padded, 0.5f);
    CHECK(std::vector<float>(padded, padded + 6) == std::vector<float>{0.5f, 0.5f, 1, 2, 0.5f, 0.5f});
}

TEST_CASE("place_pieces", "[kernels]") {
    const auto rows = counting(6);
    tests::guarded to(13, 1);
    auto* whole = static_cast<std::int8_t*>(to.data());
    std::fill(whole, whole + 13, std::int8_t{99});
    tc::place_pieces<3, 2, 5>(rows.data(), whole + 1, [](std::int8_t q) { return static_cast<std::int8_t>(q + 1); });
    std::vector<std::int8_t> expected(13, 99);
    for (std::size_t i = 0; i < 6; ++i) expected[1 + i / 2 * 5 + i % 2] = static_cast<std::int8_t>(rows[i] + 1);
    CHECK(tests::difference(expected, whole) == "");
    CHECK(to.intact());
}

TEST_CASE("transpose_elements", "[kernels]") {
    const auto check = [](const tc::shape& from, const int(&order)[tc::max_rank]) {
        INFO("rank " << from.rank);
        const auto input = counting(from.elements());
        std::vector<std::int8_t> expected(input.size());
        for (int i = 0; i < from.elements(); ++i) {
            int at[tc::max_rank]{}, rest = i;  // where the element lies in the input, and from that in the output
            for (int axis = from.rank; axis-- > 0; rest /= from[axis]) at[axis] = rest % from[axis];
            int place = 0;
            for (int axis = 0; axis < from.rank; ++axis) place = place * from[order[axis]] + at[order[axis]];
            expected[static_cast<std::size_t>(place)] = input[static_cast<std::size_t>(i)];
        }
        CHECK(compare<value, byte>(input, expected,
                                   [&](auto* a, auto* b) { tc::transpose_elements(from, order, a, b); }) == "");
    };
    check({6}, {0, 1, 2, 3});
    check({4, 3}, {1, 0, 2, 3});
    check({2, 3, 4}, {2, 0, 1, 3});
    check({2, 3, 4}, {0, 1, 2, 3});
    check({2, 3, 4, 5}, {3, 1, 0, 2});
}

}  // namespace rearrange_test
}  // namespace
