// SPDX-License-Identifier: MIT
#include <compress/train/loss.hpp>

#include <cmath>
#include <functional>

#include "../catch.hpp"
#include "../numbers.hpp"

namespace tc = tensor_compress;
using Catch::Matchers::ContainsSubstring;

namespace {

using floats = std::vector<float>;

floats random_floats(std::uint64_t seed, std::size_t count, float size) {
    tests::numbers random(seed);
    floats made(count);
    for (float& v : made) v = size * random.real();
    return made;
}

/// log softmax(values / temperature), by its definition.
std::vector<double> log_softmax(const floats& values, double temperature = 1) {
    double sum = 0;
    for (const float v : values) sum += std::exp(static_cast<double>(v) / temperature);
    std::vector<double> result;
    for (const float v : values) result.push_back(static_cast<double>(v) / temperature - std::log(sum));
    return result;
}

using loss_function = std::function<double(const floats& values, floats& gradient, double weight)>;

/// The gradient that a loss adds is its difference quotient, times the weight, on top of what was there.
void expect_gradient(const loss_function& loss, floats values) {
    floats once(values.size()), added(values.size(), 10.0f), unused(values.size());
    const double value = loss(values, once, 1);
    CHECK(loss(values, added, -0.5) == value);
    for (std::size_t k = 0; k < values.size(); ++k) {
        const float kept = values[k], above = kept + 0.01f, below = kept - 0.01f;
        values[k] = above;
        const double high = loss(values, unused, 1);
        values[k] = below;
        const double low = loss(values, unused, 1);
        values[k] = kept;
        const double expected = (high - low) / (static_cast<double>(above) - static_cast<double>(below));
        INFO(k);
        CHECK(static_cast<double>(once[k]) == Approx(expected).epsilon(1e-3).margin(2e-5));
        CHECK(added[k] == Approx(10 - 0.5 * static_cast<double>(once[k])).epsilon(1e-6));
    }
}

}  // namespace

TEST_CASE("cross-entropy is the negative log of the label's part", "[loss]") {
    const floats logits = random_floats(1, 7, 3.0f);
    const auto logs = log_softmax(logits);
    for (const int label : {0, 3, 6}) {
        floats gradient(logits.size());
        CHECK(tc::add_cross_entropy(logits, label, gradient) == Approx(-logs[static_cast<std::size_t>(label)]));
        double sum = 0;
        for (std::size_t k = 0; k < logits.size(); ++k) {
            CHECK(gradient[k] == Approx(std::exp(logs[k]) - (static_cast<int>(k) == label ? 1 : 0)).margin(1e-6));
            sum += static_cast<double>(gradient[k]);
        }
        CHECK(sum == Approx(0).margin(1e-6));
    }
    floats gradient(4);
    CHECK(tc::add_cross_entropy(floats(4), 2, gradient) == Approx(std::log(4.0)));
    CHECK(gradient == floats{0.25f, 0.25f, -0.75f, 0.25f});
}

TEST_CASE("label smoothing gives every class a share", "[loss]") {
    const floats logits = random_floats(2, 5, 2.0f);
    const auto logs = log_softmax(logits);
    floats gradient(logits.size());
    double expected = -0.8 * logs[1];
    for (const double l : logs) expected -= 0.2 / 5 * l;
    CHECK(tc::add_cross_entropy(logits, 1, gradient, 0.2) == Approx(expected));
    for (std::size_t k = 0; k < logits.size(); ++k)
        CHECK(gradient[k] == Approx(std::exp(logs[k]) - 0.04 - (k == 1 ? 0.8 : 0)).margin(1e-6));
}

TEST_CASE("squared error is a mean over the elements", "[loss]") {
    floats gradient(3);
    CHECK(tc::add_squared_error(floats{1, 2, 3}, floats{1, 0, 6}, gradient) == Approx(13.0 / 3));
    CHECK(gradient[0] == 0.0f);
    CHECK(gradient[1] == Approx(4.0 / 3));
    CHECK(gradient[2] == Approx(-2.0));
}

TEST_CASE("divergence is that of the softened parts times the squared temperature", "[loss]") {
    const floats logits = random_floats(3, 6, 3.0f), teacher = random_floats(4, 6, 3.0f);
    for (const double temperature : {1.0, 4.0}) {
        const auto own = log_softmax(logits, temperature), wanted = log_softmax(teacher, temperature);
        double expected = 0;
        for (std::size_t k = 0; k < own.size(); ++k)
            expected += temperature * temperature * std::exp(wanted[k]) * (wanted[k] - own[k]);
        floats gradient(logits.size());
        CHECK(tc::add_divergence(logits, teacher, temperature, gradient) == Approx(expected));
        for (std::size_t k = 0; k < own.size(); ++k)
            CHECK(gradient[k] == Approx(temperature * (std::exp(own[k]) - std::exp(wanted[k]))).margin(1e-6));
    }
    floats gradient(logits.size());
    CHECK(tc::add_divergence(logits, logits, 2, gradient) == Approx(0).margin(1e-12));
    CHECK(gradient == floats(logits.size()));
}

TEST_CASE("gradients of losses are those of finite differences, times the weight, and are added", "[loss]") {
    const floats values = random_floats(5, 9, 2.0f), targets = random_floats(6, 9, 2.0f);
    for (const double smoothing : {0.0, 0.1})
        expect_gradient(
            [&](const floats& v, floats& g, double w) { return tc::add_cross_entropy(v, 4, g, smoothing, w); }, values);
    expect_gradient([&](const floats& v, floats& g, double w) { return tc::add_squared_error(v, targets, g, w); },
                    values);
    for (const double temperature : {1.0, 4.0})
        expect_gradient(
            [&](const floats& v, floats& g, double w) { return tc::add_divergence(v, targets, temperature, g, w); },
            values);
}

