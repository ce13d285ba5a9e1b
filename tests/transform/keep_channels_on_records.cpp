// SPDX-License-Identifier: MIT
#include <compress/transform/keep_channels_on_records.hpp>

#include <compress/graph/builder.hpp>
#include <compress/tensor/records.hpp>
#include <compress/tensor/runner.hpp>

#include "../catch.hpp"
#include "../numbers.hpp"

namespace kept_on_records {

namespace tc = tensor_compress;
using Catch::Matchers::ContainsSubstring;

inline constexpr auto whole = tc::make_model([](auto& g) {
    auto x = g.relu(g.batch_norm("norm", g.conv2d("stem", g.input("image", {6, 6, 2}), 8, {3, 3}, {.bias = false})));
    auto y = g.relu(g.depthwise_conv2d("deep", g.relu(g.conv2d("expand", x, 12, {1, 1})), {3, 3}));
    x = g.relu(g.add("sum", x, g.conv2d("project", y, 8, {1, 1})));
    g.linear("head", g.flatten(g.avg_pool("pool", x, 2)), 4);
});
inline constexpr auto fewer = tc::keep_channels(whole, {.ratio = 0.75});

tc::named_tensors random_weights() {
    tests::numbers random(7);
    tc::named_tensors tensors;
    for (const auto& [name, extents] : tc::needed_tensors(whole)) {
        auto& t = tensors[name] = tc::make_array<float>(extents);
        for (float& v : t) v = name == "norm.running_var" ? 1 + random.real() / 2 : random.real();
    }
    return tensors;
}
tc::records images(std::size_t count, std::uint64_t seed) {
    tests::numbers random(seed);
    auto values = tc::make_array<float>({count, 72});
    for (float& v : values) v = random.real();
    return tc::records(values);
}
template <const auto& Model>
std::vector<float> outputs_of(const tc::named_tensors& tensors, const tc::records& inputs) {
    const auto packed = tc::convert<tc::net<Model>>(tensors);
    tc::runner<tc::net<Model>> run(packed);
    std::vector<float> all;
    for (const auto record : inputs)
        for (const float v : run(record)) all.push_back(v);
    return all;
}
double distance(const std::vector<float>& a, const std::vector<float>& b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        sum += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
    return std::sqrt(sum / static_cast<double>(a.size()));
}

TEST_CASE("channels that are left make up for those that are gone, on other records too", "[transform]") {
    const auto weights = random_weights();
    const auto scores = tc::score_channels(whole, weights);
    const auto others = images(50, 2);
    const auto wanted = outputs_of<whole>(weights, others);
    const double cut = distance(wanted, outputs_of<fewer>(tc::keep_channels<whole, fewer>(weights, scores), others));
    const double fitted =
        distance(wanted, outputs_of<fewer>(tc::keep_channels<whole, fewer>(weights, scores, images(200, 1)), others));
    CHECK(fitted < 0.6 * cut);
}

TEST_CASE("channels that nothing is lost with stay what they were", "[transform]") {
    auto weights = random_weights();
    // Channels 1 and 5 of the residual, and 0, 4 and 9 of the block, are dead and feed nothing.
    const auto clear = [&](const char* name, std::size_t axis, std::initializer_list<std::size_t> channels) {
        auto& t = weights.at(name);
        std::size_t inner = 1;
        for (std::size_t a = axis + 1; a < t.dimension(); ++a) inner *= t.shape(a);
        for (std::size_t i = 0; i < t.size(); ++i)
            for (const std::size_t c : channels)
                if (i / inner % t.shape(axis) == c) t.data()[i] = 0;
    };
    for (const char* name : {"stem.weight", "norm.running_mean", "norm.bias", "project.weight", "project.bias"})
        clear(name, 0, {1, 5});
    for (const char* name : {"expand.weight", "expand.bias", "deep.weight", "deep.bias"}) clear(name, 0, {0, 4, 9});
    tc::channel_scores scores = tc::score_channels(whole, weights);
    for (auto& [label, values] : scores)
        for (std::size_t c = 0; c < values.size(); ++c)
            values[c] = label == "stem" ? (c == 1 || c == 5 ? 0 : 1) : (c == 0 || c == 4 || c == 9 ? 0 : 1);
    const auto inputs = images(40, 5);
    const auto wanted = outputs_of<whole>(weights, inputs);
    const auto found = outputs_of<fewer>(tc::keep_channels<whole, fewer>(weights, scores, images(200, 1)), inputs);
    for (std::size_t i = 0; i < wanted.size(); ++i) CHECK(found[i] == Approx(wanted[i]).margin(2e-3).epsilon(2e-3));
}

TEST_CASE("channels kept on no records are refused", "[transform]") {
    const auto weights = random_weights();
    CHECK_THROWS_WITH((tc::keep_channels<whole, fewer>(weights, tc::score_channels(whole, weights), images(0, 1))),
                      ContainsSubstring("no records"));
}

}  // namespace kept_on_records
