// SPDX-License-Identifier: MIT
#include <compress/transform/sensitivity.hpp>

#include <compress/tensor/records.hpp>

#include "../catch.hpp"
#include "smooth_problem.hpp"

namespace tc = tensor_compress;

namespace sensitive_layers {

using tests::residual_model;
inline constexpr tc::recipe all_int8{tc::int8};
inline constexpr tc::recipe all_int3{tc::int3};
inline constexpr auto groups = tc::recipe{tc::int8}
                                   .with("back", tc::int4 | tc::group<4>)
                                   .with("grouped", tc::int4 | tc::group<4>)
                                   .with("head", tc::int4 | tc::group<4>);
inline constexpr tc::recipe tables{tc::int8 | tc::codebook<2>};
inline constexpr auto only_back = tc::recipe{tc::fp32}.with("back", tc::weight_only(tc::int4));
inline constexpr auto only_head = tc::recipe{tc::fp32}.with("head", tc::weight_only(tc::int4));

struct problem : tests::smooth_problem {
    tc::records images_seen, images_held_out, all;

    problem()
        : smooth_problem(residual_model, 7, 0.3f, 64),
          images_seen(xt::view(images, xt::range(0, 40))),
          images_held_out(xt::view(images, xt::range(40, 64))),
          all(images) {}

    template <class... Formats>
    tc::sensitivities measure(tc::output_kind kind = tc::output_kind::classes) const {
        return tc::sensitivity<residual_model, Formats...>(weights, all, {.outputs = kind, .judged = 0.375});
    }
};

const tc::format_cost* cost_of(const tc::sensitivities& all, const std::string& label, const std::string& precision) {
    for (const tc::layer_costs& layer : all.layers)
        for (const tc::format_cost& f : layer.formats)
            if (layer.label == label && f.precision == precision) return &f;
    return nullptr;
}

template <class Net>
int bytes_in(const std::string& label) {
    for (const tc::layer_info& row : Net::table)
        if (tc::text_of(row.label) == label) return row.packed_bytes;
    return -1;
}

static_assert(tc::comparable_format<tc::tag::ternary> && tc::comparable_format<decltype(tc::int4 | tc::group<32>)>);
static_assert(tc::comparable_format<decltype(tc::int8 | tc::n_of_m<2, 4>)>);
static_assert(!tc::comparable_format<tc::tag::fp32> && !tc::comparable_format<decltype(tc::weight_only(tc::int4))>);
static_assert(!tc::comparable_format<tc::tag::binary_activations>);

using int8_of_table = decltype(tc::int8 | tc::codebook<2>);
using int4_in_groups = decltype(tc::int4 | tc::group<4>);

}  // namespace sensitive_layers

using namespace sensitive_layers;

TEST_CASE("the bytes of a format are those of the net that has it", "[transform]") {
    const problem p;
    const auto found = p.measure<tc::tag::int8, tc::tag::int3, int4_in_groups, int8_of_table>();
    REQUIRE(found.layers.size() == 5);
    long long int8_bytes = found.other_bytes;
    for (const tc::layer_costs& layer : found.layers) {
        CHECK(cost_of(found, layer.label, "int8")->bytes == bytes_in<tc::net<residual_model, all_int8>>(layer.label));
        CHECK(cost_of(found, layer.label, "int3")->bytes == bytes_in<tc::net<residual_model, all_int3>>(layer.label));
        int8_bytes += cost_of(found, layer.label, "int8")->bytes;
    }
    CHECK(int8_bytes == tc::net<residual_model, all_int8>::weights_bytes);
    for (const char* label : {"back", "grouped", "head"})
        CHECK(cost_of(found, label, "int4/4")->bytes == bytes_in<tc::net<residual_model, groups>>(label));
    for (const tc::layer_costs& layer : found.layers) {
        CHECK(layer.formats.back().sparsity == "codebook<2>");
        CHECK(layer.formats.back().bytes == bytes_in<tc::net<residual_model, tables>>(layer.label));
    }
    // Groups of four do not fit three channels by three columns, and no depthwise layer.
    CHECK(cost_of(found, "stem", "int4/4") == nullptr);
    CHECK(cost_of(found, "deep", "int4/4") == nullptr);
}

TEST_CASE("the error of a format is that of the float net with one layer rounded as gptq does", "[transform]") {
    const problem p;
    const auto found = p.measure<tc::tag::int4>();
    const tc::output_judge<residual_model> judge(p.weights, p.images_held_out);
    const auto alone = [&]<class Net>(std::type_identity<Net>) {
        return judge(tc::dequantize<residual_model>(p.weights, tc::gptq<Net>(p.weights, p.images_seen)));
    };
    // weight_only(int4) has the grid of int4, and leaves the values of the other layers alone.
    CHECK(cost_of(found, "back", "int4")->error ==
          Approx(alone(std::type_identity<tc::net<residual_model, only_back>>{})).epsilon(1e-3));
    CHECK(cost_of(found, "head", "int4")->error ==
          Approx(alone(std::type_identity<tc::net<residual_model, only_head>>{})).epsilon(1e-3));
}

TEST_CASE("fewer bits cost more", "[transform]") {
    const problem p;
    for (const auto kind : {tc::output_kind::classes, tc::output_kind::values}) {
        const auto found = p.measure<tc::tag::int8, tc::tag::int4, tc::tag::int2>(kind);
        for (const tc::layer_costs& layer : found.layers) {
            CHECK(layer.formats[0].error > 0);
            CHECK(layer.formats[0].error < 0.1 * layer.formats[1].error);
            CHECK(layer.formats[1].error < 0.5 * layer.formats[2].error);
        }
    }
}

TEST_CASE("the costs of a layer do not depend on what else is measured", "[transform]") {
    const problem p;
    const auto many = p.measure<tc::tag::int2, tc::tag::int4>(), one = p.measure<tc::tag::int4>();
    for (const tc::layer_costs& layer : one.layers)
        CHECK(cost_of(many, layer.label, "int4")->error == layer.formats[0].error);
}

TEST_CASE("records have to be enough to round on some and judge by others", "[transform]") {
    const problem p;
    const tc::records one(xt::view(p.images, xt::range(0, 1)));
    CHECK_THROWS_WITH((tc::sensitivity<residual_model, tc::tag::int8>(p.weights, one)),
                      Catch::Matchers::ContainsSubstring("1 records, of which 0 are rounded on"));
    CHECK_THROWS_WITH((tc::sensitivity<residual_model, tc::tag::int8>(p.weights, p.all, {.judged = 0})),
                      Catch::Matchers::ContainsSubstring("64 records, of which 64 are rounded on"));
}
