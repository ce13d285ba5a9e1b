// SPDX-License-Identifier: MIT
#include <compress/calibrate/range.hpp>

#include <vector>

#include "../catch.hpp"
#include "../numbers.hpp"

namespace tc = tensor_compress;

namespace {

/// Bell-shaped values with one outlier.
std::vector<float> ranging_values(float outlier) {
    std::vector<float> values;
    tests::numbers random(1);
    for (int i = 0; i < 20000; ++i) values.push_back(random.bell());
    values.push_back(outlier);
    return values;
}

constexpr tc::range_method every_method[] = {tc::range_method::min_max, tc::range_method::percentile,
                                             tc::range_method::mse, tc::range_method::moving_average,
                                             tc::range_method::entropy};

}  // namespace

TEST_CASE("a histogram keeps exact extremes and its total however far values reach") {
    tc::value_histogram h;
    h.add(std::vector<float>{0.0f, 0.001f, -0.002f, 3.0f, -700.0f, 1e6f});
    CHECK(h.low() == -700.0f);
    CHECK(h.high() == 1e6f);
    CHECK(h.count() == 6);
    std::uint64_t sum = 0;
    for (int bin = 0; bin < tc::value_histogram::bins; ++bin) sum += h[bin];
    CHECK(sum == 6);
}

TEST_CASE("quantiles lie within a bin of the true ones") {
    tc::value_histogram h;
    for (int i = 0; i < 10000; ++i) h.add(static_cast<float>(i) / 10000.0f);
    CHECK(h.quantile(0.5) == Approx(0.5).margin(2 * h.width()));
    CHECK(h.quantile(0.99) == Approx(0.99).margin(2 * h.width()));
    CHECK(h.quantile(1.0) == Approx(h.high()));
}

TEST_CASE("min-max takes all, percentile cuts the outlier, mse gives the least error of the three") {
    tc::value_histogram h;
    h.add(ranging_values(60.0f));
    const auto all = tc::choose_range(h, {.method = tc::range_method::min_max});
    const auto most = tc::choose_range(h, {.method = tc::range_method::percentile, .percentile = 99.9});
    const auto best = tc::choose_range(h, {.method = tc::range_method::mse});
    CHECK(all.high == 60.0f);
    CHECK(most.high < 5.0f);
    CHECK(most.low > all.low);
    CHECK(tc::detail::quantization_error(h, best) <= tc::detail::quantization_error(h, all));
    CHECK(tc::detail::quantization_error(h, best) <= tc::detail::quantization_error(h, most));
}

TEST_CASE("equal values and zeros have a usable range") {
    tc::value_histogram zeros;
    zeros.add(std::vector<float>(10, 0.0f));
    tc::running_range running;
    running.add(std::vector<float>(10, 0.0f));
    for (const auto method : every_method)
        for (const bool symmetric : {false, true}) {
            const auto r = tc::choose_range(zeros, {.method = method, .symmetric = symmetric}, running);
            CHECK(tc::affine_for_range(r.low, r.high).scale > 0);
        }
    tc::value_histogram same;
    same.add(std::vector<float>(10, 2.5f));
    const auto r = tc::choose_range(same, {.method = tc::range_method::min_max});
    CHECK(tc::dequantize(tc::quantize(2.5f, tc::affine_for_range(r.low, r.high)),
                         tc::affine_for_range(r.low, r.high)) == Approx(2.5f).epsilon(0.01));
}

TEST_CASE("a moving average takes its range from the running means, and needs them") {
    tc::value_histogram h;
    tc::running_range running(0.5);
    for (const float outlier : {2.0f, 60.0f, 4.0f}) {
        h.add(ranging_values(outlier));
        running.add(std::vector<float>{-1.0f, outlier});
    }
    const auto r = tc::choose_range(h, {.method = tc::range_method::moving_average}, running);
    CHECK(r.low == -1.0f);
    CHECK(r.high == 17.5f);
    CHECK(r.mean_size == h.mean_size());
    CHECK_THROWS_WITH(tc::choose_range(h, {.method = tc::range_method::moving_average}),
                      Catch::Matchers::ContainsSubstring("no running means"));
}

TEST_CASE("entropy cuts the outlier off both sides alike") {
    tc::value_histogram h;
    h.add(ranging_values(60.0f));
    h.add(-0.5f);
    const auto both = tc::choose_range(h, {.method = tc::range_method::entropy});
    CHECK(both.high < 6.0f);
    CHECK(both.high > 2.5f);
    CHECK(both.low == std::max(-both.high, h.low()));
    tc::value_histogram positive;
    for (const float v : ranging_values(60.0f)) positive.add(std::abs(v));
    const auto one = tc::choose_range(positive, {.method = tc::range_method::entropy});
    CHECK(one.low == positive.low());
    CHECK(one.high < 6.0f);
}

TEST_CASE("symmetric ranges have zero point 0 whatever the method") {
    for (const bool one_sided : {false, true}) {
        tc::value_histogram h;
        tc::running_range running;
        auto values = ranging_values(9.0f);
        if (one_sided)
            for (float& v : values) v = std::abs(v);
        h.add(values);
        running.add(values);
        for (const auto method : every_method) {
            CAPTURE(one_sided, static_cast<int>(method));
            const auto r = tc::choose_range(h, {.method = method, .symmetric = true}, running);
            const auto plain = tc::choose_range(h, {.method = method}, running);
            CHECK(r.low == -r.high);
            CHECK(tc::affine_for_range(r.low, r.high).zero_point == 0);
            if (method != tc::range_method::entropy) CHECK(plain.low != -plain.high);
            if (method == tc::range_method::min_max) CHECK(r.high == 9.0f);
        }
        const auto best = tc::choose_range(h, {.symmetric = true});
        for (int percent = 20; percent <= 100; percent += 2) {
            const float m = 9.0f * static_cast<float>(percent) / 100;
            CHECK(tc::detail::quantization_error(h, best) <= tc::detail::quantization_error(h, {-m, m}) * (1 + 1e-6));
        }
    }
}
