// SPDX-License-Identifier: MIT
#include <compress/layers/rearrange.hpp>

#include <array>

#include "../catch.hpp"

namespace {
namespace rearrange_layer_test {

namespace tc = tensor_compress;
namespace layers = tc::layers;
using tc::element;
using bytes4 = std::array<std::int8_t, 4>;

TEST_CASE("convert", "[layers]") {
    using down = layers::convert<4, element::float32, element::signed8>;
    using up = layers::convert<4, element::signed8, element::float32>;
    using copy = layers::convert<4, element::signed8, element::signed8>;
    STATIC_REQUIRE(
        (down::packed_bytes == tc::affine_bytes && up::packed_bytes == tc::affine_bytes && copy::packed_bytes == 0));
    std::int8_t packed[tc::affine_bytes];
    down::pack(packed, {0.5f, -1});
    const std::array<float, 4> real{0, 1, -0.75f, 1000};
    bytes4 stored{}, copied{};
    std::array<float, 4> back{};
    down::run(packed, real.data(), stored.data());
    CHECK(stored == bytes4{-1, 1, -3, 127});
    up::run(packed, stored.data(), back.data());
    CHECK(back == std::array<float, 4>{0, 1, -1, 64});
    copy::run(nullptr, stored.data(), copied.data());
    CHECK(copied == stored);
}

TEST_CASE("pad writes its value in steps of the image", "[layers]") {
    constexpr layers::pad_geometry geometry{1, 1, 1, 0, 1, 1, 0};
    using bytes = layers::pad<geometry, tc::tag::int8>;
    using real = layers::pad<geometry, tc::tag::fp32>;
    std::int8_t packed[4];
    const std::int8_t byte = 9;
    const float number = 9;
    bytes4 stored{};
    std::array<float, 4> values{};
    bytes::pack(packed, 2.0f, {0.5f, -10});
    bytes::run(packed, &byte, stored.data());
    CHECK(stored == bytes4{-6, 9, -6, -6});
    real::pack(packed, 2.0f, {0.5f, -10});
    real::run(packed, &number, values.data());
    CHECK(values == std::array<float, 4>{2, 9, 2, 2});
}

TEST_CASE("transpose", "[layers]") {
    constexpr tc::shape from{2, 3};
    const float input[] = {1, 2, 3, 4, 5, 6};
    std::array<float, 6> output{};
    layers::transpose<from, 1, 0, 2, 3>::run(nullptr, input, output.data());
    CHECK(output == std::array<float, 6>{1, 4, 2, 5, 3, 6});
}

TEST_CASE("concat brings its parts to one scale", "[layers]") {
    using real = layers::concat<2, tc::tag::fp32, 1, 2>;
    const float a[] = {1, 2}, b[] = {3, 4, 5, 6};
    std::array<float, 6> whole{};
    real::run(nullptr, whole.data(), a, b);
    CHECK(whole == std::array<float, 6>{1, 3, 4, 2, 5, 6});

    using bytes = layers::concat<1, tc::tag::int8, 2, 2>;
    STATIC_REQUIRE(bytes::packed_bytes == 512);
    const tc::affine parts[] = {{0.5f, 0}, {0.25f, 4}};
    std::int8_t packed[bytes::packed_bytes];
    bytes::pack(packed, parts, {0.5f, 0});
    const std::int8_t first[] = {-128, 100}, second[] = {4, 6};
    bytes4 joined{};
    bytes::run(packed, joined.data(), first, second);
    CHECK(joined == bytes4{-128, 100, 0, 1});
}

}  // namespace rearrange_layer_test
}  // namespace
