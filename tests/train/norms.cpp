// SPDX-License-Identifier: MIT
#include <compress/graph/builder.hpp>
#include <compress/train/norms.hpp>

#include <compress/train/parameters.hpp>

#include "../catch.hpp"
#include "../numbers.hpp"

namespace tc = tensor_compress;

namespace {

constexpr int channels = 19, pixels = 40;

/// Values far from 0: their squares alone would not tell the variance.
std::vector<float> random_values() {
    tests::numbers random(1);
    std::vector<float> values;
    for (int i = 0; i < pixels; ++i)
        for (int c = 0; c < channels; ++c) values.push_back(100.0f * static_cast<float>(c) + random.real());
    return values;
}

/// Both parts of a batch, one in two portions.
void gather(tc::training_norm& norm, const std::vector<float>& values) {
    norm.clear();
    float mean[channels], squares[channels];
    int begin = 0;
    for (const auto& [part, count] : {std::pair{0, 7}, std::pair{0, 20}, std::pair{1, 13}}) {
        tc::moments_of<tc::native, channels>(count, values.data() + begin * channels, mean, squares);
        norm.moments(part).merge(count, mean, squares);
        begin += count;
    }
    REQUIRE(begin == pixels);
}

inline constexpr auto two_norms = tc::make_model([](auto& g) {
    auto x = g.batch_norm("first", g.conv2d("stem", g.input("image", {4, 4, 1}), 5, {1, 1}), 0.25f);
    g.batch_norm("second", g.conv2d("next", x, 3, {1, 1}));
});

}  // namespace

TEST_CASE("a batch norm applies the batch's statistics and runs after them", "[train]") {
    const auto values = random_values();
    std::vector<float> gamma(channels, 2.0f), beta(channels, 0.5f);
    tc::training_norm norm(channels, 1e-3f, 2);
    std::fill(norm.running_variance.begin(), norm.running_variance.end(), 1.0f);
    std::vector<double> running_mean(channels), running_variance(channels, 1.0);
    for (int step = 0; step < 3; ++step) {
        gather(norm, values);
        norm.use_batch(gamma.data(), beta.data(), 0.1f);
        const tc::norm_step seen = norm.view(1);
        for (int c = 0; c < channels; ++c) {
            const auto at = static_cast<std::size_t>(c);
            double mean = 0, squares = 0;
            const auto value = [&](int i) {
                return static_cast<double>(values[static_cast<std::size_t>(i * channels + c)]);
            };
            for (int i = 0; i < pixels; ++i) mean += value(i) / pixels;
            for (int i = 0; i < pixels; ++i) squares += (value(i) - mean) * (value(i) - mean);
            const double factor = 1 / std::sqrt(squares / pixels + 1e-3);
            INFO(c);
            CHECK(seen.mean[c] == Approx(mean).epsilon(1e-6).margin(1e-6));
            CHECK(seen.factor[c] == Approx(factor).epsilon(1e-3));
            CHECK(seen.scale[c] == Approx(2 * factor).epsilon(1e-3));
            CHECK(seen.shift[c] == Approx(0.5 - mean * 2 * factor).epsilon(1e-3));
            running_mean[at] += 0.1 * (mean - running_mean[at]);
            running_variance[at] += 0.1 * (squares / (pixels - 1) - running_variance[at]);
            CHECK(norm.running_mean[at] == Approx(running_mean[at]).epsilon(1e-5).margin(1e-5));
            CHECK(norm.running_variance[at] == Approx(running_variance[at]).epsilon(1e-4));
        }
    }
}

TEST_CASE("a batch norm applies its running statistics in inference, and keeps them", "[train]") {
    const std::vector<float> gamma(channels, 3.0f), beta(channels, -1.0f);
    tc::training_norm norm(channels, 0.5f, 1);
    for (std::size_t c = 0; c < channels; ++c) {
        norm.running_mean[c] = static_cast<float>(c);
        norm.running_variance[c] = 3.5f;
    }
    const auto mean = norm.running_mean, variance = norm.running_variance;
    norm.use_running(gamma.data(), beta.data());
    const tc::norm_step seen = norm.view(0);
    for (int c = 0; c < channels; ++c) {
        CHECK(seen.scale[c] == Approx(1.5));
        CHECK(seen.shift[c] == Approx(-1 - 1.5 * c));
    }
    CHECK(norm.running_mean == mean);
    CHECK(norm.running_variance == variance);
}

TEST_CASE("one value has no unbiased variance", "[train]") {
    const float value = 5, none = 0, gamma = 1, beta = 2;
    tc::training_norm norm(1, 1e-5f, 1);
    norm.running_variance[0] = 1;
    norm.moments(0).merge(1, &value, &none);
    norm.use_batch(&gamma, &beta, 0.5f);
    CHECK(norm.running_mean[0] == 2.5f);
    CHECK(norm.running_variance[0] == 0.5f);
}

TEST_CASE("the norms of a model begin with the statistics of its tensors", "[train]") {
    auto tensors = tc::initial_weights<two_norms>(1);
    tensors.at("first.running_mean")(4) = 7;
    tensors.at("second.running_var")(2) = 9;
    const auto norms = tc::training_norms<two_norms>(tensors, 2);
    REQUIRE(norms.size() == 2);
    CHECK(norms[0].running_mean[4] == 7.0f);
    CHECK(norms[0].running_variance[4] == 1.0f);
    CHECK(norms[1].running_mean[2] == 0.0f);
    CHECK(norms[1].running_variance[2] == 9.0f);
}
