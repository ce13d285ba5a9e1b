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
    for (auto method : {tc::range_method::min_max, tc::range_method::percentile, tc::range_method::mse}) {
        const auto r = tc::choose_range(zeros, {.method = method});
        CHECK(tc::affine_for_range(r.low, r.high).scale > 0);
    }
    tc::value_histogram same;
    same.add(std::vector<float>(10, 2.5f));
    const auto r = tc::choose_range(same, {.method = tc::range_method::min_max});
    CHECK(tc::dequantize(tc::quantize(2.5f, tc::affine_for_range(r.low, r.high)),
                         tc::affine_for_range(r.low, r.high)) == Approx(2.5f).epsilon(0.01));
}
