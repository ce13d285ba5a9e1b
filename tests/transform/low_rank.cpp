// SPDX-License-Identifier: MIT
#include <compress/transform/low_rank.hpp>

#include <compress/graph/builder.hpp>
#include <compress/tensor/records.hpp>

#include "../catch.hpp"
#include "distances.hpp"
#include "smooth_problem.hpp"

namespace low_ranks {

namespace tc = tensor_compress;
using Catch::Matchers::ContainsSubstring;

inline constexpr auto written = tc::make_model([](auto& g) {
    auto x = g.relu(g.conv2d("stem", g.input("image", {8, 8, 4}), 20, {3, 3}, {.stride = 2}));
    x = g.depthwise_conv2d("deep", x, {3, 3});
    x = g.batch_norm("norm", g.conv2d("wide", x, 24, {1, 1}, {.bias = false}));
    x = g.relu(g.linear("rows", g.reshape("turned", x, {16, 24}), 20));
    g.linear("head", g.flatten(x), 12);
});
inline constexpr auto split_stem = tc::low_rank(written, "stem", 5);
inline constexpr auto split_wide = tc::low_rank(split_stem, "wide", 3);
inline constexpr auto split_rows = tc::low_rank(split_wide, "rows", 4);
inline constexpr auto split_all = tc::low_rank(split_rows, "head", 2);

struct problem : tests::smooth_problem {
    problem() : smooth_problem(written, 4, 0.2f, 80) {}
    /// Replaces weights by others of a rank.
    void flatten(const std::string& layer, std::size_t rank) {
        tests::numbers random(rank);
        auto& t = weights.at(layer + ".weight");
        const std::size_t outputs = t.shape(0), terms = t.size() / outputs;
        tc::matrix outer = tc::make_array<double>({outputs, rank}), inner = tc::make_array<double>({rank, terms});
        for (double& v : outer) v = static_cast<double>(random.bell()) * 0.3;
        for (double& v : inner) v = static_cast<double>(random.bell()) * 0.3;
        const tc::matrix product = tc::product(outer, inner);
        std::copy(product.begin(), product.end(), t.data());
    }
};

using tests::outputs_of;
using tests::squared_distance;

TEST_CASE("weights that are of a rank are kept by a split of that rank", "[low_rank]") {
    problem p;
    for (const auto& [layer, rank] : {std::pair{"stem", 5}, {"wide", 3}, {"rows", 4}, {"head", 2}})
        p.flatten(layer, static_cast<std::size_t>(rank));
    const auto expected = outputs_of<written>(p.weights, p.images);
    const auto expect_same = [&](const std::vector<double>& found) {
        REQUIRE(found.size() == expected.size());
        double worst = 0;
        for (std::size_t i = 0; i < found.size(); ++i) worst = std::max(worst, std::abs(found[i] - expected[i]));
        CHECK(worst < 1e-4);
    };
    const auto stem = tc::low_rank(written, "stem", 5, p.weights);
    CHECK(tc::shape_of(stem.at("stem/low_rank.weight")) == std::vector<std::size_t>{5, 4, 3, 3});
    CHECK(tc::shape_of(stem.at("stem.weight")) == std::vector<std::size_t>{20, 5, 1, 1});
    CHECK((stem.at("stem.bias") == p.weights.at("stem.bias")));
    CHECK(stem.size() == p.weights.size() + 1);
    expect_same(outputs_of<split_stem>(stem, p.images));

    auto all = stem;
    all = tc::low_rank(split_stem, "wide", 3, all);
    all = tc::low_rank(split_wide, "rows", 4, all);
    all = tc::low_rank(split_rows, "head", 2, all);
    CHECK(tc::shape_of(all.at("rows/low_rank.weight")) == std::vector<std::size_t>{4, 24});
    CHECK(tc::shape_of(all.at("rows.weight")) == std::vector<std::size_t>{20, 4});
    tc::expect_weights(split_all, all, "a split of four layers");
    expect_same(outputs_of<split_all>(all, p.images));

    const auto on_records = tc::low_rank<written>("stem", 5, p.weights, tc::records(p.images));
    tc::expect_weights(split_stem, on_records, "a split on records");
    expect_same(outputs_of<split_stem>(on_records, p.images));
}

TEST_CASE("what a split loses is the tail of the singular values", "[low_rank]") {
    const problem p;
    for (const char* layer : {"stem", "wide", "rows", "head"}) {
        const auto& w = p.weights.at(std::string(layer) + ".weight");
        const auto weights = tc::detail::weights_as_matrix(w);
        const auto s = tc::svd(weights).s;
        const int largest = tc::break_even_rank(tc::matrix_of(written, written[written.find(layer)]));
        for (const int rank : {1, largest / 2, largest}) {
            INFO(layer << " of rank " << rank);
            const auto split = tc::low_rank(written, layer, rank, p.weights);
            const auto outer = tc::detail::weights_as_matrix(split.at(std::string(layer) + ".weight"));
            const auto inner = tc::detail::weights_as_matrix(split.at(std::string(layer) + "/low_rank.weight"));
            const tc::matrix product = tc::product(outer, inner);
            REQUIRE(tc::shape_of(product) == tc::shape_of(weights));
            double error = 0, tail = 0;
            for (std::size_t i = 0; i < product.size(); ++i)
                error += std::pow(product.data()[i] - weights.data()[i], 2);
            for (auto r = static_cast<std::size_t>(rank); r < s.size(); ++r) tail += s(r) * s(r);
            CHECK(error == Approx(tail).epsilon(1e-4));
            // Both halves are as large, so that they quantise alike.
            double of_outer = 0, of_inner = 0;
            for (const double v : outer) of_outer += v * v;
            for (const double v : inner) of_inner += v * v;
            CHECK(of_outer == Approx(of_inner).epsilon(1e-4));
        }
    }
}

inline constexpr auto image_stem = tc::make_model([](auto& g) {
    g.conv2d("stem", g.input("image", {8, 8, 4}), 20, {3, 3}, {.stride = 2});
});
inline constexpr auto image_rows = tc::make_model([](auto& g) {
    g.linear("rows", g.reshape("turned", g.input("image", {8, 8, 4}), {8, 32}), 20, false);
});
template <const auto& Model>
inline constexpr auto split_first = tc::low_rank(Model, Model[Model.outputs[0]].name, 2);

/// Of the layer alone: what a split on records loses there, against one that looks at weights only.
template <const auto& Model>
void expect_records_help() {
    problem p;
    for (float& v : p.images) v = 4 + 0.3f * v;  // what a layer gives for the mean of its inputs counts too
    const std::string layer = tc::text_of(Model[Model.outputs[0]].name);
    tc::named_tensors weights;
    tests::numbers random(6);
    for (const auto& [name, extents] : tc::needed_tensors(Model)) {
        auto& t = weights[name] = tc::make_array<float>(extents);
        for (float& v : t) v = random.bell();
    }
    const auto expected = outputs_of<Model>(weights, p.images);
    const auto plain = tc::low_rank(Model, layer, 2, weights);
    const auto on_records = tc::low_rank<Model>(layer, 2, weights, tc::records(p.images));
    const double loses = squared_distance(outputs_of<split_first<Model>>(on_records, p.images), expected);
    CHECK(loses < 0.5 * squared_distance(outputs_of<split_first<Model>>(plain, p.images), expected));
    // No other product of that rank loses less: nor do neighbours of this one.
    for (int trial = 0; trial < 10; ++trial) {
        auto moved = on_records;
        for (const char* part : {".weight", "/low_rank.weight"})
            for (float& v : moved.at(layer + part)) v *= 1 + 0.02f * random.bell();
        CHECK(loses <= squared_distance(outputs_of<split_first<Model>>(moved, p.images), expected));
    }
}

TEST_CASE("a split on records is nearer to what the layer gives", "[low_rank]") {
    expect_records_help<image_stem>();
    expect_records_help<image_rows>();
}

TEST_CASE("ranks are chosen by a ratio or by energy", "[low_rank]") {
    const problem p;
    CHECK(tc::rank_of_ratio(written, "stem", 0.5) == 10);
    CHECK(tc::rank_of_ratio(written, "stem", 1) == 20);
    CHECK(tc::rank_of_ratio(written, "rows", 0.33) == 7);
    CHECK(tc::rank_of_ratio(written, "head", 0.25) == 3);

    // Singular values 4, 2, 1, 1, of squares 16, 4, 1, 1.
    auto weights = p.weights;
    auto& w = weights.at("wide.weight");
    std::fill(w.begin(), w.end(), 0.0f);
    w(0, 3, 0, 0) = 1;
    w(5, 1, 0, 0) = -4;
    w(7, 0, 0, 0) = 2;
    w(9, 9, 0, 0) = 1;
    const auto rank = [&](double energy) { return tc::rank_of_energy(written, "wide", weights, energy); };
    CHECK(rank(0) == 0);
    CHECK(rank(0.1) == 1);
    CHECK(rank(15.9 / 22) == 1);
    CHECK(rank(16.1 / 22) == 2);
    CHECK(rank(20.1 / 22) == 3);
    CHECK(rank(21.1 / 22) == 4);
    CHECK(tc::rank_of_energy(written, "head", p.weights, 0.5) < tc::rank_of_energy(written, "head", p.weights, 0.9));
}

TEST_CASE("what cannot be split is refused with its reason", "[low_rank]") {
    const problem p;
    const tc::records images(p.images);
    const auto plain = [&](const char* layer, int rank) { return tc::low_rank(written, layer, rank, p.weights); };
    const auto on_records = [&](const char* layer, int rank) {
        return tc::low_rank<written>(layer, rank, p.weights, images);
    };
    CHECK_THROWS_WITH(plain("steam", 2), ContainsSubstring("no layer is called 'steam'; name a layer by its label"));
    CHECK_THROWS_WITH(on_records("steam", 2), ContainsSubstring("no layer is called 'steam'"));
    CHECK_THROWS_WITH(plain("deep", 1), ContainsSubstring("deep: is a depthwise_conv2d, which has no rank"));
    CHECK_THROWS_WITH(on_records("norm", 1), ContainsSubstring("norm: is a batch_norm, which has no rank"));
    CHECK_THROWS_WITH(plain("stem", 13), ContainsSubstring("stem: a rank of 13 saves nothing of its 20 x 36 weights; "
                                                           "give it a rank from 1 to 12, or leave it as it is"));
    CHECK_NOTHROW(plain("stem", 12));
    CHECK_THROWS_WITH(on_records("head", 12), ContainsSubstring("give it a rank from 1 to 11"));
    CHECK_THROWS_WITH(plain("stem", 0), ContainsSubstring("a rank of 0 saves nothing"));
    CHECK_THROWS_WITH(tc::rank_of_ratio(written, "deep", 0.5), ContainsSubstring("which has no rank"));
    CHECK_THROWS_WITH(tc::rank_of_energy(written, "steam", p.weights, 0.5), ContainsSubstring("called 'steam'"));
    CHECK_THROWS_WITH(tc::low_rank<written>("stem", 2, p.weights, tc::records(tc::make_array<float>({0, 8, 8, 4}))),
                      ContainsSubstring("no records"));
    auto weights = p.weights;
    weights.erase("stem.weight");
    const auto missing = ContainsSubstring("no stem.weight [20, 4, 3, 3]");
    CHECK_THROWS_WITH(tc::low_rank(written, "stem", 2, weights), missing);
    CHECK_THROWS_WITH(tc::low_rank<written>("stem", 2, weights, images), missing);
    CHECK_THROWS_WITH(tc::rank_of_energy(written, "stem", weights, 0.5), missing);
}

}  // namespace low_ranks
