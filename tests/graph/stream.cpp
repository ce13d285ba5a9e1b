// SPDX-License-Identifier: MIT
#include <compress/graph/rewrite/stream.hpp>

#include <compress/graph/builder.hpp>
#include <compress/graph/memory_plan.hpp>
#include <compress/graph/recipe.hpp>

#include "../catch.hpp"

namespace tc = tensor_compress;

namespace {

constexpr auto all_int8 = tc::recipe{tc::int8};

template <class Describe, class Recipe>
constexpr auto streamed(Describe describe, const Recipe& recipe) {
    return tc::lower(tc::make_model(describe), recipe, tc::lowering::fused);
}

// Two inverted residuals: 64 x 64 x 40 = 160 KiB, then 32 x 32 x 160 = 160 KiB. What lies between them is small.
constexpr auto describe_blocks = [](auto& g) {
    auto x = g.conv2d("narrow", g.input("image", {64, 64, 3}), 10, {1, 1});
    x = g.conv2d("expand1", x, 40, {1, 1});                                    // 2
    x = g.depthwise_conv2d("depth1", x, {3, 3}, {.stride = 2, .padding = 1});  // 3
    x = g.conv2d("project1", x, 20, {1, 1});                                   // 4
    auto y = g.conv2d("expand2", x, 160, {1, 1});                              // 5
    y = g.depthwise_conv2d("depth2", y, {5, 5}, {.padding = 2});               // 6
    y = g.conv2d("project2", y, 20, {1, 1});                                   // 7
    g.add("sum", y, x);                                                        // fused into project2
};
constexpr auto blocks = streamed(describe_blocks, all_int8);

}  // namespace

// depth1's value has 40 KiB, so the first stream ends there; the second ends with the projection.
static_assert(blocks.count == 8 && blocks[1].kept_rows == 0);
static_assert(blocks[2].kept_rows > 0 && blocks[3].kept_rows == 0 && blocks[3].band_rows == 16);
static_assert(blocks[2].kept_rows == 33, "15 strides of 2 and 3 taps");
static_assert(blocks[5].kept_rows > 0 && blocks[6].kept_rows > 0 && blocks[7].kept_rows == 0);
static_assert(blocks[7].band_rows == 8 && blocks[6].kept_rows == 8 && blocks[5].kept_rows == 12);
static_assert(tc::end_of_stream(blocks, 2) == 3 && tc::end_of_stream(blocks, 5) == 7 &&
              tc::end_of_stream(blocks, 1) == 1);

// Memory: the kept rows, not the images; the residual is read until the last row is written, so it is not overwritten.
constexpr auto plan = tc::plan_memory(blocks, decltype(all_int8)::elements);
constexpr auto stored_plan = tc::plan_memory(tc::lower(tc::make_model(describe_blocks), all_int8, tc::lowering::stored),
                                             decltype(all_int8)::elements);
static_assert(stored_plan.arena_bytes >= 2 * 160 * 1024 && plan.arena_bytes < 170 * 1024);
static_assert(plan.places[5].where == tc::memory::arena && plan.part_bytes == 0);

// Threads: a part of the arena for each, of the larger stream (33 rows of 64 x 40 bytes; 20 of 32 x 160).
constexpr auto two_parts = tc::plan_memory(blocks, decltype(all_int8)::elements, 2);
static_assert(two_parts.part_bytes == 20 * 32 * 160);
static_assert(two_parts.places[5].where == tc::memory::part && two_parts.places[6].where == tc::memory::part);
static_assert(two_parts.places[6].offset == 0 && two_parts.places[5].offset == 8 * 32 * 160);
static_assert(two_parts.places[1].offset >= 2 * two_parts.part_bytes);

// What is not streamed: an output, a value with two readers or one that is no convolution, too many in a row, a format
// whose kernels unpack all weights first, a value without a second row.
constexpr auto others = streamed(
    [](auto& g) {
        auto x = g.conv2d("first", g.input("image", {64, 64, 3}), 40, {1, 1});  // 1: streamed
        x = g.conv2d("second", x, 40, {3, 3});                                  // 2: streamed
        x = g.conv2d("third", x, 40, {3, 3});                                   // 3: would be the third in a row
        x = g.conv2d("packed", x, 40, {1, 1});                                  // 4: n_of_m
        auto a = g.conv2d("two_readers", x, 40, {1, 1});                        // 5
        x = g.max_pool("pool", g.conv2d("pooled", a, 40, {1, 1}), 2, {.stride = 1, .padding = 0});  // 7, 6
        auto b = g.conv2d("output", g.conv2d("reader", a, 40, {1, 1}), 40, {1, 1});                 // 9, 8: streamed
        g.output("kept", b);
        auto c = g.conv2d("row", g.input("wide", {1, 8192, 3}), 40, {1, 1});
        g.output("long", g.conv2d("row_reader", c, 4, {1, 1}));
        g.output("rest", g.conv2d("end", g.conv2d("of_output", b, 4, {1, 1}), 4, {1, 1}));
        g.output("pools", x);
    },
    tc::recipe{tc::int8}.with("packed", tc::int8 | tc::n_of_m<2, 4>));
constexpr bool only_these_are_streamed() {
    for (int id = 0; id < others.count; ++id) {
        const tc::label& name = others[id].name;
        const bool expected = name == tc::label("first") || name == tc::label("second") || name == tc::label("reader");
        if ((others[id].kept_rows > 0) != expected) return false;
    }
    return true;
}
static_assert(only_these_are_streamed());

TEST_CASE("streams are chosen while compiling", "[graph]") { CHECK(blocks[7].band_rows == 8); }
