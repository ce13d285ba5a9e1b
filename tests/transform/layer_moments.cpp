// SPDX-License-Identifier: MIT
#include <compress/transform/layer_moments.hpp>

#include <compress/graph/builder.hpp>
#include <compress/tensor/records.hpp>
#include <compress/transform/reconstruct.hpp>

#include "../catch.hpp"
#include "../numbers.hpp"

namespace moments {

namespace tc = tensor_compress;

/// What a layer reads for one group of outputs at one pixel, and what it is to give: written down from the equation.
struct sample {
    std::vector<double> terms, targets;
};

std::vector<sample> samples_of(const tc::conv_geometry& g, int group, const std::vector<float>& input,
                               const std::vector<float>& target) {
    const int inputs = g.in_channels / g.groups, outputs = g.out_channels / g.groups;
    std::vector<sample> all;
    for (int y = 0; y < g.out_height; ++y)
        for (int x = 0; x < g.out_width; ++x) {
            sample s;
            for (int c = 0; c < inputs; ++c)
                for (int i = 0; i < g.kernel_height; ++i)
                    for (int j = 0; j < g.kernel_width; ++j) {
                        const int row = y * g.stride_height + i * g.dilation_height - g.top;
                        const int column = x * g.stride_width + j * g.dilation_width - g.left;
                        const bool inside = row >= 0 && row < g.in_height && column >= 0 && column < g.in_width;
                        const int at = (row * g.in_width + column) * g.in_channels + group * inputs + c;
                        s.terms.push_back(inside ? static_cast<double>(input[static_cast<std::size_t>(at)]) : 0.0);
                    }
            for (int o = 0; o < outputs; ++o)
                s.targets.push_back(static_cast<double>(
                    target[static_cast<std::size_t>((y * g.out_width + x) * g.out_channels + group * outputs + o)]));
            all.push_back(s);
        }
    return all;
}

double mean_of(const std::vector<sample>& samples, std::vector<double> sample::*part, std::size_t at) {
    double sum = 0;
    for (const sample& s : samples) sum += (s.*part)[at];
    return sum / static_cast<double>(samples.size());
}

/// Moments of random records against plain loops over them.
void check(const tc::conv_geometry& g, int records) {
    tests::numbers random(17);
    tc::layer_moments gathered(g);
    std::vector<std::vector<sample>> samples(static_cast<std::size_t>(g.groups));
    for (int r = 0; r < records; ++r) {
        std::vector<float> input(static_cast<std::size_t>(g.in_elements())),
            target(static_cast<std::size_t>(g.out_elements()));
        for (float& v : input) v = 0.5f + random.bell();
        for (float& v : target) v = random.bell() - 2;
        gathered.add(input, target);
        for (int group = 0; group < g.groups; ++group)
            for (const sample& s : samples_of(g, group, input, target))
                samples[static_cast<std::size_t>(group)].push_back(s);
    }
    const auto found = gathered.finish();
    REQUIRE(found.size() == samples.size());
    double worst = 0;
    const auto compare = [&](double a, double b) { worst = std::max(worst, std::abs(a - b)); };
    for (std::size_t group = 0; group < found.size(); ++group) {
        const auto& all = samples[group];
        const std::size_t terms = all[0].terms.size(), outputs = all[0].targets.size();
        REQUIRE(tc::shape_of(found[group].inputs) == std::vector<std::size_t>{terms, terms});
        REQUIRE(tc::shape_of(found[group].targets) == std::vector<std::size_t>{outputs, terms});
        REQUIRE(found[group].input_mean.size() == terms);
        REQUIRE(found[group].target_mean.size() == outputs);
        std::vector<double> x, t;
        for (std::size_t k = 0; k < terms; ++k) x.push_back(mean_of(all, &sample::terms, k));
        for (std::size_t o = 0; o < outputs; ++o) t.push_back(mean_of(all, &sample::targets, o));
        for (std::size_t k = 0; k < terms; ++k) {
            compare(found[group].input_mean[k], x[k]);
            for (std::size_t l = 0; l < terms; ++l) {
                double sum = 0;
                for (const sample& s : all) sum += (s.terms[k] - x[k]) * (s.terms[l] - x[l]);
                compare(found[group].inputs(k, l), sum / static_cast<double>(all.size()));
            }
            for (std::size_t o = 0; o < outputs; ++o) {
                double sum = 0;
                for (const sample& s : all) sum += (s.targets[o] - t[o]) * (s.terms[k] - x[k]);
                compare(found[group].targets(o, k), sum / static_cast<double>(all.size()));
            }
        }
        for (std::size_t o = 0; o < outputs; ++o) compare(found[group].target_mean[o], t[o]);
    }
    CHECK(worst < 1e-4);
}

TEST_CASE("moments of a convolution are those of its pixels", "[moments]") {
    check({7, 6, 3, 4, 3, 5, 3, 3, 2, 2, 1, 1, 1, 1}, 12);     // stride, padding all around
    check({6, 7, 2, 6, 3, 4, 3, 2, 1, 2, 2, 3, 2, 1}, 9);      // dilation, padding of one side
    check({8, 8, 2, 8, 8, 3}, 70);                             // more pixels than are multiplied at a time
    check({5, 5, 6, 3, 3, 4, 3, 3, 1, 1, 1, 1, 0, 0, 2}, 10);  // groups
    check({5, 4, 3, 5, 4, 6, 3, 3, 1, 1, 1, 1, 1, 1, 3}, 10);  // two outputs to a channel
    check({4, 4, 4, 2, 2, 4, 2, 2, 2, 2, 1, 1, 0, 0, 4}, 1);   // one record
}

TEST_CASE("moments of a linear layer are those of its rows", "[moments]") {
    check({1, 1, 9, 1, 1, 4}, 30);
    check({1, 5, 6, 1, 5, 3}, 8);
}

inline constexpr auto every_product = tc::make_model([](auto& g) {
    auto x = g.relu(g.conv2d("stem", g.input("image", {9, 7, 3}), 8, {3, 2}, {.stride = {2, 1}}));
    x = g.batch_norm("norm", g.conv2d("grouped", x, 8, {3, 3}, {.groups = 2, .bias = false}));
    x = g.relu(g.add("sum", g.depthwise_conv2d("deep", x, {3, 3}), x));
    x = g.linear("rows", g.reshape("turned", x, {5, 56}), 6);
    g.linear("head", g.flatten(g.tanh(x)), 5);
});

TEST_CASE("moments know the order of a layer's weights", "[moments]") {
    // What a layer gives is W x + b: so are its moments.
    tests::numbers random(5);
    tc::named_tensors weights;
    for (const auto& [name, extents] : tc::needed_tensors(every_product)) {
        auto& t = weights[name] = tc::make_array<float>(extents);
        for (float& v : t) v = name == "norm.running_var" ? 1 + std::abs(random.real()) : random.real() / 2;
    }
    auto images = tc::make_array<float>({10, 9, 7, 3});
    for (float& v : images) v = random.real();
    std::vector<std::string> seen;
    tc::change_layers<every_product>(
        weights, tc::records(images), [&]<const tc::node & Node>(tc::layer_to_change& layer) {
            seen.push_back(layer.label);
            INFO(layer.label);
            const std::size_t outputs = layer.group_outputs();
            for (std::size_t group = 0; group < layer.groups.size(); ++group) {
                const tc::group_moments& m = layer.groups[group];
                for (std::size_t o = 0; o < outputs; ++o) {
                    const auto w = layer.weights.row(group * outputs + o);
                    double mean = static_cast<double>(layer.weights.bias[group * outputs + o]);
                    for (std::size_t k = 0; k < w.size(); ++k) {
                        mean += static_cast<double>(w[k]) * m.input_mean[k];
                        double expected = 0;
                        for (std::size_t l = 0; l < w.size(); ++l)
                            expected += static_cast<double>(w[l]) * m.inputs(l, k);
                        CHECK(m.targets(o, k) == Approx(expected).margin(1e-5));
                    }
                    CHECK(m.target_mean[o] == Approx(mean).margin(1e-5));
                }
            }
        });
    CHECK(seen == std::vector<std::string>{"stem", "grouped", "deep", "rows", "head"});
}

}  // namespace moments
