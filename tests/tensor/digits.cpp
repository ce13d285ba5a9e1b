// SPDX-License-Identifier: MIT

#include <compress/tensor/digits.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <set>
#include <span>
#include <vector>

#include "../catch.hpp"

namespace tc = tensor_compress;

namespace {

constexpr std::size_t pixels = 28 * 28;

double sum(std::span<const float> values) { return std::accumulate(values.begin(), values.end(), 0.0); }

/// The mean image of each class, scaled to length 1.
std::array<std::vector<double>, 10> class_means(const tc::data_set& digits) {
    std::array<std::vector<double>, 10> means;
    means.fill(std::vector<double>(pixels));
    for (std::size_t i = 0; i < digits.size(); ++i)
        for (std::size_t at = 0; at < pixels; ++at)
            means[static_cast<std::size_t>(digits.labels[i])][at] += static_cast<double>(digits.input(i)[at]);
    for (auto& mean : means) {
        const double length = std::sqrt(std::inner_product(mean.begin(), mean.end(), mean.begin(), 0.0));
        for (double& value : mean) value /= length;
    }
    return means;
}

}  // namespace

TEST_CASE("digits have the format of a data set", "[digits]") {
    const auto digits = tc::make_digits(7, 1);
    CHECK(tc::shape_of(digits.inputs) == std::vector<std::size_t>{7, 28, 28, 1});
    CHECK(digits.labels.size() == 7);
    CHECK(digits.classes == 10);
    CHECK_NOTHROW(digits.expect_label_per_record());
}

TEST_CASE("no digits are an empty data set", "[digits]") {
    const auto digits = tc::make_digits(0, 1);
    CHECK(tc::shape_of(digits.inputs) == std::vector<std::size_t>{0, 28, 28, 1});
    CHECK(digits.size() == 0);
    CHECK(digits.labels.empty());
}

TEST_CASE("the same seed draws the same digits", "[digits]") {
    const auto once = tc::make_digits(50, 42), again = tc::make_digits(50, 42);
    CHECK(once.inputs == again.inputs);
    CHECK(once.labels == again.labels);
}

TEST_CASE("a longer set begins with the shorter one", "[digits]") {
    const auto shorter = tc::make_digits(33, 5), longer = tc::make_digits(60, 5);
    const auto beginning = longer.slice(0, 33);
    CHECK(beginning.inputs == shorter.inputs);
    CHECK(beginning.labels == shorter.labels);
}

TEST_CASE("different seeds and records draw different digits", "[digits]") {
    std::set<std::vector<float>> images;
    for (const std::uint64_t seed :
         {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{1} << 40, ~std::uint64_t{0}}) {
        const auto digits = tc::make_digits(100, seed);
        for (std::size_t i = 0; i < digits.size(); ++i) images.emplace(digits.input(i).begin(), digits.input(i).end());
    }
    CHECK(images.size() == 500);
    CHECK(tc::make_digits(100, 1).labels != tc::make_digits(100, 2).labels);
}

TEST_CASE("every platform draws the digits of seed 1", "[digits]") {
    const auto digits = tc::make_digits(10, 1);
    CHECK(digits.labels == std::vector<int>{1, 0, 9, 8, 7, 6, 5, 4, 3, 2});

    // A pixel may move by one level where the compiler contracts a product and a sum: a fiftieth of the pixels may.
    constexpr std::array<double, 10> expected_sum{14709, 30721, 10464, 33200, 21267, 15673, 35527, 17290, 17500, 39064};
    for (std::size_t i = 0; i < expected_sum.size(); ++i)
        CHECK(sum(digits.input(i)) == Approx(expected_sum[i]).margin(16));
}

TEST_CASE("pixels are whole grey levels from 0 to 255", "[digits]") {
    const auto digits = tc::make_digits(300, 3);
    const std::span<const float> values(digits.inputs.data(), digits.inputs.size());
    CHECK(*std::min_element(values.begin(), values.end()) == 0);
    CHECK(*std::max_element(values.begin(), values.end()) == 255);
    CHECK(std::all_of(values.begin(), values.end(), [](float value) { return value == std::floor(value); }));
}

TEST_CASE("every ten digits hold each class once", "[digits]") {
    const auto labels = tc::make_digits(200, 9).labels;
    for (std::size_t at = 0; at < labels.size(); at += 10) {
        std::vector<int> ten(labels.begin() + static_cast<std::ptrdiff_t>(at),
                             labels.begin() + static_cast<std::ptrdiff_t>(at + 10));
        std::sort(ten.begin(), ten.end());
        CHECK(ten == std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
    }
    CHECK(std::vector<int>(labels.begin(), labels.begin() + 10) !=
          std::vector<int>(labels.begin() + 10, labels.begin() + 20));
}

TEST_CASE("every image shows ink on paper", "[digits]") {
    const auto digits = tc::make_digits(500, 11);
    for (std::size_t i = 0; i < digits.size(); ++i) {
        CAPTURE(i, digits.labels[i]);
        const auto image = digits.input(i);
        const auto paper = std::count(image.begin(), image.end(), 0.0F);
        CHECK(paper > 350);
        CHECK(paper < 760);
        CHECK(*std::max_element(image.begin(), image.end()) > 100);
    }
}

TEST_CASE("digits of one class resemble those of another seed, yet not trivially", "[digits]") {
    const auto means = class_means(tc::make_digits(1000, 1));
    const auto digits = tc::make_digits(1000, 2);
    std::array<int, 10> right{};
    for (std::size_t i = 0; i < digits.size(); ++i) {
        const auto image = digits.input(i);
        std::array<double, 10> likeness{};
        for (std::size_t digit = 0; digit < 10; ++digit)
            likeness[digit] = std::inner_product(image.begin(), image.end(), means[digit].begin(), 0.0);
        const auto best = std::max_element(likeness.begin(), likeness.end()) - likeness.begin();
        if (best == digits.labels[i]) ++right[static_cast<std::size_t>(best)];
    }
    for (const int of_a_hundred : right) CHECK(of_a_hundred > 40);
    const int all = std::accumulate(right.begin(), right.end(), 0);
    CHECK(all > 650);
    CHECK(all < 950);
}
