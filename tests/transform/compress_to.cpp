// SPDX-License-Identifier: MIT
#include <compress/transform/compress_to.hpp>

#include <compress/evaluate/measure.hpp>
#include <compress/graph/builder.hpp>
#include <compress/tensor/digits.hpp>
#include <compress/tensor/thread_pool.hpp>

#include "../catch.hpp"
#include "../scratch.hpp"

namespace compressing {

namespace tc = tensor_compress;
using Catch::Matchers::ContainsSubstring;

inline constexpr auto model = tc::make_model([](auto& g) {
    auto x = g.conv2d("stem", g.input("image", {28, 28, 1}), 8, {3, 3}, {.stride = 2, .bias = false});
    x = g.max_pool("pool", g.relu(g.batch_norm("norm", x)), 2);
    x = g.relu(g.linear("hidden", g.flatten(x), 32));
    g.softmax(g.linear("head", x, 10));
});
inline constexpr auto half = tc::keep_channels(model, {.ratio = 0.5, .multiple = 4});
inline constexpr tc::recipe every_int8{tc::int8};

tc::data_set digits(std::size_t count, std::uint64_t seed = 1) {
    auto set = tc::make_digits(count, seed);
    for (std::size_t i = 0; i < set.inputs.size(); ++i) set.inputs.data()[i] /= 255;
    return set;
}
const tc::named_tensors& trained() {
    static const tc::named_tensors weights =
        tc::fit<model>(tc::initial_weights<model>(1), digits(2000), {.epochs = 2, .optimizer = tc::adam{.rate = 5e-3}})
            .weights;
    return weights;
}
tc::compress_options quick() {
    tc::compress_options options;
    options.epochs = 1;
    options.final_epochs = 2;
    options.records = 64;
    options.training.rounding.records = 64;
    options.training.optimizer = tc::adam{};
    options.training.schedule = tc::cosine_rate{};
    return options;
}
tc::compressed compress(const tc::compress_options& options, std::size_t records = 600) {
    return tc::compress_to<model, 100, 50>(trained(), digits(records), options, tc::thread_pool(2));
}

TEST_CASE("a search finds a net that keeps to its bytes, and every point is what it says", "[transform]") {
    auto options = quick();
    options.max_bytes = 4000;
    const auto found = compress(options);
    // int8 and the budget at both widths, rounded; what may win of them, trained; and the best for longer.
    REQUIRE(found.points.size() >= 6);
    for (std::size_t i = 0; i < found.points.size(); ++i) CHECK((found.points[i].epochs == 0) == (i < 4));
    for (const auto& p : found.points) {  // no training ends below the point that it began with
        const auto rounded = std::find_if(found.points.begin(), found.points.end(), [&](const auto& other) {
            return other.width == p.width && other.bytes == p.bytes;
        });
        CHECK(p.accuracy >= rounded->accuracy);
        CHECK(found.chosen().accuracy >= (p.bytes <= 4000 ? p.accuracy : 0));
    }
    CHECK(found.met);
    CHECK(found.chosen().bytes <= 4000);
    CHECK(found.chosen().accuracy > 60);
    CHECK(found.float_accuracy > 80);
    CHECK(found.points.back().epochs == 2);

    // The points of int8 as compiled: their bytes, arena and multiply-adds, and the accuracy up to a record or two.
    const auto all = digits(600);
    const auto judging = tc::detail::split(all, {.held_out = 0.1}).judging;
    tc::data_set held_out{tc::make_array<float>({judging.size(), all.record_size()}), {}, 10};
    for (std::size_t i = 0; i < judging.size(); ++i) {
        const auto from = all.input(judging[i]);
        std::copy(from.begin(), from.end(), held_out.inputs.data() + i * from.size());
        held_out.labels.push_back(all.labels[judging[i]]);
    }
    const auto expect = [&]<const auto & Model>(const tc::compressed_point& p, const std::string& text) {
        using net = tc::net<Model, every_int8>;
        CHECK(p.model == text);
        CHECK(p.recipe == "tc::recipe{tc::int8}");
        CHECK(p.bytes == net::weights_bytes);
        CHECK(p.arena == net::arena_bytes);
        CHECK(p.multiply_adds == net::multiply_adds);
        CHECK(tc::accuracy<net>(tc::convert<net>(p), held_out) == Approx(p.accuracy).margin(4));
        CHECK(tc::simulated_accuracy<Model>(p, held_out) == Approx(p.accuracy).margin(2));
    };
    expect.operator()<model>(found.points[0], "model");
    expect.operator()<half>(found.points[2], "tc::keep_channels(model, {.ratio = 0.5, .multiple = 4})");
    CHECK(tc::declarations_of(found.points[0]) == "inline constexpr auto compressed_model = model;\n"
                                                  "inline constexpr auto compressed_recipe = tc::recipe{tc::int8};\n");
}

TEST_CASE("a search goes on where it was interrupted", "[transform]") {
    auto options = quick();
    options.max_bytes = 4000;
    const auto whole = compress(options, 300);
    const tests::scratch_folder folder;
    options.folder = folder.path;
    int interruptions = 0;
    tc::compressed found;
    do {
        REQUIRE(interruptions < 20);
        int steps = 0;
        options.training.stop = [&steps] { return ++steps == 7; };
        found = compress(options, 300);
        interruptions += found.interrupted ? 1 : 0;
    } while (found.interrupted);
    CHECK(interruptions > 1);
    REQUIRE(found.points.size() == whole.points.size());
    for (std::size_t i = 0; i < whole.points.size(); ++i) {
        CHECK(found.points[i].accuracy == whole.points[i].accuracy);
        CHECK(found.points[i].recipe == whole.points[i].recipe);
        for (const auto& [label, layer] : whole.points[i].trained.rounded)
            CHECK(found.points[i].trained.rounded.at(label).weights == layer.weights);
    }
    CHECK(found.best == whole.best);
}

TEST_CASE("a budget that cannot be met says how far off the best point is", "[transform]") {
    auto options = quick();
    options.final_epochs = 0;
    options.max_bytes = 100;
    const auto found = compress(options, 100);
    CHECK_FALSE(found.met);
    CHECK(found.chosen().width == 50);
    CHECK(found.explanation == std::to_string(found.chosen().bytes) + " bytes are " +
                                   std::to_string(found.chosen().bytes - 100) + " more than 100");
    options.max_bytes = 1 << 20;
    options.max_arena = 10;
    CHECK_THAT(compress(options, 100).explanation, ContainsSubstring("an arena of"));
}

/// A point with these figures.
tc::compressed_point point(int width, const char* precision, long long bytes, double accuracy) {
    tc::compressed_point p;
    p.width = width;
    p.bytes = bytes;
    p.arena = 10 * width;
    p.multiply_adds = 1000 * width;
    p.accuracy = accuracy;
    p.formats.layers.push_back({"layer", {precision, "dense", bytes, 0}});
    return p;
}
tc::compressed some_points() {
    tc::compressed all;
    all.float_accuracy = 90;
    all.points = {point(100, "int8", 1000, 89.8), point(100, "int2", 300, 85), point(50, "int8", 500, 84),
                  point(50, "int4", 250, 83), point(100, "binary", 200, 70)};
    return all;
}

TEST_CASE("the best point is the most exact within sizes, or the smallest within a drop", "[transform]") {
    const auto best = [](const tc::compression_budget& budget) {
        auto all = some_points();
        tc::detail::choose_best(all, budget);
        return all;
    };
    CHECK(best({}).chosen().bytes == 200);
    CHECK(best({.max_drop = 1}).chosen().bytes == 1000);
    CHECK(best({.max_drop = 6.5}).chosen().bytes == 300);
    CHECK(best({.max_bytes = 600}).chosen().accuracy == 85);
    CHECK(best({.max_bytes = 299}).chosen().accuracy == 83);
    CHECK(best({.max_bytes = 299, .max_drop = 5}).explanation == "accuracy falls by 7, more than 5");
    CHECK(best({.max_arena = 500}).chosen().width == 50);
    CHECK(best({.max_bytes = 100}).explanation == "200 bytes are 100 more than 100");
    CHECK_FALSE(best({.max_bytes = 100}).met);
    CHECK(best({.max_bytes = 600}).met);
}

TEST_CASE("the front has no point that another is better than", "[transform]") {
    auto all = some_points();
    all.points.push_back(point(75, "int4", 260, 82));
    std::vector<long long> bytes;
    for (const auto* p : tc::pareto_front(all)) bytes.push_back(p->bytes);
    CHECK(bytes == std::vector<long long>{200, 250, 300, 1000});
}

TEST_CASE("advice follows from the figures", "[transform]") {
    auto all = some_points();
    tc::detail::choose_best(all, {.max_bytes = 400});
    const auto advice = tc::advice_from(all);
    REQUIRE(advice.size() == 4);
    CHECK(advice[0] == "Quantise first: INT8 has 89.8 % of held-out records right in 1000 bytes, floats 90 %.");
    CHECK_THAT(advice[1], ContainsSubstring("take fewer bits: 85 % in 300 bytes"));
    CHECK_THAT(advice[2], ContainsSubstring("100000 multiply-adds and an arena of 1000 bytes become 50000 and 500"));
    CHECK_THAT(advice[3], ContainsSubstring("5 % below the float net"));
    CHECK(tc::advice_from(tc::compressed{}).empty());
}

TEST_CASE("searches that make no sense are refused", "[transform]") {
    auto options = quick();
    options.held_out = 0;
    CHECK_THROWS_WITH(compress(options), ContainsSubstring("hold out a share"));
    options = quick();
    options.epochs = 0;
    CHECK_THROWS_WITH(compress(options), ContainsSubstring("0 epochs"));
    auto without_labels = digits(100);
    without_labels.labels.clear();
    CHECK_THROWS_WITH(tc::compress_to<model>(trained(), without_labels, quick()), ContainsSubstring("0 labels"));
}

}  // namespace compressing
