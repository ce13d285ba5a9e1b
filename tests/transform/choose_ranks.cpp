// SPDX-License-Identifier: MIT
#include <compress/transform/choose_ranks.hpp>

#include <compress/graph/builder.hpp>
#include <compress/tensor/records.hpp>

#include "../catch.hpp"
#include "smooth_problem.hpp"

namespace rank_choices {

namespace tc = tensor_compress;
using Catch::Matchers::ContainsSubstring;

inline constexpr auto written = tc::make_model([](auto& g) {
    auto x = g.relu(g.conv2d("stem", g.input("image", {6, 6, 4}), 16, {3, 3}));
    x = g.relu(g.depthwise_conv2d("deep", x, {3, 3}));
    x = g.relu(g.conv2d("wide", x, 16, {3, 3}));
    g.linear("head", g.global_average_pool("pool", x), 10);
});
constexpr long long stem = 36LL * 16 * 36, deep = 36LL * 16 * 9, wide = 36LL * 16 * 144, head = 160;

/// A layer of singular values 1, of which there are `rank`, on a diagonal.
void set_rank(tc::named_tensors& weights, const std::string& name, int rank) {
    auto& t = weights.at(name + ".weight");
    std::fill(t.begin(), t.end(), 0.0f);
    const std::size_t terms = t.size() / t.shape(0);
    for (std::size_t r = 0; r < static_cast<std::size_t>(rank); ++r) t.data()[r * terms + r] = 1;
}
int rank_of(const tc::rank_choice& choice, const std::string& name) {
    for (const auto& l : choice.layers)
        if (l.label == name) return l.rank;
    return -1;
}

TEST_CASE("a budget takes ranks where they hold no energy", "[low_rank]") {
    auto p = tests::smooth_problem(written, 4, 0.2f, 20);
    set_rank(p.weights, "stem", 16);
    set_rank(p.weights, "wide", 3);
    const auto choice = tc::choose_ranks(written, p.weights, {.ratio = 0.6});
    CHECK(choice.met);
    CHECK(choice.explanation.empty());
    // The depthwise layer has no rank, so it is not among them.
    CHECK(choice.layers.size() == 3);
    CHECK(rank_of(choice, "deep") == -1);
    // Three of sixteen are all of "wide"; "stem" would lose a part of its energy with any rank that saves.
    CHECK(rank_of(choice, "wide") < 14);
    CHECK(rank_of(choice, "wide") >= 3);
    CHECK(rank_of(choice, "stem") == 0);
    const long long left = stem + deep + head + rank_of(choice, "wide") * 36LL * (16 + 144);
    CHECK(choice.multiply_adds == left);
    CHECK(static_cast<double>(left) <= 0.6 * static_cast<double>(tc::multiply_adds(written)));
    CHECK(static_cast<double>(left + 36 * (16 + 144)) > 0.6 * static_cast<double>(tc::multiply_adds(written)));
}

TEST_CASE("with equal energies the layer loses ranks that saves more with each", "[low_rank]") {
    auto p = tests::smooth_problem(written, 4, 0.2f, 20);
    set_rank(p.weights, "stem", 16);
    set_rank(p.weights, "wide", 16);
    set_rank(p.weights, "head", 10);
    const auto choice = tc::choose_ranks(written, p.weights, {.ratio = 0.5});
    CHECK(choice.met);
    CHECK(rank_of(choice, "head") == 0);
    CHECK(rank_of(choice, "wide") < 16);
    CHECK(rank_of(choice, "wide") > 0);
    const auto all = tc::choose_ranks(written, p.weights, {.ratio = 1});
    CHECK(all.met);
    for (const auto& l : all.layers) CHECK(l.rank == 0);
    CHECK(all.multiply_adds == stem + deep + wide + head);
}

TEST_CASE("layers can be left whole, and a budget that cannot be met says how far off it is", "[low_rank]") {
    const auto p = tests::smooth_problem(written, 4, 0.2f, 20);
    const auto choice = tc::choose_ranks(written, p.weights, {.ratio = 0.1, .whole = {"wi*"}});
    CHECK_FALSE(choice.met);
    CHECK(rank_of(choice, "wide") == -1);
    CHECK(rank_of(choice, "stem") == 1);
    CHECK(choice.multiply_adds == 36LL * (16 + 36) + deep + wide + (16 + 10));
    CHECK_THAT(choice.explanation, ContainsSubstring("with rank 1 everywhere") && ContainsSubstring("too many"));
}

TEST_CASE("a choice is a model and its weights", "[low_rank]") {
    const auto p = tests::smooth_problem(written, 4, 0.2f, 20);
    tc::rank_choice choice;
    choice.layers = {{"stem", 5}, {"wide", 0}, {"head", 2}};
    CHECK(tc::low_rank_text(choice, "written", "tc::") ==
          "tc::low_rank(tc::low_rank(written, \"stem\", 5), \"head\", 2)");
    static constexpr auto split = tc::low_rank(tc::low_rank(written, "stem", 5), "head", 2);
    const auto weights = tc::low_rank(written, choice.layers, p.weights);
    tc::expect_weights(split, weights, "a choice of ranks");
    CHECK((weights.at("wide.weight") == p.weights.at("wide.weight")));
    CHECK(
        (weights.at("stem/low_rank.weight") == tc::low_rank(written, "stem", 5, p.weights).at("stem/low_rank.weight")));
    choice.layers = {{"stem", 5}, {"stem", 4}};
    CHECK_THROWS_WITH(tc::low_rank(written, choice.layers, p.weights), ContainsSubstring("stem: is split twice"));
}

TEST_CASE("on records energy is that of what layers give", "[low_rank]") {
    auto p = tests::smooth_problem(written, 4, 0.2f, 40);
    // The image has one channel that varies; what the others are multiplied with is of no account.
    for (std::size_t i = 0; i < p.images.size(); ++i)
        if (i % 4 != 0) p.images.data()[i] = 0;
    const auto plain = tc::choose_ranks(written, p.weights, {.ratio = 0.8, .whole = {"wide", "head"}});
    const auto seen =
        tc::choose_ranks<written>(p.weights, tc::records(p.images), {.ratio = 0.8, .whole = {"wide", "head"}});
    CHECK(plain.layers.size() == 1);
    CHECK(seen.layers.size() == 1);
    const auto both = tc::choose_ranks<written>(p.weights, tc::records(p.images), {.ratio = 0.8, .whole = {"head"}});
    CHECK(both.met);
    CHECK(rank_of(both, "stem") > 0);  // nine directions at most
    CHECK(rank_of(both, "stem") <= 11);
}

TEST_CASE("budgets that make no sense are refused", "[low_rank]") {
    const auto p = tests::smooth_problem(written, 4, 0.2f, 20);
    CHECK_THROWS_WITH(tc::choose_ranks(written, p.weights, {.ratio = 0}),
                      ContainsSubstring("give a share above 0, up to 1"));
    CHECK_THROWS_WITH(tc::choose_ranks(written, p.weights, {.whole = {"steam"}}),
                      ContainsSubstring("no layer is called 'steam'"));
    auto weights = p.weights;
    weights.erase("head.bias");
    CHECK_THROWS_WITH(tc::choose_ranks(written, weights), ContainsSubstring("no head.bias"));
}

}  // namespace rank_choices
