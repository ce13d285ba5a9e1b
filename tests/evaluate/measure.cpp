// SPDX-License-Identifier: MIT
#include <compress/evaluate/measure.hpp>

#include <limits>

#include <compress/evaluate/report.hpp>
#include <compress/graph/builder.hpp>
#include <compress/io/emit_header.hpp>
#include <compress/transform/calibrate.hpp>

#include "../catch.hpp"

namespace tc = tensor_compress;
using Catch::Matchers::ContainsSubstring;

namespace measuring {

inline constexpr auto chooser = tc::make_model([](auto& g) { g.linear("head", g.input("x", {3}), 3); });
using net = tc::net<chooser>;

/// The identity: the class is the largest input.
tc::named_tensors identity() {
    auto w = tc::make_array<float>({3, 3});
    for (std::size_t i = 0; i < 3; ++i) w(i, i) = 1.0f;
    return {{"head.weight", w}, {"head.bias", tc::make_array<float>({3})}};
}
tc::data_set records() {
    tc::data_set data{tc::make_array<float>({4, 3}), {0, 1, 2, 0}, 3};
    for (std::size_t i = 0; i < 4; ++i) data.inputs(i, i % 3) = 1.0f;
    return data;
}

inline constexpr auto written = tc::make_model(
    [](auto& g) { g.linear("head", g.linear("middle", g.relu(g.linear("fc", g.input("x", {16}), 32)), 16), 4); });
inline constexpr auto small =
    tc::recipe{tc::int4}.with("fc", tc::int8 | tc::n_of_m<2, 4>).with("head", tc::fp32 | tc::block<4, 4, 50>);
using small_net = tc::net<written, small>;
using larger_net = tc::net<written, tc::larger_recipe<small>()>;
inline constexpr tc::recipe int8{tc::int8};

}  // namespace measuring

TEST_CASE("the next larger format of a recipe") {
    CHECK(tc::recipe_text(tc::larger_recipe<measuring::small>()) ==
          R"(tensor_compress::recipe{tensor_compress::int8}.with("fc", tensor_compress::int8))"
          R"(.with("head", tensor_compress::fp32))");
    STATIC_REQUIRE(&tc::larger_recipe<measuring::int8>() == &tc::all_fp32);
    STATIC_REQUIRE(&tc::larger_recipe<tc::all_fp32>() == &tc::all_fp32);
}

TEST_CASE("a report compares layers with their next larger format") {
    tc::named_tensors tensors;
    for (const auto& [name, extents] : tc::needed_tensors(measuring::written)) {
        auto t = tc::make_array<float>(extents);
        for (std::size_t i = 0; i < t.size(); ++i) t.data()[i] = static_cast<float>(i % 7) / 7 - 0.4f;
        tensors.emplace(name, t);
    }
    const std::vector<std::vector<float>> samples(2, std::vector<float>(16, 0.5f));
    const auto seen = tc::calibrate<measuring::written>(tensors, samples);
    const auto weights = tc::convert<measuring::small_net>(tensors, seen);
    tc::variant_report variant = tc::evaluate<measuring::small_net>("small", tensors, seen, weights, {});
    int compared = 0;
    for (auto& layer : variant.layers) {
        INFO(layer.label << ' ' << layer.format);
        const bool has_weights = layer.label == "fc" || layer.label == "middle" || layer.label == "head";
        CHECK(layer.larger_format == (!has_weights ? "" : layer.label == "head" ? "fp32" : "int8"));
        CHECK((layer.larger_us > 0) == has_weights);
        compared += has_weights ? 1 : 0;
        layer.us = layer.label == "middle" ? 3 : 1;
        layer.larger_us = has_weights ? 2 : 0;
    }
    CHECK(compared == 3);
    CHECK(tc::slower_text(variant) == "middle: int4 takes 1.50 of the time of int8 (3.00 us, 2.00 us)\n");
    const auto json = tc::report_json({"m", "", "", "", {variant}});
    CHECK(json["variants"][0]["layers"][0]["larger_us"].is_null());
    CHECK_THAT(json.dump(), ContainsSubstring(R"("larger_format":"int8","larger_us":2.0)") &&
                                ContainsSubstring("fp32 block<4,4,50> linear"));
}

TEST_CASE("accuracy counts the largest output") {
    const auto weights = tc::convert<measuring::net>(measuring::identity());
    auto data = measuring::records();
    CHECK(tc::accuracy<measuring::net>(weights, data) == 100.0);
    data.labels[3] = 2;
    CHECK(tc::accuracy<measuring::net>(weights, data) == 75.0);
}

TEST_CASE("labels out of range, missing labels and no records are errors that say which") {
    const auto weights = tc::convert<measuring::net>(measuring::identity());
    auto data = measuring::records();
    data.labels[2] = 3;
    CHECK_THROWS_WITH(tc::accuracy<measuring::net>(weights, data), ContainsSubstring("label 3 of record 2"));
    data.labels.pop_back();
    CHECK_THROWS_WITH(tc::accuracy<measuring::net>(weights, data), ContainsSubstring("3 labels for 4 records"));
}

TEST_CASE("signal to noise in decibels") {
    tc::noise_ratio ratio;
    ratio.add(1.0, 0.9);
    CHECK(*ratio.decibels() == Approx(20.0));
    tc::noise_ratio beyond;
    beyond.add(std::numeric_limits<double>::infinity(), 1);
    CHECK(beyond.overflows());
    CHECK(!beyond.decibels());
    CHECK(!ratio.overflows());
    tc::noise_ratio exact;
    exact.add(1.0, 1.0);
    CHECK(!exact.decibels());
}

TEST_CASE("a report has a row per variant as text and as JSON") {
    const auto tensors = measuring::identity();
    auto report = tc::new_report("chooser");
    report.variants.push_back(
        tc::evaluate<measuring::net>("FP32", tensors, {}, tc::convert<measuring::net>(tensors), measuring::records()));
    CHECK(report.variants[0].accuracy == 100.0);
    CHECK(report.variants[0].time.min > 0);
    CHECK(report.variants[0].time.min <= report.variants[0].time.p95);
    CHECK_THAT(tc::report_table(report), ContainsSubstring("FP32") && ContainsSubstring("100.00"));
    const auto json = tc::report_json(report);
    CHECK(json["variants"][0]["macs"] == 9);
    CHECK(json["variants"][0]["sqnr_db"].is_null());
    CHECK(json["variants"][0]["layers"].size() == 2);
    CHECK(json["machine"]["isa"] == tc::native::name);
}