TEST_CASE("huge logits do not overflow", "[loss]") {
    const floats logits{1e30f, -1e30f, 0.0f, 3e38f};
    for (const double smoothing : {0.0, 0.1}) {
        floats gradient(logits.size());
        CHECK(std::isfinite(tc::add_cross_entropy(logits, 1, gradient, smoothing)));
        for (const float g : gradient) CHECK(std::abs(g) <= 1.0f);
        CHECK(gradient[3] == Approx(1 - smoothing / 4));
    }
    floats gradient(logits.size());
    CHECK(tc::add_cross_entropy(logits, 3, gradient) == 0.0);
    CHECK(gradient == floats(logits.size()));
    CHECK(std::isfinite(tc::add_divergence(logits, floats(logits.size()), 4, gradient)));
    CHECK(std::isfinite(tc::add_divergence(floats(logits.size()), logits, 4, gradient)));
    for (const float g : gradient) CHECK(std::isfinite(g));
}

TEST_CASE("cross_entropy reads the label of the record", "[loss]") {
    const tc::data_set data{tc::make_array<float>({3, 2}), {2, 0, 1}, 3};
    const tc::cross_entropy loss(data, 3, 0.1);
    const floats logits{1, 2, 3};
    for (std::size_t i = 0; i < 3; ++i) {
        floats gradient(3), expected(3);
        const tc::trained_record<1> record{i, {std::span<const float>(logits)}, {std::span<float>(gradient)}};
        CHECK(loss(record) == tc::add_cross_entropy(logits, data.labels[i], expected, 0.1));
        CHECK(gradient == expected);
    }
}

TEST_CASE("squared_error reads the targets of the record", "[loss]") {
    auto targets = tc::make_array<float>({2, 1, 3});
    for (std::size_t i = 0; i < targets.size(); ++i) targets.data()[i] = static_cast<float>(i);
    const tc::squared_error loss(targets, 2, 3);
    const floats values{3, 5, 5};
    floats gradient(3);
    CHECK(loss(tc::trained_record<1>{1, {std::span<const float>(values)}, {std::span<float>(gradient)}}) ==
          Approx(1.0 / 3));
    CHECK(gradient[0] == 0.0f);
    CHECK(gradient[1] == Approx(2.0 / 3));
}

TEST_CASE("of two records that are blended a loss has both targets, in their shares", "[loss]") {
    const tc::data_set data{tc::make_array<float>({3, 2}), {2, 0, 1}, 3};
    const tc::cross_entropy loss(data, 3, 0.1);
    const floats logits{1, 2, 3};
    floats gradient(3), expected(3);
    tc::trained_record<1> record{0, {std::span<const float>(logits)}, {std::span<float>(gradient)}};
    record.blended = {1, 0.25f};
    const double sum = 0.75 * tc::add_cross_entropy(logits, 2, expected, 0.1, 0.75) +
                       0.25 * tc::add_cross_entropy(logits, 0, expected, 0.1, 0.25);
    CHECK(loss(record) == Approx(sum));
    for (std::size_t k = 0; k < 3; ++k) CHECK(gradient[k] == Approx(expected[k]).margin(1e-6));

    auto targets = tc::make_array<float>({2, 3});
    for (std::size_t i = 0; i < targets.size(); ++i) targets.data()[i] = static_cast<float>(i);
    floats of_targets(3);
    tc::trained_record<1> second{0, {std::span<const float>(logits)}, {std::span<float>(of_targets)}};
    second.blended = {1, 0.25f};
    // Errors 1, 1, 1 with weight 0.75 and -2, -2, -2 with 0.25.
    CHECK(tc::squared_error(targets, 2, 3)(second) == Approx(0.75 + 0.25 * 4));
    for (const float g : of_targets) CHECK(g == Approx(2 * (0.75 - 0.25 * 2) / 3));
}

TEST_CASE("labels that do not fit the records or the model are refused", "[loss]") {
    tc::data_set data{tc::make_array<float>({3, 2}), {0, 2, 1}, 3};
    CHECK_NOTHROW(tc::cross_entropy(data, 3));
    CHECK_THROWS_WITH(
        tc::cross_entropy(data, 2),
        ContainsSubstring("cross_entropy: label 2 of record 1, the model has 2 classes; labels are 0 to 1"));
    data.labels[2] = -1;
    CHECK_THROWS_WITH(tc::cross_entropy(data, 3), ContainsSubstring("label -1 of record 2"));
    data.labels.pop_back();
    CHECK_THROWS_WITH(tc::cross_entropy(data, 3),
                      ContainsSubstring("cross_entropy: 2 labels for 3 records; give one label for each record"));
    data.labels = {};
    CHECK_THROWS_WITH(tc::cross_entropy(data, 3), ContainsSubstring("0 labels for 3 records"));
    data.labels = {0, 1, 2};
    for (const double smoothing : {-0.1, 1.0, std::nan("")})
        CHECK_THROWS_WITH(tc::cross_entropy(data, 3, smoothing),
                          ContainsSubstring("a label smoothing of") && ContainsSubstring("from 0 to below 1"));
}

TEST_CASE("targets that do not fit the outputs are refused", "[loss]") {
    const auto targets = tc::make_array<float>({4, 5});
    CHECK_NOTHROW(tc::squared_error(targets, 4, 5));
    CHECK_THROWS_WITH(tc::squared_error(targets, 4, 6),
                      ContainsSubstring("squared_error: targets [4, 5] for 4 records of 6 outputs; give one target"));
    CHECK_THROWS_AS(tc::squared_error(targets, 5, 5), tc::error);
}
