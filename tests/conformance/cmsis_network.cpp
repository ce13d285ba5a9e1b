// SPDX-License-Identifier: MIT

// CMSIS-NN's test of a whole network: DS-CNN S, which spots keywords, with the weights and the expected bytes of
// others.

#include <string>

#include <compress/layers/conv2d.hpp>
#include <compress/layers/depthwise_conv2d.hpp>
#include <compress/layers/linear.hpp>
#include <compress/layers/pool.hpp>
#include <compress/layers/softmax.hpp>

#include "../catch.hpp"
#include "cmsis_case.hpp"

namespace {

namespace tc = tensor_compress;
namespace layers = tc::layers;
using tc::conv_geometry;
using tc::tag::int8;
using i8 = std::int8_t;

constexpr conv_geometry first{49, 10, 1, 25, 5, 64, 10, 4, 2, 2, 1, 1, 4, 1};
constexpr conv_geometry depthwise{25, 5, 64, 25, 5, 64, 3, 3, 1, 1, 1, 1, 1, 1, 64};
constexpr conv_geometry pixels{25, 5, 64, 25, 5, 64};
constexpr conv_geometry whole{25, 5, 64, 1, 1, 64, 25, 5, 1, 1, 1, 1, 0, 0, 64};

/// The shapes that the case gives a layer.
std::vector<double> shape_of(const conv_geometry& g, bool output) {
    if (output) return {1, double(g.out_height), double(g.out_width), double(g.out_channels)};
    return {1, double(g.in_height), double(g.in_width), double(g.in_channels)};
}

/// Layer `number` of the case over `input`.
template <class Isa, class Layer, conv_geometry G, class In>
std::vector<typename Isa::activation> run(const tests::cmsis_case& c, const std::string& number,
                                          const std::vector<In>& input) {
    const std::string name = "layer" + number + "_";
    const bool is_depthwise = c.texts.at(name + "op") == "depthwise_conv2d";
    if (c.params.count(name + "input_shape") != 0) {
        REQUIRE(c.params.at(name + "input_shape") == shape_of(G, false));
        REQUIRE(c.params.at(name + "output_shape") == shape_of(G, true));
    }
    const std::vector<i8> weights = tests::natural_weights(G, is_depthwise, c[name + "weights"].bytes());
    const auto &multipliers = c[name + "multiplier"].integers, &shifts = c[name + "shift"].integers;
    std::vector<tc::fixed_multiplier> factors;
    for (std::size_t o = 0; o < static_cast<std::size_t>(G.out_channels); ++o) {
        const std::size_t at = multipliers.size() == 1 ? 0 : o;
        factors.push_back({multipliers[at], shifts[at]});
    }
    std::vector<i8> packed(Layer::packed_bytes);
    Layer::pack(packed.data(), {weights.data(), c[name + "bias"].integers.data(), factors.data(),
                                -c.integer(name + "input_offset"), c.integer(name + "output_offset"),
                                c.integer(name + "activation_min"), c.integer(name + "activation_max")});
    std::vector<typename Isa::activation> output(static_cast<std::size_t>(G.out_elements()));
    Layer::template run<Isa>(packed.data(), input.data(), output.data());
    return output;
}

template <class Isa>
std::vector<i8> spot_keyword(const tests::cmsis_case& c) {
    auto image = run<Isa, layers::conv2d<first, int8>, first>(c, "01", c["input"].bytes());
    for (const char* block : {"0203", "0405", "0607", "0809"}) {
        const std::string numbers = block;
        image = run<Isa, layers::depthwise_conv2d<depthwise, int8>, depthwise>(c, numbers.substr(0, 2), image);
        image = run<Isa, layers::conv2d<pixels, int8>, pixels>(c, numbers.substr(2), image);
    }
    std::vector<typename Isa::activation> means(64);
    layers::avg_pool<whole, false, int8>::run(nullptr, image.data(), means.data());
    const auto logits = run<Isa, layers::linear<64, 12, int8>, conv_geometry{1, 1, 64, 1, 1, 12}>(c, "12", means);

    std::vector<i8> packed(12), probabilities(12);
    using softmax = layers::softmax<1, 12, int8>;
    softmax::pack(packed.data(), {c.integer("layer13_input_multiplier"), c.integer("layer13_input_left_shift"),
                                  c.integer("layer13_diff_min")});
    softmax::run(packed.data(), logits.data(), probabilities.data());
    return probabilities;
}

TEST_CASE("CMSIS-NN: a keyword-spotting network", "[conformance]") {
    if (tests::left_out("a keyword-spotting network")) return;
    const auto cases = tests::cmsis_cases("network", "s8");
    REQUIRE(cases.size() == 1);
    CHECK(cases[0].difference(spot_keyword<tc::isa::scalar>(cases[0])) == "");
    CHECK(cases[0].difference(spot_keyword<tc::native>(cases[0])) == "");
}

}  // namespace
