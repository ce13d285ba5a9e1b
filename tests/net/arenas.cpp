// SPDX-License-Identifier: MIT
#include <compress/inference.hpp>

#include <array>
#include <string>

#include "../catch.hpp"

namespace tc = tensor_compress;

// Models have external linkage, so those of two files must not share a name.
namespace arenas {

// hidden = relu([[1, 2], [3, -4], [0.5, 1]] * x + [0, 1, -1]), result = [1, -1, 2] * hidden + 0.5
inline constexpr auto written =
    tc::make_model([](auto& g) { g.linear("result", g.relu(g.linear("hidden", g.input("vector", {2}), 3)), 1); });
using net = tc::net<written>;
static_assert(net::arena_bytes == 64);
static_assert(net::node_count == 3);
static_assert(net::state_bytes == 0);

}  // namespace arenas
using arenas::net;

namespace {

constexpr float hidden_weight[] = {1, 2, 3, -4, 0.5f, 1}, hidden_bias[] = {0, 1, -1}, result_weight[] = {1, -1, 2},
                result_bias[] = {0.5f};

template <int Id>
constexpr auto pack(const float* weight, const float* bias) {
    std::array<std::int8_t, net::layer<Id>::packed_bytes> bytes{};
    net::layer<Id>::pack(bytes.data(), weight, bias);
    return bytes;
}
alignas(64) constexpr auto hidden = pack<1>(hidden_weight, hidden_bias);
alignas(64) constexpr auto result = pack<2>(result_weight, result_bias);
constexpr net::weights weights = net::bind({nullptr, hidden.data(), result.data()});

}  // namespace

TEST_CASE("a net runs in a span, an array and a std::array", "[net]") {
    // x = [1, 2] gives [5, -4, 1.5], so the hidden values are [5, 0, 1.5] and the result is 5 + 3 + 0.5.
    const float x[] = {1, 2};
    float y[1]{};
    SECTION("array") {
        alignas(64) std::byte arena[net::arena_bytes];
        net::run(weights, x, y, arena);
    }
    SECTION("std::array") {
        alignas(float) std::array<std::byte, net::arena_bytes> arena;
        net::run(weights, x, y, arena);
    }
    SECTION("span") {
        alignas(float) std::byte arena[net::arena_bytes];
        net::run(weights, x, y, std::span(arena));
    }
    SECTION("part of something larger") {
        alignas(64) std::byte arena[3 * net::arena_bytes];
        net::run(weights, x, y, std::span(arena).subspan<4, net::arena_bytes>());
    }
    SECTION("more than is needed") {
        alignas(float) std::array<std::byte, 2 * net::arena_bytes> arena;
        net::run(weights, x, y, arena);
    }
    SECTION("inputs and outputs as spans and std::arrays") {
        alignas(float) std::byte arena[net::arena_bytes];
        const std::array<float, 2> in{1, 2};
        std::array<float, 1> out{};
        net::run(weights, in, out, arena);
        net::run(weights, std::span<const float, 2>(in), std::span<float, 1>(y), arena);
        CHECK(out[0] == y[0]);
    }
    CHECK(y[0] == 8.5f);
}

TEST_CASE("run is noexcept and leaves its input alone", "[net]") {
    float x[] = {-1, -2}, y[1]{};
    alignas(float) std::byte arena[net::arena_bytes];
    STATIC_REQUIRE(noexcept(net::run(weights, x, y, arena)));
    net::run(weights, x, y, arena);
    CHECK(x[0] == -1.0f);
    CHECK(x[1] == -2.0f);
    CHECK(y[0] == 0.5f - 6.0f);  // hidden = relu([-5, 6, -3.5])
}

TEST_CASE("the table has a row for each node of what runs", "[net]") {
    STATIC_REQUIRE(net::table.size() == 3);
    const auto& [input, first, second] = net::table;
    CHECK(input.label == tc::label("vector"));
    CHECK(std::string(input.operation) == "input");
    CHECK(input.packed_bytes == 0);
    CHECK(input.parameters == 0);
    CHECK(first.label == tc::label("hidden"));
    CHECK(std::string(first.operation) == "linear");
    CHECK(std::string(first.precision) == "fp32");
    CHECK(std::string(first.sparsity) == "dense");
    CHECK(first.output == tc::shape{3});
    CHECK(first.parameters == 9);
    CHECK(first.multiply_adds == 6);
    CHECK(first.packed_bytes == 2 * 16 * 4 + 16 * 4);  // a panel of 16 outputs and their biases
    CHECK(second.parameters == 4);
    CHECK(second.multiply_adds == 3);
    CHECK(second.packed_bytes == 3 * 16 * 4 + 16 * 4);
    STATIC_REQUIRE(net::weights_bytes == 192 + 256);
    STATIC_REQUIRE(net::multiply_adds == 9);
}

TEST_CASE("a budget is met or not", "[net]") {
    STATIC_REQUIRE(tc::fits<net, tc::budget{64, 448}>);
    STATIC_REQUIRE_FALSE(tc::fits<net, tc::budget{63, 448}>);
    STATIC_REQUIRE_FALSE(tc::fits<net, tc::budget{64, 447}>);
}
