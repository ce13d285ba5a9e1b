// SPDX-License-Identifier: MIT
#include <compress/transform/equalize.hpp>

#include <compress/graph/builder.hpp>
#include <compress/tensor/records.hpp>
#include <compress/transform/calibrate.hpp>
#include <compress/transform/round_per_tensor.hpp>

#include "../catch.hpp"
#include "../numbers.hpp"

namespace equalizing {

namespace tc = tensor_compress;

/// Every operator that a chain may have.
inline constexpr auto chained = tc::make_model([](auto& g) {
    auto x = g.batch_norm("norm", g.conv2d("stem", g.input("image", {12, 12, 3}), 8, {3, 3}, {.bias = false}));
    x = g.depthwise_conv2d("deep", g.relu(x), {3, 3}, {}, 2);
    x = g.max_pool("largest", g.leaky_relu(x, 0.2f), {2, 2});
    x = g.batch_norm("second norm", g.batch_norm("first norm", g.conv2d("back", x, 6, {3, 3})));
    x = g.avg_pool("mean", g.dropout("drop", g.relu(x), 0.5f), {2, 2});
    x = g.relu(g.linear("hidden", g.flatten(x), 10));
    g.softmax("probabilities", g.linear("head", x, 4));
});
/// Every layer reads, or is read by, what ends a chain.
inline constexpr auto ended = tc::make_model([](auto& g) {
    auto x = g.relu6(g.conv2d("clamped", g.input("image", {8, 8, 3}), 8, {3, 3}));
    auto y = g.conv2d("one side", x, 8, {3, 3});
    x = g.relu(g.add("sum", y, g.conv2d("other side", x, 8, {1, 1})));
    x = g.relu(g.conv2d("grouped", x, 8, {3, 3}, {.groups = 2}));
    x = g.sigmoid(g.conv2d("bent", x, 8, {1, 1}));
    x = g.relu(g.conv2d("read twice", x, 8, {1, 1}));
    auto left = g.conv2d("left", x, 4, {1, 1});
    auto right = g.mul("scaled", g.conv2d("right", x, 4, {1, 1}), g.constant("factor", {4}));
    g.output("first", g.linear("head", g.global_average_pool("pool", g.relu(right)), 4));
    auto seen = g.relu(left);
    g.output("second", seen);
    g.output("third", g.conv2d("tail", seen, 2, {1, 1}));
});
/// What MobileNets are made of, without clamps at 6.
inline constexpr auto separable = tc::make_model([](auto& g) {
    auto x = g.relu(g.conv2d("stem", g.input("image", {12, 12, 3}), 16, {3, 3}));
    x = g.relu(g.depthwise_conv2d("deep1", x, {3, 3}));
    x = g.relu(g.conv2d("wide1", x, 24, {1, 1}));
    x = g.relu(g.depthwise_conv2d("deep2", x, {3, 3}, {.stride = 2}));
    x = g.relu(g.conv2d("wide2", x, 32, {1, 1}));
    g.linear("head", g.global_average_pool("pool", x), 6);
});
inline constexpr tc::recipe all_int8{tc::int8};
inline constexpr tc::recipe weights_alone{tc::weight_only(tc::int8)};

template <const auto& Model>
tc::named_tensors random_weights(std::uint64_t seed) {
    tests::numbers random(seed);
    tc::named_tensors weights;
    for (const auto& [name, extents] : tc::needed_tensors(Model)) {
        auto& t = weights[name] = tc::make_array<float>(extents);
        const double terms = static_cast<double>(t.size()) / static_cast<double>(extents[0]);
        for (float& v : t) v = random.bell() / static_cast<float>(std::sqrt(terms));
        if (name.ends_with("running_var"))
            for (float& v : t) v = 0.5f + v * v;
    }
    return weights;
}
/// The same function, with channels between two layers that are up to 900 times as large as others.
void spread(tc::named_tensors& weights, const std::string& first, const std::string& second, bool depthwise,
            tests::numbers& random) {
    auto &w = weights.at(first + ".weight"), &b = weights.at(first + ".bias"), &next = weights.at(second + ".weight");
    const std::size_t channels = b.size();
    std::vector<float> factors(channels);
    for (float& f : factors) f = std::pow(30.0f, random.real());
    for (std::size_t i = 0; i < w.size(); ++i) w.data()[i] *= factors[i / (w.size() / channels)];
    for (std::size_t c = 0; c < channels; ++c) b.data()[c] *= factors[c];
    const std::size_t row = next.size() / next.shape(0);
    for (std::size_t i = 0; i < next.size(); ++i)
        next.data()[i] /= factors[depthwise ? i / row : i % row / (row / channels)];
}

template <const auto& Model>
tc::array<float> random_images(std::size_t count, std::uint64_t seed) {
    tests::numbers random(seed);
    const auto extent = [](int axis) { return static_cast<std::size_t>(Model[0].output[axis]); };
    auto images = tc::make_array<float>({count, extent(0), extent(1), extent(2)});
    for (float& v : images) v = random.bell();
    return images;
}

/// Largest difference of the outputs of two nets, by the largest output.
template <class Net, class Other>
double distance(const tc::packed<Net>& a, const tc::packed<Other>& b, const tc::array<float>& images) {
    tc::runner<Net> first(a);
    tc::runner<Other> second(b);
    double worst = 0, largest = 0;
    for (const auto image : tc::records(images)) {
        first(image);
        second(image);
        for (std::size_t o = 0; o < static_cast<std::size_t>(Net::model.output_count); ++o)
            for (std::size_t i = 0; i < first.output(o).size(); ++i) {
                const auto x = static_cast<double>(first.output(o)[i]), y = static_cast<double>(second.output(o)[i]);
                worst = std::max(worst, std::abs(x - y));
                largest = std::max(largest, std::abs(x));
            }
    }
    return worst / largest;
}
template <const auto& Model>
double distance(const tc::named_tensors& a, const tc::named_tensors& b) {
    return distance(tc::convert<tc::net<Model>>(a), tc::convert<tc::net<Model>>(b), random_images<Model>(8, 9));
}

double largest_of(const tc::array<float>& w, std::size_t channel, auto channel_of) {
    double largest = 0;
    for (std::size_t i = 0; i < w.size(); ++i)
        if (channel_of(i) == channel) largest = std::max(largest, std::abs(static_cast<double>(w.data()[i])));
    return largest;
}
/// gamma / sqrt(variance + epsilon) of a norm's channel.
double norm_factor(const tc::named_tensors& weights, const std::string& norm, std::size_t c) {
    return std::abs(static_cast<double>(weights.at(norm + ".weight").data()[c])) /
           std::sqrt(static_cast<double>(weights.at(norm + ".running_var").data()[c]) + 1e-5);
}

TEST_CASE("equalised channels have the same range on both sides, and the net is the same function", "[transform]") {
    const auto before = random_weights<chained>(1);
    const auto after = tc::equalize<chained>(before);
    CHECK(distance<chained>(before, after) < 1e-4);
    const auto w = [&](const char* layer) -> const tc::array<float>& {
        return after.at(std::string(layer) + ".weight");
    };
    for (std::size_t c = 0; c < 8; ++c)  // what is folded counts; the depthwise layer has two outputs a channel
        CHECK(largest_of(w("stem"), c, [](std::size_t i) { return i / 27; }) * norm_factor(after, "norm", c) ==
              Approx(largest_of(w("deep"), c, [](std::size_t i) { return i / 18; })).epsilon(1e-3));
    for (std::size_t c = 0; c < 16; ++c) {
        double read = 0;
        for (std::size_t o = 0; o < 6; ++o)
            read = std::max(read, largest_of(w("back"), o * 16 + c, [](std::size_t i) { return i / 9; }) *
                                      norm_factor(after, "first norm", o) * norm_factor(after, "second norm", o));
        CHECK(largest_of(w("deep"), c, [](std::size_t i) { return i / 9; }) == Approx(read).epsilon(1e-3));
    }
    for (std::size_t c = 0; c < 6; ++c)  // behind the flatten: 3 x 3 pixels of 6 channels
        CHECK(largest_of(w("back"), c, [](std::size_t i) { return i / 144; }) * norm_factor(after, "first norm", c) *
                  norm_factor(after, "second norm", c) ==
              Approx(largest_of(w("hidden"), c, [](std::size_t i) { return i % 54 % 6; })).epsilon(1e-3));
    for (std::size_t c = 0; c < 10; ++c)
        CHECK(largest_of(w("hidden"), c, [](std::size_t i) { return i / 54; }) ==
              Approx(largest_of(w("head"), c, [](std::size_t i) { return i % 10; })).epsilon(1e-3));
    CHECK((after.at("norm.running_mean") == before.at("norm.running_mean")));
    CHECK_FALSE((after.at("norm.bias") == before.at("norm.bias")));
    CHECK((after.at("head.bias") == before.at("head.bias")));
    // There is nothing left to do.
    const auto again = tc::equalize<chained>(after);
    for (const auto& [name, tensor] : after)
        for (std::size_t i = 0; i < tensor.size(); ++i)
            CHECK(again.at(name).data()[i] == Approx(tensor.data()[i]).epsilon(1e-3));
}

TEST_CASE("channels without weights on one side stay as they are", "[transform]") {
    auto before = random_weights<chained>(2);
    auto &stem = before.at("stem.weight"), &deep = before.at("deep.weight"), &head = before.at("head.weight");
    std::fill_n(stem.data() + 2 * 27, 27, 0.0f);
    std::fill_n(deep.data() + 5 * 18, 18, 0.0f);
    for (std::size_t o = 0; o < 4; ++o) head.data()[o * 10 + 7] = 0;
    const auto after = tc::equalize<chained>(before);
    CHECK(distance<chained>(before, after) < 1e-4);
    const auto same = [&](const char* name, std::size_t i) {
        return after.at(name).data()[i] == before.at(name).data()[i];
    };
    CHECK(same("norm.weight", 2));
    CHECK(same("norm.bias", 2));
    CHECK(same("norm.weight", 5));
    CHECK(same("hidden.bias", 7));
    CHECK_FALSE(same("norm.weight", 3));
    CHECK_FALSE(same("hidden.bias", 6));
}

TEST_CASE("chains end at what does not scale, is read twice or is an output", "[transform]") {
    const auto before = random_weights<ended>(3);
    const auto after = tc::equalize<ended>(before);
    for (const auto& [name, tensor] : before) {
        INFO(name);
        CHECK((after.at(name) == tensor));
    }
}

TEST_CASE("equalising makes up for channels that were spread, in nets of one step a layer", "[transform]") {
    auto weights = random_weights<separable>(4);
    const auto images = random_images<separable>(32, 5);
    const auto original = tc::convert<tc::net<separable>>(weights);
    tests::numbers random(6);
    spread(weights, "stem", "deep1", true, random);
    spread(weights, "deep1", "wide1", false, random);
    spread(weights, "wide1", "deep2", true, random);
    spread(weights, "deep2", "wide2", false, random);
    const auto equalized = tc::equalize<separable>(weights);
    CHECK(distance(original, tc::convert<tc::net<separable>>(weights), images) < 1e-4);
    CHECK(distance(original, tc::convert<tc::net<separable>>(equalized), images) < 1e-4);
    const auto noise = [&]<const auto & Recipe>(const tc::named_tensors& of) {
        using net = tc::net<separable, Recipe>;
        const auto seen = tc::calibrate<separable>(of, tc::records(images));
        return distance(original, tc::convert<net>(of, seen, tc::round_per_tensor<net>(of)), images);
    };
    const double spoiled = noise.operator()<weights_alone>(weights),
                 better = noise.operator()<weights_alone>(equalized);
    CAPTURE(spoiled, better);
    CHECK(better < 0.1 * spoiled);
    CHECK(noise.operator()<all_int8>(equalized) < 0.3 * noise.operator()<all_int8>(weights));
}

TEST_CASE("equalising asks for weights that fit the model", "[transform]") {
    auto weights = random_weights<separable>(7);
    weights["stem.bias"] = tc::make_array<float>({3});
    CHECK_THROWS_WITH(tc::equalize<separable>(weights),
                      Catch::Matchers::ContainsSubstring("stem.bias is [3] instead of [16]"));
}

}  // namespace equalizing
