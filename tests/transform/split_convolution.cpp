// SPDX-License-Identifier: MIT
#include <compress/transform/refit_layer.hpp>
#include <compress/transform/split_convolution.hpp>

#include <compress/graph/builder.hpp>
#include <compress/tensor/records.hpp>

#include "../catch.hpp"
#include "distances.hpp"
#include "smooth_problem.hpp"

namespace split_convolutions {

namespace tc = tensor_compress;
using Catch::Matchers::ContainsSubstring;

inline constexpr auto written = tc::make_model([](auto& g) {
    auto x = g.relu(g.conv2d("stem", g.input("image", {8, 10, 4}), 20, {3, 5}, {.dilation = {1, 2}}));
    x = g.batch_norm("norm", g.conv2d("wide", x, 24, {3, 3}, {.stride = 2, .bias = false}));
    g.linear("head", g.flatten(g.relu(x)), 12);
});
inline constexpr auto spatial_stem = tc::spatial_low_rank(written, "stem", 4);
inline constexpr auto spatial_wide = tc::spatial_low_rank(written, "wide", 3);
inline constexpr auto tucker_stem = tc::tucker(written, "stem", {3, 5});
inline constexpr auto tucker_wide = tc::tucker(written, "wide", {6, 7});

struct problem : tests::smooth_problem {
    problem() : smooth_problem(written, 4, 0.2f, 60) {}
};

using tests::outputs_of;
using tests::squared_distance;
double squares(const std::vector<double>& a) { return squared_distance(a, std::vector<double>(a.size())); }

/// weight[o, c, i, j] of what a layer's parts stand for.
double spatial_product(const tc::named_tensors& w, const std::string& name, std::size_t o, std::size_t c, std::size_t i,
                       std::size_t j) {
    const auto &first = w.at(name + "/rows.weight"), &second = w.at(name + ".weight");
    double sum = 0;
    for (std::size_t r = 0; r < first.shape(0); ++r)
        sum += static_cast<double>(second(o, r, 0, j)) * static_cast<double>(first(r, c, i, 0));
    return sum;
}
double tucker_product(const tc::named_tensors& w, const std::string& name, std::size_t o, std::size_t c, std::size_t i,
                      std::size_t j) {
    const auto &inner = w.at(name + "/inputs.weight"), &core = w.at(name + "/core.weight"),
               &outer = w.at(name + ".weight");
    double sum = 0;
    for (std::size_t q = 0; q < core.shape(0); ++q)
        for (std::size_t p = 0; p < core.shape(1); ++p)
            sum += static_cast<double>(outer(o, q, 0, 0)) * static_cast<double>(core(q, p, i, j)) *
                   static_cast<double>(inner(p, c, 0, 0));
    return sum;
}
/// Squared distance of weights from what parts stand for.
template <class Product>
double distance(const tc::array<float>& w, const Product& product) {
    double sum = 0;
    for (std::size_t o = 0; o < w.shape(0); ++o)
        for (std::size_t c = 0; c < w.shape(1); ++c)
            for (std::size_t i = 0; i < w.shape(2); ++i)
                for (std::size_t j = 0; j < w.shape(3); ++j)
                    sum += std::pow(static_cast<double>(w(o, c, i, j)) - product(o, c, i, j), 2);
    return sum;
}

TEST_CASE("weights that are of a spatial rank, or of Tucker ranks, are kept by parts of those", "[low_rank]") {
    problem p;
    const auto expect_same = [&](const std::vector<double>& found, const std::vector<double>& expected) {
        CHECK(squared_distance(found, expected) < 1e-9 * squares(expected));
    };
    for (const char* name : {"stem", "wide"}) {
        INFO(name);
        const int rank = name[0] == 's' ? 4 : 3;
        const tc::tucker_ranks ranks = name[0] == 's' ? tc::tucker_ranks{3, 5} : tc::tucker_ranks{6, 7};
        // Of the nearest of a rank, those parts are found again.
        const auto spatial = tc::spatial_low_rank(written, name, rank, p.weights);
        const auto three = tc::tucker(written, name, ranks, p.weights);
        auto of_rank = p.weights, of_ranks = p.weights;
        auto &w = of_rank.at(std::string(name) + ".weight"), &v = of_ranks.at(std::string(name) + ".weight");
        for (std::size_t o = 0; o < w.shape(0); ++o)
            for (std::size_t c = 0; c < w.shape(1); ++c)
                for (std::size_t i = 0; i < w.shape(2); ++i)
                    for (std::size_t j = 0; j < w.shape(3); ++j) {
                        w(o, c, i, j) = static_cast<float>(spatial_product(spatial, name, o, c, i, j));
                        v(o, c, i, j) = static_cast<float>(tucker_product(three, name, o, c, i, j));
                    }
        const auto again = tc::spatial_low_rank(written, name, rank, of_rank);
        const auto three_again = tc::tucker(written, name, ranks, of_ranks);
        if (name[0] == 's') {
            CHECK(tc::shape_of(again.at("stem/rows.weight")) == std::vector<std::size_t>{4, 4, 3, 1});
            CHECK(tc::shape_of(again.at("stem.weight")) == std::vector<std::size_t>{20, 4, 1, 5});
            CHECK((again.at("stem.bias") == p.weights.at("stem.bias")));
            expect_same(outputs_of<spatial_stem>(again, p.images), outputs_of<written>(of_rank, p.images));
            expect_same(outputs_of<tucker_stem>(three_again, p.images), outputs_of<written>(of_ranks, p.images));
        } else {
            CHECK(tc::shape_of(three_again.at("wide/inputs.weight")) == std::vector<std::size_t>{6, 20, 1, 1});
            CHECK(tc::shape_of(three_again.at("wide/core.weight")) == std::vector<std::size_t>{7, 6, 3, 3});
            CHECK(tc::shape_of(three_again.at("wide.weight")) == std::vector<std::size_t>{24, 7, 1, 1});
            expect_same(outputs_of<spatial_wide>(again, p.images), outputs_of<written>(of_rank, p.images));
            expect_same(outputs_of<tucker_wide>(three_again, p.images), outputs_of<written>(of_ranks, p.images));
        }
    }
}

TEST_CASE("what a spatial split loses is the tail of the singular values", "[low_rank]") {
    const problem p;
    const auto& w = p.weights.at("wide.weight");
    tc::matrix m = tc::make_array<double>({20 * 3, 24 * 3});
    for (std::size_t o = 0; o < 24; ++o)
        for (std::size_t c = 0; c < 20; ++c)
            for (std::size_t i = 0; i < 3; ++i)
                for (std::size_t j = 0; j < 3; ++j) m(c * 3 + i, o * 3 + j) = static_cast<double>(w(o, c, i, j));
    const auto s = tc::svd(m).s;
    for (const int rank : {1, 7, 19}) {
        const auto split = tc::spatial_low_rank(written, "wide", rank, p.weights);
        double tail = 0;
        for (auto r = static_cast<std::size_t>(rank); r < s.size(); ++r) tail += s(r) * s(r);
        CHECK(distance(w, [&](auto... at) { return spatial_product(split, "wide", at...); }) ==
              Approx(tail).epsilon(1e-4));
    }
}

TEST_CASE("Tucker parts are a minimum, at least as near as those of singular vectors alone", "[low_rank]") {
    const problem p;
    const auto& w = p.weights.at("wide.weight");
    const auto lost = [&](const tc::named_tensors& parts) {
        return distance(w, [&](auto... at) { return tucker_product(parts, "wide", at...); });
    };
    const auto parts = tc::tucker(written, "wide", {6, 7}, p.weights);
    const double least = lost(parts);
    // Truncated singular vectors of both sides (HOSVD), as any other orthonormal bases, leave a core of less.
    const auto whole = tc::detail::kernel_of(w);
    const auto outer = tc::detail::first_columns(tc::svd(whole.by_outputs()).u, 7);
    const auto inner = tc::detail::first_columns(tc::svd(whole.by_inputs()).u, 6);
    const auto core = whole.onto_outputs(outer).onto_inputs(inner);
    double all = 0, kept = 0;
    for (const double v : whole.values) all += v * v;
    for (const double v : core.values) kept += v * v;
    CHECK(least <= (all - kept) * (1 + 1e-6));
    CHECK(least > 0.05 * all);  // random weights have no low rank: something was lost
    tests::numbers random(3);
    for (int trial = 0; trial < 10; ++trial) {
        auto moved = parts;
        for (const char* part : {"wide/inputs.weight", "wide/core.weight", "wide.weight"})
            for (float& v : moved.at(part)) v *= 1 + 0.02f * random.bell();
        CHECK(least < lost(moved));
    }
}

TEST_CASE("ranks by ratio and by energy, along both sides", "[low_rank]") {
    const problem p;
    CHECK(tc::tucker_ranks_of_ratio(written, "wide", 0.5) == tc::tucker_ranks{10, 12});
    CHECK(tc::tucker_ranks_of_ratio(written, "stem", 0.01) == tc::tucker_ranks{1, 1});
    auto weights = p.weights;
    auto& w = weights.at("wide.weight");
    std::fill(w.begin(), w.end(), 0.0f);
    w(3, 0, 1, 1) = 3;  // squares 9, 4 and 1 of outputs 3, 5 and 7, which read inputs 0, 0 and 2
    w(5, 0, 0, 2) = 2;
    w(7, 2, 1, 0) = 1;
    const auto ranks = [&](double energy) { return tc::tucker_ranks_of_energy(written, "wide", weights, energy); };
    CHECK(ranks(0.6) == tc::tucker_ranks{1, 1});
    CHECK(ranks(0.9) == tc::tucker_ranks{1, 2});
    CHECK(ranks(0.99) == tc::tucker_ranks{2, 3});
    CHECK(ranks(0) == tc::tucker_ranks{1, 1});
}

TEST_CASE("the last part is refitted to what the whole layer gives on records", "[low_rank]") {
    problem p;
    const tc::records images(p.images);
    // Of the layer behind, which reads what the changed one gives; the layer itself is judged by its own outputs.
    const auto expect_nearer = [&]<const auto & Smaller>(const tc::named_tensors& split, const char* name) {
        const auto expected = outputs_of<written>(p.weights, p.images);
        const double before = squared_distance(outputs_of<Smaller>(split, p.images), expected);
        const auto refitted = tc::refit_layer<written, Smaller>(name, p.weights, split, images);
        const double after = squared_distance(outputs_of<Smaller>(refitted, p.images), expected);
        CAPTURE(name, before, after);
        CHECK(after < 0.8 * before);
        for (const auto& [other, tensor] : split)  // and nothing else
            if (!other.starts_with(std::string(name) + ".") && other != "norm.bias")
                CHECK((refitted.at(other) == tensor));
    };
    expect_nearer.operator()<spatial_stem>(tc::spatial_low_rank(written, "stem", 4, p.weights), "stem");
    expect_nearer.operator()<tucker_wide>(tc::tucker(written, "wide", {6, 7}, p.weights), "wide");
    // A layer behind the changed one can make up for it as well.
    const auto split = tc::tucker(written, "stem", {3, 5}, p.weights);
    expect_nearer.operator()<tucker_stem>(split, "wide");
}

inline constexpr auto other_head = tc::make_model([](auto& g) {
    g.linear("head", g.flatten(g.input("image", {8, 10, 4})), 11);
});

TEST_CASE("what cannot be split or refitted is refused with its reason", "[low_rank]") {
    const problem p;
    const auto spatial = [&](const char* name, int rank) {
        return tc::spatial_low_rank(written, name, rank, p.weights);
    };
    const auto three = [&](const char* name, tc::tucker_ranks ranks) {
        return tc::tucker(written, name, ranks, p.weights);
    };
    CHECK_THROWS_WITH(spatial("steam", 2), ContainsSubstring("no layer is called 'steam'; name a layer by its label"));
    CHECK_THROWS_WITH(spatial("head", 2),
                      ContainsSubstring("head: is no convolution of one group with a kernel, but a linear"));
    CHECK_THROWS_WITH(spatial("stem", 0),
                      ContainsSubstring("stem: a spatial rank of 0 saves nothing; give it a rank from 1 to 10"));
    CHECK_THROWS_WITH(spatial("stem", 11), ContainsSubstring("a spatial rank of 11 saves nothing"));
    CHECK_NOTHROW(spatial("stem", 10));
    CHECK_THROWS_WITH(three("norm", {1, 1}), ContainsSubstring("but a batch_norm"));
    CHECK_THROWS_WITH(three("wide", {0, 3}),
                      ContainsSubstring("wide: Tucker ranks of {0, 3}; give it ranks from {1, 1} to {20, 24}"));
    CHECK_THROWS_WITH(three("wide", {20, 24}), ContainsSubstring("Tucker ranks of {20, 24} save nothing"));
    auto weights = p.weights;
    weights.erase("stem.weight");
    CHECK_THROWS_WITH(tc::spatial_low_rank(written, "stem", 2, weights),
                      ContainsSubstring("no stem.weight [20, 4, 3, 5]"));
    CHECK_THROWS_WITH(tc::tucker(written, "stem", {2, 2}, weights), ContainsSubstring("no stem.weight [20, 4, 3, 5]"));

    const tc::records images(p.images);
    const auto split = spatial("stem", 4);
    const auto refit = [&](const char* name) {
        return tc::refit_layer<written, spatial_stem>(name, p.weights, split, images);
    };
    CHECK_THROWS_WITH(refit("steam"), ContainsSubstring("no layer with weights is called 'steam' in the whole model"));
    CHECK_THROWS_WITH(refit("stem/rows"), ContainsSubstring("'stem/rows' in the whole model"));
    CHECK_THROWS_WITH((tc::refit_layer<written, spatial_stem>("stem", p.weights, split,
                                                              tc::records(tc::make_array<float>({0, 8, 10, 4})))),
                      ContainsSubstring("no records"));
    CHECK_THROWS_WITH((tc::refit_layer<written, other_head>("head", p.weights, p.weights, images)),
                      ContainsSubstring("head: gives 11 values in the smaller model, 12 in the whole one"));
}

}  // namespace split_convolutions
