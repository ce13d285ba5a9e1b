// SPDX-License-Identifier: MIT
#include <compress/graph/model.hpp>

#include <compress/graph/builder.hpp>

#include <string_view>

#include "../catch.hpp"

namespace tc = tensor_compress;

constexpr auto diamond = tc::make_model([](auto& g) {
    auto x = g.input("x", {4});
    auto a = g.relu("a", x);
    auto b = g.sigmoid("b", x);
    g.output("sum", g.add("c", g.add("d", a, b), a));
    g.output("b_too", b);
});
static_assert(diamond.find("a") == 1 && diamond.find("b_too") == 2 && diamond.find("c") < 0 &&
              diamond.find("sum") == 4);
static_assert(diamond.count_of(tc::op::add) == 2 && diamond.count_of(tc::op::mul) == 0);
static_assert(diamond.is_output(4) && diamond.is_output(2) && !diamond.is_output(1));
static_assert(diamond.consumers(0) == 2 && diamond.consumers(1) == 2 && diamond.consumers(3) == 1);
static_assert(diamond.consumers(2) == 2);  // the sum and the caller
static_assert(diamond.consumers(4) == 1);

// The same value twice counts twice.
constexpr auto square = tc::make_model([](auto& g) {
    auto x = g.input("x", {4});
    g.mul(x, x);
});
static_assert(square.consumers(0) == 2);

constexpr auto larger = tc::resized<9>(diamond);
static_assert(larger.capacity == 9 && larger.count == 5 && larger.outputs[0] == 4 && larger.outputs[1] == 2 &&
              larger[4].name == tc::label("sum"));

constexpr auto redirected = [] {
    auto m = diamond;
    tc::redirect(m, 2, 1);
    return m;
}();
static_assert(redirected[3].inputs[0] == 1 && redirected[3].inputs[1] == 1 && redirected.outputs[1] == 1 &&
              redirected.consumers(2) == 0);

constexpr auto kept = [] {
    auto m = redirected;
    m[4].residual = 3;
    tc::keep_only(m, {true, true, false, true, true});
    return m;
}();
static_assert(kept.count == 4 && kept[2].name == tc::label("d") && kept[3].name == tc::label("sum"));
static_assert(kept[3].inputs[0] == 2 && kept[3].inputs[1] == 1 && kept[3].residual == 2);
static_assert(kept.outputs[0] == 3 && kept.outputs[1] == 1);

TEST_CASE("operators have names and kinds", "[graph]") {
    CHECK(std::string_view(tc::name_of(tc::op::input)) == "input");
    CHECK(std::string_view(tc::name_of(tc::op::global_average_pool)) == "global_average_pool");
    CHECK(std::string_view(tc::name_of(tc::op::convert)) == "convert");
    CHECK(tc::is_product(tc::op::linear));
    CHECK_FALSE(tc::is_product(tc::op::batch_norm));
    CHECK(tc::is_activation(tc::op::hard_swish));
    CHECK_FALSE(tc::is_activation(tc::op::softmax));
    CHECK(tc::keeps_quantization(tc::op::transpose));
    CHECK_FALSE(tc::keeps_quantization(tc::op::concat));
}
