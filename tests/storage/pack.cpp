// SPDX-License-Identifier: MIT
#include <compress/storage/pack.hpp>

#include <algorithm>
#include <array>
#include <vector>

#include "../catch.hpp"

namespace {

namespace tc = tensor_compress;
using tc::conv_geometry;

/// Each weight has a place of its own within the buffer, each output a slot of its own.
template <class Order, conv_geometry G>
std::vector<char> places_of() {
    std::vector<char> taken(Order::elements), slots(Order::padded_outputs);
    int wrong = 0;
    for (int o = 0; o < G.out_channels; ++o) {
        const int slot = Order::slot(o);
        wrong += slot < 0 || slot >= Order::padded_outputs || slots[static_cast<std::size_t>(slot)]++ != 0;
        for (int c = 0; c < G.group_inputs(); ++c)
            for (int i = 0; i < G.kernel_height; ++i)
                for (int j = 0; j < G.kernel_width; ++j) {
                    const int at = Order::index(o, c, i, j);
                    wrong += at < 0 || at >= Order::elements || taken[static_cast<std::size_t>(at)]++ != 0;
                }
    }
    CHECK(wrong == 0);
    CHECK(std::count(taken.begin(), taken.end(), 1) == G.out_channels * G.terms());
    CHECK(Order::padded_outputs % tc::panel_outputs == 0);
    return taken;
}

template <class Order, conv_geometry G>
void check_int8() {
    const auto taken = places_of<Order, G>();
    const int count = G.out_channels * G.terms();
    std::vector<std::int8_t> weights;
    std::vector<std::int32_t> bias, sums;
    std::vector<tc::fixed_multiplier> factors;
    for (int i = 0; i < count; ++i) weights.push_back(static_cast<std::int8_t>(i % 127 + 1));  // none is zero
    for (int o = 0; o < G.out_channels; ++o) {
        bias.push_back(1000 - 7 * o);
        factors.push_back({(1 << 30) + o, -o % 40});
        std::int32_t sum = 0;
        for (int k = 0; k < G.terms(); ++k) sum += weights[static_cast<std::size_t>(o * G.terms() + k)];
        sums.push_back(sum);
    }
    using sections = tc::int8_sections<Order, false, tc::plain_code>;
    std::vector<std::int8_t> packed(sections::bytes, std::int8_t{55});
    tc::pack_int8<Order, G, false>(packed.data(), {weights.data(), bias.data(), factors.data(), -9, 4, -100, 90});

    int wrong = 0;
    for (std::size_t i = 0; i < taken.size(); ++i) wrong += (packed[i] != 0) != (taken[i] == 1);
    std::vector<std::int8_t> found(packed.begin(), packed.begin() + Order::elements), expected = weights;
    std::erase(found, std::int8_t{0});
    std::sort(found.begin(), found.end());
    std::sort(expected.begin(), expected.end());
    wrong += found != expected;
    const auto word = [&](int section, int slot) {
        return tc::load_bytes<std::int32_t>(packed.data() + section + 4 * slot);
    };
    std::vector<char> used(Order::padded_outputs);
    for (int o = 0; o < G.out_channels; ++o) {
        const int slot = Order::slot(o);
        const auto at = static_cast<std::size_t>(o);
        const tc::fixed_multiplier factor = factors[at].shift < -30 ? tc::fixed_multiplier{} : factors[at];
        used[static_cast<std::size_t>(slot)] = 1;
        wrong += word(sections::bias, slot) != bias[at] + 9 * sums[at];
        wrong += word(sections::weight_sum, slot) != sums[at];
        wrong += word(sections::multiplier, slot) != factor.multiplier;
        wrong += packed[static_cast<std::size_t>(sections::shift + slot)] != factor.shift;
    }
    for (int slot = 0; slot < Order::padded_outputs; ++slot) {
        if (used[static_cast<std::size_t>(slot)]) continue;
        wrong += word(sections::bias, slot) != 0 || word(sections::weight_sum, slot) != 0 ||
                 word(sections::multiplier, slot) != 0;
        wrong += packed[static_cast<std::size_t>(sections::shift + slot)] != 0;
    }
    wrong += sections::parameter(packed.data(), tc::int8_parameter::input_zero_point) != -9;
    wrong += sections::parameter(packed.data(), tc::int8_parameter::stage_zero_point) != 4;
    wrong += sections::parameter(packed.data(), tc::int8_parameter::stage_low) != -100;
    wrong += sections::parameter(packed.data(), tc::int8_parameter::stage_high) != 90;
    CHECK(wrong == 0);
    STATIC_REQUIRE(sections::bias % tc::section_alignment == 0);
    STATIC_REQUIRE(sections::parameters % 4 == 0);
}

template <class Order, conv_geometry G>
void check_float() {
    const auto taken = places_of<Order, G>();
    std::vector<float> weights(static_cast<std::size_t>(G.out_channels * G.terms()), 2.5f),
        bias(static_cast<std::size_t>(G.out_channels), -1.5f);
    using sections = tc::float_sections<Order, tc::float_code>;
    std::vector<std::int8_t> packed(sections::bytes, std::int8_t{55});
    tc::pack_float<Order, G>(packed.data(), weights.data(), bias.data());
    int wrong = 0, biases = 0;
    for (int i = 0; i < Order::elements; ++i)
        wrong += tc::load_bytes<float>(packed.data() + 4 * i) != (taken[static_cast<std::size_t>(i)] ? 2.5f : 0.0f);
    for (int i = 0; i < Order::padded_outputs; ++i)
        biases += tc::load_bytes<float>(packed.data() + sections::bias + 4 * i) == -1.5f;
    CHECK(wrong == 0);
    CHECK(biases == G.out_channels);
    STATIC_REQUIRE(sections::bias % tc::section_alignment == 0);
}

template <conv_geometry G>
void check_panels() {
    INFO(G.in_channels << " to " << G.out_channels << " channels, kernel " << G.kernel_height << "x" << G.kernel_width);
    check_int8<tc::panel_order<G, 4>, G>();
    check_float<tc::panel_order<G, 1>, G>();
}
template <conv_geometry G>
void check_depthwise() {
    INFO(G.in_channels << " channels, kernel " << G.kernel_height << "x" << G.kernel_width);
    check_int8<tc::depthwise_order<G, 4>, G>();
    check_float<tc::depthwise_order<G, 1>, G>();
}

constexpr conv_geometry window(int in, int out, int kernel_height, int kernel_width, int dilation = 1, int groups = 1) {
    return {20, 20, in, 20, 20, out, kernel_height, kernel_width, 1, 1, dilation, dilation, 0, 0, groups};
}

TEST_CASE("panels hold each weight once and zeros beside", "[storage]") {
    check_panels<window(3, 16, 3, 3)>();
    check_panels<window(5, 17, 1, 1)>();
    check_panels<window(64, 70, 1, 1)>();
    check_panels<window(1, 1, 10, 4)>();
    check_panels<window(16, 24, 3, 3, 2)>();
    check_panels<window(12, 9, 2, 3, 1, 3)>();
    check_panels<window(10, 34, 1, 5, 1, 2)>();
}

TEST_CASE("depthwise weights lie once and zeros beside", "[storage]") {
    check_depthwise<window(16, 16, 3, 3, 1, 16)>();
    check_depthwise<window(70, 70, 5, 5, 1, 70)>();
    check_depthwise<window(3, 3, 10, 4, 2, 3)>();
    check_depthwise<window(1, 1, 1, 1, 1, 1)>();
}

template <class Order, conv_geometry G>
constexpr auto packed_here() {
    std::array<std::int8_t, static_cast<std::size_t>(tc::int8_sections<Order, true, tc::plain_code>::bytes)> bytes{};
    std::array<std::int8_t, static_cast<std::size_t>(G.out_channels * G.terms())> weights{};
    for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = static_cast<std::int8_t>(i + 1);
    const std::int32_t bias[] = {100, 200};
    const tc::fixed_multiplier factors[] = {{1 << 30, 0}, {1 << 30, -3}};
    tc::pack_int8<Order, G, true>(bytes.data(), {weights.data(), bias, factors, 1});
    return bytes;
}

constexpr conv_geometry g = window(3, 2, 1, 2);

TEST_CASE("weights are packed in constant expressions", "[storage]") {
    using order = tc::panel_order<g, 4>;
    constexpr auto at_compile_time = packed_here<order, g>();
    CHECK(at_compile_time == packed_here<order, g>());
    // Output 1, channel 2, column 1 is the last of its 12 natural weights; each weight sum is taken off its bias once.
    STATIC_REQUIRE(at_compile_time[static_cast<std::size_t>(order::index(1, 2, 0, 1))] == 12);
    STATIC_REQUIRE(tc::load_bytes<std::int32_t>(at_compile_time.data() +
                                                tc::int8_sections<order, true, tc::plain_code>::bias) == 100 - 21);

    constexpr auto real = [] {
        using one = tc::panel_order<g, 1>;
        std::array<std::int8_t, static_cast<std::size_t>(tc::float_sections<one, tc::float_code>::bytes)> bytes{};
        const float weights[12] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
        tc::pack_float<one, g>(bytes.data(), weights, nullptr);
        return bytes;
    }();
    STATIC_REQUIRE(tc::load_bytes<float>(real.data() + 4 * tc::panel_order<g, 1>::index(1, 2, 0, 1)) == 11.0f);
}

TEST_CASE("the sections before the parameters do not depend on a residual", "[storage]") {
    using order = tc::panel_order<g, 4>;
    using plain = tc::int8_sections<order, false, tc::plain_code>;
    using added = tc::int8_sections<order, true, tc::plain_code>;
    STATIC_REQUIRE(plain::parameters == added::parameters);
    STATIC_REQUIRE(added::bytes - plain::bytes == 40);
}

}  // namespace
