// SPDX-License-Identifier: MIT
#include <compress/tensor/random_stream.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <vector>

#include "../catch.hpp"
#include "../numbers.hpp"

namespace tc = tensor_compress;

namespace {

constexpr std::uint64_t step = 0x9e3779b97f4a7c15u;

/// The first number of the published generator.
std::uint64_t first_number(std::uint64_t seed) { return tests::numbers(seed).next(); }

}  // namespace

TEST_CASE("the numbers are those of SplitMix64, started from seed and stream", "[tensor]") {
    tests::numbers published(1234567);
    CHECK(published.next() == 6457827717110365317u);
    CHECK(published.next() == 3203168211198807973u);
    CHECK(published.next() == 9817491932198370423u);
    CHECK(first_number(0) == 0xe220a8397b1dcdafu);

    for (const std::uint64_t seed : {0ull, 1ull, ~0ull})
        for (const std::uint64_t stream : {0ull, 1ull, 12345678901ull}) {
            tests::numbers expected(first_number(first_number(seed) + stream - step));
            tc::random_stream random(seed, stream);
            for (int i = 0; i < 10; ++i) CHECK(random.next() == expected.next());
        }
    static_assert(tc::random_stream(1, 2).next() == tc::random_stream(1, 2).next());
}

TEST_CASE("streams of one seed and seeds of one stream differ", "[tensor]") {
    std::set<std::uint64_t> seen;
    for (std::uint64_t seed = 0; seed < 30; ++seed)
        for (std::uint64_t stream = 0; stream < 30; ++stream) {
            tc::random_stream random(seed, stream);
            for (int i = 0; i < 3; ++i) seen.insert(random.next());
        }
    CHECK(seen.size() == 30 * 30 * 3);
}

TEST_CASE("random numbers stay within their bounds and reach all of them", "[tensor]") {
    tc::random_stream random(7, 0);
    for (const int bound : {1, 2, 3, 10, 2147483647}) {
        std::vector<int> count(10);
        for (int i = 0; i < 1000; ++i) {
            const int drawn = random.below(bound);
            REQUIRE((0 <= drawn && drawn < bound));
            ++count[static_cast<std::size_t>(static_cast<double>(drawn) * std::min(bound, 10) / bound)];
        }
        for (int i = 0; i < std::min(bound, 10); ++i) CHECK(count[static_cast<std::size_t>(i)] > 600 / bound);
    }
    double low = 1e9, high = -1e9, sum = 0;
    for (int i = 0; i < 10000; ++i) {
        const double drawn = random.uniform(-2, 3);
        low = std::min(low, drawn), high = std::max(high, drawn), sum += drawn;
    }
    CHECK((-2 <= low && low < -1.99));
    CHECK((2.99 < high && high < 3));
    CHECK(sum / 10000 == Approx(0.5).margin(0.06));
    CHECK(random.uniform(4, 4) == 4.0);
}

TEST_CASE("a bell has its deviation and ends at three of them", "[tensor]") {
    tc::random_stream random(8, 0);
    double sum = 0, squares = 0, largest = 0;
    for (int i = 0; i < 20000; ++i) {
        const double drawn = random.bell(0.5);
        sum += drawn, squares += drawn * drawn, largest = std::max(largest, std::abs(drawn));
    }
    CHECK(sum / 20000 == Approx(0).margin(0.015));
    CHECK(std::sqrt(squares / 20000) == Approx(0.5).epsilon(0.02));
    CHECK(largest < 1.5);
    CHECK(largest > 1.2);
}

TEST_CASE("a shuffle is a permutation, and each is as likely", "[tensor]") {
    std::vector<int> values(100), sorted(100);
    std::iota(sorted.begin(), sorted.end(), 0);
    values = sorted;
    tc::random_stream(9, 0).shuffle(values);
    CHECK(values != sorted);
    CHECK(std::is_permutation(values.begin(), values.end(), sorted.begin()));
    std::vector<int> again = sorted;
    tc::random_stream(9, 0).shuffle(again);
    CHECK(again == values);

    std::vector<int> none, one{5};
    tc::random_stream(9, 0).shuffle(none);
    tc::random_stream(9, 0).shuffle(one);
    CHECK(none.empty());
    CHECK(one == std::vector<int>{5});

    int count[6]{};
    for (std::uint64_t stream = 0; stream < 6000; ++stream) {
        std::vector<int> three{0, 1, 2};
        tc::random_stream(10, stream).shuffle(three);
        ++count[2 * three[0] + (three[1] > three[2] ? 1 : 0)];
    }
    for (const int c : count) CHECK(c == Approx(1000).margin(130));
}
