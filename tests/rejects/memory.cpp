// SPDX-License-Identifier: MIT
// What is passed to run.
#include <compress/graph/builder.hpp>
#include <compress/net/net.hpp>

namespace tc = tensor_compress;

inline constexpr auto written = tc::make_model([](auto& g) {
    g.linear("second", g.linear("first", g.input("vector", {3}), 5), 2);
});
using net = tc::net<written>;
static_assert(net::arena_bytes == 64);

const net::weights weights = net::bind({});
float input[3]{}, output[2]{}, four[4]{};
std::byte arena[64]{}, small[63]{};

void accepted() {
    net::run(weights, input, output, arena);
    net::run(weights, input, output, std::span(arena));
    std::array<std::byte, 65> larger{};
    net::run(weights, input, output, larger);
}

// reject too_small: "the arena is too small: give it net::arena_bytes bytes" "arena_of<63" "needed<64"
#if defined(CASE_too_small)
void broken() { net::run(weights, input, output, small); }
#endif

// reject span_too_small: "the arena is too small: give it net::arena_bytes bytes" "arena_of<0" "needed<64"
#if defined(CASE_span_too_small)
void broken() { net::run(weights, input, output, std::span<std::byte, 0>()); }
#endif

// reject extent_unknown: "in a span, array or std::array of static size" "needed<64"
#if defined(CASE_extent_unknown)
void broken() { net::run(weights, input, output, std::span<std::byte>(arena)); }
#endif

// reject input_of_other_size: "span<const" "run"
#if defined(CASE_input_of_other_size)
void broken() { net::run(weights, four, output, arena); }
#endif

// reject output_of_other_size: "span<" "run"
#if defined(CASE_output_of_other_size)
void broken() { net::run(weights, input, four, arena); }
#endif

// reject input_of_other_element: "span<const" "run"
#if defined(CASE_input_of_other_element)
void broken() {
    const double wide[3]{};
    net::run(weights, wide, output, arena);
}
#endif

// reject output_forgotten: "no matching function for call" "run"
#if defined(CASE_output_forgotten)
void broken() { net::run(weights, input, arena); }
#endif
