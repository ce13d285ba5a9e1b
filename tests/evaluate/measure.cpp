// SPDX-License-Identifier: MIT
#include <compress/evaluate/measure.hpp>

#include <compress/evaluate/report.hpp>
#include <compress/graph/builder.hpp>

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

}  // namespace measuring

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
