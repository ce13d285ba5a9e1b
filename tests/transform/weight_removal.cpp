// SPDX-License-Identifier: MIT
#include <compress/transform/weight_removal.hpp>

#include <map>

#include <compress/transform/reconstruct.hpp>

#include "../catch.hpp"
#include "../numbers.hpp"

namespace weight_removal {

namespace tc = tensor_compress;

/// Moments of correlated terms, and weights of outputs.
struct sums {
    tc::matrix moments, weights;

    sums(std::size_t outputs, std::size_t terms, std::uint64_t seed)
        : moments(tc::make_array<double>({terms, terms})),
          weights(tc::make_array<double>({outputs, terms})) {
        tests::numbers random(seed);
        for (int sample = 0; sample < 60; ++sample) {
            std::vector<double> x(terms);
            const double common = static_cast<double>(random.bell());
            for (double& v : x) v = common + static_cast<double>(random.bell());
            for (std::size_t i = 0; i < terms; ++i)
                for (std::size_t j = 0; j < terms; ++j) moments(i, j) += x[i] * x[j] / 60;
        }
        for (double& v : weights) v = static_cast<double>(random.bell());
    }
    std::vector<double> row(std::size_t output) const {
        return {weights.data() + output * weights.shape(1), weights.data() + (output + 1) * weights.shape(1)};
    }
    /// Mean squared error of other weights of an output.
    double error_of(const std::vector<double>& wanted, const std::vector<double>& given) const {
        double sum = 0;
        for (std::size_t i = 0; i < wanted.size(); ++i)
            for (std::size_t j = 0; j < wanted.size(); ++j)
                sum += (wanted[i] - given[i]) * moments(i, j) * (wanted[j] - given[j]);
        return sum;
    }
    /// The least error of an output with these weights kept.
    double least_error(const std::vector<double>& wanted, const std::vector<bool>& kept) const {
        std::vector<std::size_t> at;
        for (std::size_t k = 0; k < kept.size(); ++k)
            if (kept[k]) at.push_back(k);
        std::vector<double> given(wanted.size());
        if (!at.empty()) {
            tc::matrix a = tc::make_array<double>({at.size(), at.size()}), b = tc::make_array<double>({at.size()});
            for (std::size_t i = 0; i < at.size(); ++i) {
                for (std::size_t j = 0; j < at.size(); ++j) a(i, j) = moments(at[i], at[j]);
                for (std::size_t j = 0; j < wanted.size(); ++j) b(i) += moments(at[i], j) * wanted[j];
            }
            const tc::matrix x = tc::solve(a, b);
            for (std::size_t i = 0; i < at.size(); ++i) given[at[i]] = x(i);
        }
        return error_of(wanted, given);
    }
};

TEST_CASE("weights are removed in the order of what each costs", "[prune]") {
    constexpr std::size_t terms = 6;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        const sums s(1, terms, seed);
        const auto wanted = s.row(0);
        const tc::array<float> inverse = tc::inverse(s.moments);
        const tc::detail::removal_order order(inverse, wanted, terms);
        REQUIRE(order.removed.size() == terms);
        REQUIRE(order.costs.size() == terms);
        std::vector<bool> kept(terms, true);
        double error = 0;
        for (std::size_t step = 0; step < terms; ++step) {
            // Which of two that cost the same goes is a matter of rounding: that nothing is cheaper is not.
            double least = 1e30, own = 0;
            for (std::size_t k = 0; k < terms; ++k) {
                if (!kept[k]) continue;
                kept[k] = false;
                const double now = s.least_error(wanted, kept);
                least = std::min(least, now);
                if (k == order.removed[step]) own = now;
                kept[k] = true;
            }
            CHECK(own == Approx(least).epsilon(1e-3).margin(1e-5));
            CHECK(order.costs[step] == Approx(own - error).epsilon(1e-3).margin(1e-5));
            REQUIRE(kept[order.removed[step]]);
            kept[order.removed[step]] = false;
            error = own;
        }
    }
}

struct pruned_group {
    tc::matrix weights;
    std::vector<char> kept;

    pruned_group(const tc::matrix& moments, const tc::matrix& wanted, double ratio, double damping) {
        const tc::matrix c = tc::damped(moments, damping);
        kept = tc::detail::kept_after(tc::detail::removals_of(c, wanted, ratio),
                                      tc::detail::share_of(ratio, wanted.size()), wanted);
        weights = tc::detail::fit_kept(c, wanted, kept);
    }
};

TEST_CASE("weights that are left are the least squares of those that went", "[prune]") {
    constexpr std::size_t outputs = 4, terms = 23;
    const sums s(outputs, terms, 3);
    for (const double ratio : {0.0, 0.3, 0.5, 0.8}) {
        INFO(ratio);
        const pruned_group found(s.moments, s.weights, ratio, 0);
        const auto zeros = std::count(found.kept.begin(), found.kept.end(), char{0});
        CHECK(zeros == std::llround(ratio * outputs * terms));
        for (std::size_t o = 0; o < outputs; ++o) {
            std::vector<bool> kept;
            std::vector<double> given, plain = s.row(o);
            for (std::size_t k = 0; k < terms; ++k) {
                kept.push_back(found.kept[o * terms + k] != 0);
                given.push_back(found.weights(o, k));
                if (!kept[k]) {
                    CHECK(given[k] == 0);
                    plain[k] = 0;
                }
            }
            CHECK(std::count(kept.begin(), kept.end(), true) > 0);
            const double error = s.error_of(s.row(o), given);
            CHECK(error == Approx(s.least_error(s.row(o), kept)).margin(1e-9));
            CHECK(error <= s.error_of(s.row(o), plain) + 1e-9);
            for (std::size_t k = 0; k < terms; ++k) {  // a minimum: any step away from it costs
                if (!kept[k]) continue;
                for (const double step : {-1e-3, 1e-3}) {
                    auto moved = given;
                    moved[k] += step;
                    CHECK(s.error_of(s.row(o), moved) > error);
                }
            }
        }
    }
    // Terms without any variance: nothing is known of them, and nothing breaks.
    const pruned_group dark(tc::make_array<double>({terms, terms}), s.weights, 0.5, 0.001);
    for (const double w : dark.weights) CHECK(std::isfinite(w));
}

TEST_CASE("of a cell no more weights go than may, each time the cheapest that may", "[prune]") {
    constexpr std::size_t terms = 12;
    const sums s(1, terms, 5);
    const tc::array<float> inverse = tc::inverse(s.moments);
    std::vector<int> cells;
    for (std::size_t k = 0; k < terms; ++k) cells.push_back(static_cast<int>(k / 4));
    const std::map<int, int> may_go{{0, 2}, {1, 1}, {2, 0}};
    const std::vector<double> wanted = s.row(0);
    const tc::detail::removal_order order(inverse, wanted, terms - 1, cells, may_go);
    REQUIRE(order.removed.size() == 3);
    std::map<int, int> gone;
    for (const std::size_t k : order.removed) ++gone[cells[k]];
    CHECK(gone == std::map<int, int>{{0, 2}, {1, 1}});
    std::vector<bool> kept(terms, true);
    double error = 0;
    for (std::size_t step = 0; step < 3; ++step) {
        kept[order.removed[step]] = false;
        const double now = s.least_error(wanted, kept);
        CHECK(order.costs[step] == Approx(now - error).epsilon(1e-3).margin(1e-5));
        error = now;
    }
}

}  // namespace weight_removal
