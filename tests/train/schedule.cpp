// SPDX-License-Identifier: MIT
#include <compress/train/schedule.hpp>

#include "../catch.hpp"

namespace tc = tensor_compress;

TEST_CASE("a constant rate stays", "[schedule]") {
    for (const double epoch : {0.0, 0.5, 9.9, 100.0}) CHECK(tc::rate_factor(tc::constant_rate{}, epoch, 10, 0) == 1.0);
}

TEST_CASE("a step rate falls after every so many epochs", "[schedule]") {
    const tc::rate_schedule steps = tc::step_rate{3, 0.5};
    CHECK(tc::rate_factor(steps, 0, 10, 0) == 1.0);
    CHECK(tc::rate_factor(steps, 2.99, 10, 0) == 1.0);
    CHECK(tc::rate_factor(steps, 3, 10, 0) == 0.5);
    CHECK(tc::rate_factor(steps, 6.5, 10, 0) == 0.25);
    CHECK(tc::rate_factor(steps, 4.9, 10, 2) == 1.0);
    CHECK(tc::rate_factor(steps, 5, 10, 2) == 0.5);
    CHECK(tc::rate_factor(tc::step_rate{}, 2.5, 10, 0) == Approx(0.01));
}

TEST_CASE("a cosine rate goes from the whole rate to the last one", "[schedule]") {
    const tc::rate_schedule cosine = tc::cosine_rate{0.1};
    CHECK(tc::rate_factor(cosine, 0, 10, 0) == Approx(1));
    CHECK(tc::rate_factor(cosine, 5, 10, 0) == Approx(0.55));
    CHECK(tc::rate_factor(cosine, 2.5, 10, 0) == Approx(0.1 + 0.9 * (1 + std::sqrt(0.5)) / 2));
    CHECK(tc::rate_factor(cosine, 10, 10, 0) == Approx(0.1));
    CHECK(tc::rate_factor(cosine, 2, 10, 2) == Approx(1));
    CHECK(tc::rate_factor(cosine, 6, 10, 2) == Approx(0.55));
    CHECK(tc::rate_factor(tc::cosine_rate{}, 10, 10, 0) == Approx(0).margin(1e-12));
}

TEST_CASE("a linear rate falls evenly", "[schedule]") {
    const tc::rate_schedule linear = tc::linear_rate{0.2};
    CHECK(tc::rate_factor(linear, 0, 8, 0) == Approx(1));
    CHECK(tc::rate_factor(linear, 2, 8, 0) == Approx(0.8));
    CHECK(tc::rate_factor(linear, 8, 8, 0) == Approx(0.2));
    CHECK(tc::rate_factor(linear, 5, 8, 2) == Approx(0.6));
}

TEST_CASE("a rate warms up from 0, whatever comes after", "[schedule]") {
    for (const tc::rate_schedule& schedule :
         {tc::rate_schedule(tc::constant_rate{}), tc::rate_schedule(tc::step_rate{1, 0.5}),
          tc::rate_schedule(tc::cosine_rate{}), tc::rate_schedule(tc::linear_rate{})}) {
        CHECK(tc::rate_factor(schedule, 0, 10, 4) == 0.0);
        CHECK(tc::rate_factor(schedule, 1, 10, 4) == 0.25);
        CHECK(tc::rate_factor(schedule, 3, 10, 4) == 0.75);
        CHECK(tc::rate_factor(schedule, 4, 10, 4) == Approx(1));
        CHECK(tc::rate_factor(schedule, 4, 4, 4) == Approx(1));  // nothing is left after the warm-up
    }
}
