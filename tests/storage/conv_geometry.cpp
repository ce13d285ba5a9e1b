// SPDX-License-Identifier: MIT
#include <compress/storage/conv_geometry.hpp>

#include "../catch.hpp"

using tensor_compress::conv_geometry;

TEST_CASE("which taps are one run of memory", "[storage]") {
    constexpr conv_geometry plain{8, 8, 6, 8, 8, 12, 3, 3, 1, 1, 1, 1, 1, 1};
    STATIC_REQUIRE((plain.merged() && plain.runs() == 1 && plain.run_length() == 18 && plain.terms() == 54));
    constexpr conv_geometry dilated{8, 8, 6, 8, 8, 12, 3, 3, 1, 1, 2, 2, 2, 2};
    STATIC_REQUIRE((!dilated.merged() && dilated.runs() == 3 && dilated.run_length() == 6));
    constexpr conv_geometry grouped{8, 8, 6, 8, 8, 12, 3, 3, 1, 1, 1, 1, 1, 1, 3};
    STATIC_REQUIRE((!grouped.merged() && grouped.run_length() == 2 && grouped.terms() == 18));
    STATIC_REQUIRE((grouped.group_inputs() == 2 && grouped.group_outputs() == 4));
}

TEST_CASE("where a window lies", "[storage]") {
    constexpr conv_geometry g{9, 8, 1, 5, 4, 1, 3, 3, 2, 2, 2, 3, 1, 2};
    STATIC_REQUIRE((g.row(0, 0) == -1 && g.row(4, 2) == 11 && g.column(0, 0) == -2 && g.column(3, 1) == 7));
    STATIC_REQUIRE(
        (!g.row_inside(-1) && g.row_inside(8) && !g.row_inside(9) && g.column_inside(7) && !g.column_inside(8)));
    STATIC_REQUIRE((g.in_elements() == 72 && g.out_elements() == 20));
}

TEST_CASE("a 1x1 kernel does not care about rows", "[storage]") {
    constexpr conv_geometry pixels{5, 6, 3, 5, 6, 7};
    STATIC_REQUIRE((pixels.pointwise() && pixels.flattened() == conv_geometry{1, 30, 3, 1, 30, 7}));
    constexpr conv_geometry strided{5, 6, 3, 3, 3, 7, 1, 1, 2, 2};
    STATIC_REQUIRE((!strided.pointwise() && strided.flattened() == strided));
    constexpr conv_geometry padded{2, 2, 3, 4, 4, 7, 1, 1, 1, 1, 1, 1, 1, 1};
    STATIC_REQUIRE(!padded.pointwise());
}
