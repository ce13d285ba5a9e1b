// SPDX-License-Identifier: MIT
#include <compress/transform/gptq.hpp>

#include <set>

#include <compress/tensor/records.hpp>
#include <compress/transform/calibrate.hpp>

#include "../catch.hpp"
#include "residual_noise.hpp"
#include "smooth_problem.hpp"

namespace tc = tensor_compress;

namespace rounding_on_records {

using tests::residual_model;
inline constexpr tc::recipe all_int4{tc::int4};
inline constexpr tc::recipe all_int3{tc::int3};
inline constexpr tc::recipe all_int2{tc::int2};
inline constexpr tc::recipe tables{tc::int8 | tc::codebook<2>};
inline constexpr const tc::node& head_node =
    tc::net<residual_model, tc::all_fp32, tc::native, tc::lowering::observed>::graph
        .nodes[tc::net<residual_model, tc::all_fp32, tc::native, tc::lowering::observed>::node_count - 1];
inline constexpr auto mixed = tc::recipe{tc::int8}
                                  .with("head", tc::weight_only(tc::int4))
                                  .with("back", tc::int4 | tc::n_of_m<2, 4>)
                                  .with("grouped", tc::int4 | tc::group<4>)
                                  .with("stem", tc::fp32);

using tests::squared_noise;

struct problem : tests::smooth_problem {
    problem() : smooth_problem(residual_model, 7, 0.3f, 48) {}
};

template <class Net>
tc::rounded_layers rounded(const problem& p) {
    return tc::gptq<Net>(p.weights, tc::records(xt::view(p.images, xt::range(0, 32))));
}

}  // namespace rounding_on_records

using namespace rounding_on_records;

TEST_CASE("rounding on records leaves less noise than rounding to nearest", "[transform]") {
    const problem p;
    CHECK(squared_noise<tc::net<residual_model, all_int4>>(p, rounded<tc::net<residual_model, all_int4>>(p)) <
          0.5 * squared_noise<tc::net<residual_model, all_int4>>(p, {}));
    CHECK(squared_noise<tc::net<residual_model, all_int3>>(p, rounded<tc::net<residual_model, all_int3>>(p)) <
          0.5 * squared_noise<tc::net<residual_model, all_int3>>(p, {}));
}

TEST_CASE("rounding on records fits every format: weight-only, groups and patterns of zeros", "[transform]") {
    const problem p;
    using net = tc::net<residual_model, mixed>;
    const auto chosen = rounded<net>(p);
    CHECK(chosen.find("stem") == chosen.end());  // float
    CHECK(chosen.size() == 4);
    const auto& pattern = chosen.find("back")->second.weights;  // of four neighbouring inputs at most two
    for (std::size_t i = 0; i < pattern.size(); i += 4)
        CHECK(std::count(pattern.begin() + static_cast<std::ptrdiff_t>(i),
                         pattern.begin() + static_cast<std::ptrdiff_t>(i + 4), std::int8_t{0}) >= 2);
    CHECK(squared_noise<net>(p, chosen) < 0.8 * squared_noise<net>(p, {}));
}

TEST_CASE("rounding on records chooses tables that packing keeps", "[transform]") {
    const problem p;
    using net = tc::net<residual_model, tables>;
    const auto chosen = rounded<net>(p);
    REQUIRE(chosen.size() == 5);
    // Five outputs are one panel, in which four values occur; clustering it again moves none.
    const auto& head = chosen.find("head")->second;
    CHECK(std::set<int>(head.weights.begin(), head.weights.end()).size() == 4);
    constexpr int id = tc::detail::rounding_of<net, head_node>::id;
    auto clustered = head.weights;
    tc::cluster_weights<typename net::layer<id>::order, tc::detail::rounding_of<net, head_node>::geometry>(
        clustered, head.scales, 4);
    CHECK(clustered == head.weights);
    CHECK(squared_noise<net>(p, chosen) < 0.5 * squared_noise<net>(p, {}));
    CHECK(squared_noise<net>(p, chosen) <
          squared_noise<tc::net<residual_model, all_int2>>(p, rounded<tc::net<residual_model, all_int2>>(p)));
}

