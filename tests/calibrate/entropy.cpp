// SPDX-License-Identifier: MIT
#include <compress/calibrate/entropy.hpp>

#include <map>
#include <vector>

#include "../catch.hpp"
#include "../numbers.hpp"

namespace entropy_thresholds {

namespace tc = tensor_compress;

tc::affine cut_range(const tc::value_histogram& h, float t) {
    return tc::affine_for_range(std::max(-t, h.low()), std::min(t, h.high()));
}
float threshold_of(const tc::value_histogram& h) {
    return tc::least_entropy_threshold(h, [&](float t) { return cut_range(h, t); });
}

tc::value_histogram histogram_of(const std::vector<float>& values) {
    tc::value_histogram h;
    h.add(values);
    return h;
}
std::vector<float> bells(int count, std::uint64_t seed) {
    std::vector<float> values;
    tests::numbers random(seed);
    for (int i = 0; i < count; ++i) values.push_back(random.bell());
    return values;
}

/// The divergence by its definition: of the bins within `reach` bins of 0, as a map from bins to counts.
double divergence(const std::map<int, double>& counts, const tc::value_histogram& h, float t, int reach) {
    const int middle = tc::value_histogram::bins / 2;
    const int first = counts.lower_bound(middle - reach)->first;
    const int last = std::prev(counts.lower_bound(middle + reach))->first;
    std::map<int, double> clipped, level_sums, level_bins;
    double all = 0, kept = 0;
    for (const auto& [bin, count] : counts) {
        clipped[std::clamp(bin, first, last)] += count;
        all += count;
        if (bin < first || bin > last) continue;
        kept += count;
        const int level = tc::quantize(h.centre(bin), cut_range(h, t));
        level_sums[level] += count;
        level_bins[level] += 1;
    }
    double sum = 0;
    for (const auto& [bin, count] : clipped) {
        const int level = tc::quantize(h.centre(bin), cut_range(h, t));
        sum += count / all * std::log(count / all * kept / (level_sums[level] / level_bins[level]));
    }
    return sum;
}

/// The counts of a histogram without zeros in its values, which count as they are.
std::map<int, double> counts_of(const tc::value_histogram& h) {
    std::map<int, double> counts;
    for (int bin = 0; bin < tc::value_histogram::bins; ++bin)
        if (h[bin] > 0 && bin != tc::value_histogram::bins / 2) counts[bin] = static_cast<double>(h[bin]);
    return counts;
}

TEST_CASE("no threshold diverges less than the one of least entropy", "[calibrate]") {
    for (const bool one_sided : {false, true}) {
        auto values = bells(40000, 3);
        std::vector<float> kept;
        for (const float v : values) {  // nothing in the bin of 0, whose count is another rule's
            const float moved = one_sided ? std::abs(v) : v;
            if (std::abs(moved) > 0.02f) kept.push_back(moved);
        }
        kept.push_back(14.0f);
        kept.push_back(one_sided ? 13.0f : -15.0f);
        const auto h = histogram_of(kept);
        const auto counts = counts_of(h);
        const float chosen = threshold_of(h), widest = std::max(-h.low(), h.high());
        CAPTURE(one_sided, chosen);
        CHECK(chosen > 2.5f);
        CHECK(chosen < 6.0f);
        const int reach = static_cast<int>(std::lround(chosen / h.width()));
        const double least = divergence(counts, h, chosen, reach);
        CHECK(least < divergence(counts, h, widest, tc::value_histogram::bins / 2));
        for (int other = 128; static_cast<float>(other) * h.width() < widest; other += 4)
            CHECK(least <= divergence(counts, h, static_cast<float>(other) * h.width(), other) + 1e-12);
    }
}

TEST_CASE("values without a tail are not clipped", "[calibrate]") {
    std::vector<float> even;
    for (int i = 0; i < 60000; ++i) even.push_back(static_cast<float>(i % 20000 - 10000) / 10000);
    const auto h = histogram_of(even);
    CHECK(threshold_of(h) > 0.97f);
    CHECK(threshold_of(histogram_of(std::vector<float>(10, 0.0f))) == 0);
    CHECK(threshold_of(histogram_of(std::vector<float>(10, -2.5f))) == 2.5f);
}

TEST_CASE("zeros after a relu do not change the threshold", "[calibrate]") {
    auto values = bells(40000, 5);
    for (float& v : values) v = std::abs(v);
    values.push_back(12.0f);
    const float alone = threshold_of(histogram_of(values));
    values.insert(values.end(), 200000, 0.0f);
    CHECK(threshold_of(histogram_of(values)) == Approx(alone).epsilon(0.02));
    CHECK(alone < 6.0f);
}

}  // namespace entropy_thresholds
