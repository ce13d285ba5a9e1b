// SPDX-License-Identifier: MIT
#include <compress/kernels/tiling.hpp>

#include "../catch.hpp"

namespace {
namespace tiling_test {

namespace tc = tensor_compress;

/// The register file of a vector unit.
template <int Registers, int Vectors>
struct registers_of {
    static constexpr int registers = Registers;
    static constexpr int vectors_per_panel = Vectors;
};

/// How many tiles need more registers than there are or do not fit the layer.
template <class V>
int wrong_tiles() {
    int wrong = 0;
    for (const int spare : {0, 1 + V::vectors_per_panel})
        for (int pixels = 1; pixels <= 40; ++pixels)
            for (int panels = 1; panels <= 40; ++panels) {
                const tc::tile_size tile = tc::choose_tile<V>(pixels, panels, spare);
                const int columns = tile.panels * V::vectors_per_panel;
                const bool fits = tile.rows * columns + columns + 1 + spare <= V::registers;
                const bool least = tile.rows == 1 && tile.panels == 1;  // the smallest there is, whatever it takes
                wrong += !((fits || least) && tile.rows >= 1 && tile.rows <= pixels && tile.panels >= 1 &&
                           tile.panels <= panels);
            }
    return wrong;
}

TEST_CASE("tiles fit the registers", "[kernels]") {
    CHECK(wrong_tiles<registers_of<16, 4>>() == 0);
    CHECK(wrong_tiles<registers_of<16, 2>>() == 0);
    CHECK(wrong_tiles<registers_of<32, 4>>() == 0);
    CHECK(wrong_tiles<registers_of<32, 2>>() == 0);
    CHECK(wrong_tiles<registers_of<32, 1>>() == 0);
}

/// Every pixel is in one tile, and exactly the tiles outside the interior touch padding.
template <tc::conv_geometry G, int Rows>
constexpr bool right_tiles() {
    using tiles = tc::row_tiles<G, Rows>;
    if (tiles::whole * Rows + tiles::rest != G.out_width || tiles::left + tiles::right > tiles::whole) return false;
    for (int t = 0; t < tiles::whole; ++t) {
        bool outside = false;
        for (int x = t * Rows; x < (t + 1) * Rows; ++x)
            for (int j = 0; j < G.kernel_width; ++j) outside = outside || !G.column_inside(G.column(x, j));
        const bool interior = t >= tiles::left && t < tiles::whole - tiles::right;
        if (outside == interior) return false;
    }
    return true;
}

constexpr tc::conv_geometry row(int in, int out, int kernel, int stride, int dilation, int left) {
    return {1, in, 1, 1, out, 1, 1, kernel, 1, stride, 1, dilation, 0, left};
}

TEST_CASE("tiles of a row", "[kernels]") {
    STATIC_REQUIRE(right_tiles<row(20, 20, 3, 1, 1, 1), 6>());
    STATIC_REQUIRE(right_tiles<row(20, 20, 3, 1, 1, 1), 20>());
    STATIC_REQUIRE(right_tiles<row(20, 18, 3, 1, 1, 0), 4>());
    STATIC_REQUIRE(right_tiles<row(20, 10, 3, 2, 1, 0), 3>());
    STATIC_REQUIRE(right_tiles<row(20, 20, 5, 1, 2, 4), 2>());
    STATIC_REQUIRE(right_tiles<row(2, 2, 7, 1, 1, 3), 1>());
    STATIC_REQUIRE(right_tiles<row(3, 9, 1, 1, 1, 3), 2>());
}

TEST_CASE("for_constants counts", "[kernels]") {
    int sum = 0;
    tc::for_constants<5>([&]<int I>() { sum += 10 + I; });
    CHECK(sum == 60);
    tc::for_constants<0>([&]<int>() { sum = 0; });
    CHECK(sum == 60);
}

}  // namespace tiling_test
}  // namespace