TEST_CASE("levels of a table are its values, and have neighbours", "[transform]") {
    const std::vector<int> values{-40, -3, 5, 100};
    const tc::table_levels levels{values};
    CHECK(levels.nearest(-1.1, 1) == -3);
    CHECK(levels.nearest(1.1, 1) == 5);
    CHECK(levels.nearest(-9, 0.25) == -40);
    CHECK(levels.nearest(1e6, 1) == 100);
    CHECK(levels.next(-3, 1) == 5);
    CHECK(levels.next(-3, -1) == -40);
    CHECK(levels.next(-40, -1) == -40);
    CHECK(levels.next(100, 1) == 100);
}

TEST_CASE("a row is rounded as well as any other choice of its levels", "[transform]") {
    // Five terms, of which every choice of levels from -2 to 1 is tried at the scale that was found.
    constexpr std::size_t terms = 5;
    tests::numbers random(11);
    for (int trial = 0; trial < 20; ++trial) {
        tc::matrix c = tc::make_array<double>({terms, terms});
        for (int sample = 0; sample < 40; ++sample) {
            double x[terms];
            const double common = static_cast<double>(random.bell());
            for (double& v : x) v = common + static_cast<double>(random.bell());
            for (std::size_t i = 0; i < terms; ++i)
                for (std::size_t j = 0; j < terms; ++j) c(i, j) += x[i] * x[j];
        }
        std::vector<double> w(terms);
        for (double& v : w) v = static_cast<double>(random.bell());
        const tc::weight_format format{tc::tag::int2::grid, {}};
        const tc::row_steps steps = tc::steps_of(std::vector<float>(w.begin(), w.end()), format, 0);
        const auto found = tc::row_rounder(c, 1e-9).round(w, tc::grid_levels{format.grid}, steps);
        const auto error_of = [&](const std::vector<int>& levels, double scale) {
            double sum = 0;
            for (std::size_t i = 0; i < terms; ++i)
                for (std::size_t j = 0; j < terms; ++j)
                    sum += (w[i] - scale * 64 * levels[i]) * c(i, j) * (w[j] - scale * 64 * levels[j]);
            return sum;
        };
        CHECK(std::abs(error_of(found.levels, found.scale) - found.error) <= 1e-6 * (1 + found.error));
        double best = found.error, nearest = 0;
        std::vector<int> levels(terms, -2), plain(terms);
        for (std::size_t k = 0; k < terms; ++k)
            plain[k] = tc::detail::nearest_level(w[k], steps.scale * 64, format.grid);
        nearest = error_of(plain, steps.scale);
        for (int i = 0; i < 1024; ++i) {
            for (std::size_t k = 0; k < terms; ++k) levels[k] = (i >> (2 * k) & 3) - 2;
            best = std::min(best, error_of(levels, found.scale));
        }
        CHECK(found.error <= nearest * (1 + 1e-9));
        CHECK(found.error <= 2 * best + 1e-9);
    }
}

TEST_CASE("rounded layers of another model are refused by name", "[transform]") {
    const problem p;
    using net = tc::net<residual_model, all_int4>;
    auto chosen = rounded<net>(p);
    chosen.find("head")->second.weights.pop_back();
    const auto seen = tc::calibrate<residual_model>(p.weights, tc::records(p.images));
    CHECK_THROWS_WITH(tc::convert<net>(p.weights, seen, chosen),
                      Catch::Matchers::ContainsSubstring("head: its rounded weights are 959"));
    CHECK_THROWS_WITH(tc::gptq<net>(p.weights, tc::records(tc::make_array<float>({0, 8, 8, 3}))),
                      Catch::Matchers::ContainsSubstring("no records"));
}
