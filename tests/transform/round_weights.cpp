// SPDX-License-Identifier: MIT
#include <compress/transform/round_weights.hpp>

#include <array>
#include <cmath>

#include "../catch.hpp"
#include "../numbers.hpp"

namespace {

namespace tc = tensor_compress;
namespace tag = tc::tag;

/// A hundred weights of a bell curve, and one far outside of it.
std::vector<float> bell() {
    std::vector<float> weights;
    tests::numbers random(3);
    for (int i = 0; i < 100; ++i) weights.push_back(random.bell());
    weights[17] = 9;
    return weights;
}

template <class Precision>
struct rounding {
    std::vector<float> weights = bell();
    std::vector<std::int8_t> integers = std::vector<std::int8_t>(weights.size());
    double scale;

    explicit rounding(std::vector<int> groups = {}, double least = 0)
        : scale(tc::round_weights(weights, {Precision::grid, std::move(groups)}, least, integers)) {}
    double error() const {
        double sum = 0;
        for (std::size_t i = 0; i < weights.size(); ++i)
            sum += std::pow(static_cast<double>(weights[i]) - scale * integers[i], 2);
        return sum;
    }
};

TEST_CASE("weights are rounded to levels of their precision", "[transform]") {
    const auto check = []<class Precision>(Precision, std::initializer_list<int> allowed) {
        INFO(Precision::name);
        const rounding<Precision> r;
        for (const std::int8_t w : r.integers) CHECK(std::find(allowed.begin(), allowed.end(), w) != allowed.end());
    };
    check(tc::int4, {-128, -112, -96, -80, -64, -48, -32, -16, 0, 16, 32, 48, 64, 80, 96, 112});
    check(tc::int3, {-128, -96, -64, -32, 0, 32, 64, 96});
    check(tc::int2, {-128, -64, 0, 64});
    check(tc::ternary, {-64, 0, 64});
    check(tc::binary, {-1, 1});
}

TEST_CASE("int8 takes the largest weight for its end, fewer bits clip it", "[transform]") {
    const rounding<tag::int8> wide;
    CHECK(wide.scale == Approx(9.0 / 127));
    CHECK(wide.integers[17] == 127);
    const rounding<tag::int2> narrow;
    CHECK(narrow.scale * 64 < 3);
    CHECK(narrow.integers[17] == 64);
}

TEST_CASE("more bits leave less error", "[transform]") {
    const double eight = rounding<tag::int8>().error(), four = rounding<tag::int4>().error(),
                 three = rounding<tag::int3>().error(), two = rounding<tag::int2>().error(),
                 ternary = rounding<tag::ternary>().error(), binary = rounding<tag::binary>().error();
    CHECK(eight < four);
    CHECK(four < three);
    CHECK(three < two);
    CHECK(two <= ternary);
    CHECK(ternary < binary);
}

TEST_CASE("binary weights are the sign times the mean size", "[transform]") {
    const rounding<tag::binary> r;
    double mean = 0;
    for (const float w : r.weights) mean += std::abs(static_cast<double>(w)) / 100;
    CHECK(r.scale == Approx(mean));
    for (std::size_t i = 0; i < r.weights.size(); ++i) CHECK((r.integers[i] < 0) == (r.weights[i] < 0));
}

TEST_CASE("a group has a whole multiple of the output's step", "[transform]") {
    std::vector<int> groups;
    for (int i = 0; i < 100; ++i) groups.push_back(i / 20);
    const rounding<tag::int4> apart(groups), together;
    CHECK(apart.error() < together.error());
    for (int g = 0; g < 5; ++g) {
        bool fits = false;  // some step of 1..16 makes levels of -8..7 of them all
        for (int step = 1; step <= 16 && !fits; ++step) {
            fits = true;
            for (int k = 0; k < 20; ++k) {
                const int w = apart.integers[static_cast<std::size_t>(g * 20 + k)];
                fits = fits && w % step == 0 && w / step >= -8 && w / step <= 7;
            }
        }
        CHECK(fits);
    }
}

TEST_CASE("a least scale is kept, and zeros stay zero", "[transform]") {
    CHECK(rounding<tag::int4>({}, 5.0).scale == 5.0);
    const std::array<float, 3> zeros{};
    std::array<std::int8_t, 3> integers{1, 1, 1};
    CHECK(tc::round_weights(zeros, {tag::int4::grid, {}}, 0, integers) > 0);
    CHECK(integers == std::array<std::int8_t, 3>{});
    CHECK(tc::round_weights(zeros, {tag::int2::grid, {0, 0, 1}}, 0, integers) > 0);
    CHECK(integers == std::array<std::int8_t, 3>{});
}

}  // namespace
