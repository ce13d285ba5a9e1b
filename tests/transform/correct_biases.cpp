// SPDX-License-Identifier: MIT
#include <compress/transform/correct_biases.hpp>

#include <compress/tensor/records.hpp>
#include <compress/transform/calibrate.hpp>
#include <compress/transform/learned_steps.hpp>

#include "../catch.hpp"
#include "residual_noise.hpp"
#include "smooth_problem.hpp"

namespace bias_correction {

namespace tc = tensor_compress;
using tests::residual_model;

inline constexpr tc::recipe all_int3{tc::int3};
inline constexpr tc::recipe tables{tc::int8 | tc::codebook<2>};
inline constexpr auto mixed = tc::recipe{tc::int4}
                                  .with("head", tc::weight_only(tc::int4))
                                  .with("back", tc::int4 | tc::n_of_m<2, 4>)
                                  .with("grouped", tc::int4 | tc::group<4>)
                                  .with("stem", tc::fp32);

struct problem : tests::smooth_problem {
    problem() : smooth_problem(residual_model, 7, 0.3f, 48) {
        for (float& v : images) v += 0.5f;  // what is rounded away then has a mean
    }
};

template <const auto& Recipe>
void expect_nearest_with_better_biases(double factor) {
    using net = tc::net<residual_model, Recipe>;
    const problem p;
    const auto found = tc::correct_biases<net>(p.weights, tc::records(xt::view(p.images, xt::range(0, 32))));
    // Rounding to nearest is where training with integers begins.
    const auto nearest =
        tc::learned_steps<residual_model>(p.weights, tc::roundings_of<net>(p.weights)).rounded(p.weights);
    REQUIRE(found.size() == nearest.size());
    for (const auto& [label, layer] : nearest) {
        INFO(label);
        CHECK(found.at(label).weights == layer.weights);
        for (std::size_t o = 0; o < layer.scales.size(); ++o)
            CHECK(found.at(label).scales[o] == Approx(layer.scales[o]).epsilon(1e-5));
        CHECK(found.at(label).bias != layer.bias);
    }
    CHECK(tests::squared_noise<net>(p, found) < factor * tests::squared_noise<net>(p, {}));
}

TEST_CASE("biases take over what rounding does to the mean", "[transform]") {
    SECTION("int3") { expect_nearest_with_better_biases<all_int3>(0.85); }
    SECTION("every kind of format") { expect_nearest_with_better_biases<mixed>(0.85); }
    SECTION("tables") { expect_nearest_with_better_biases<tables>(0.85); }
}

}  // namespace bias_correction
