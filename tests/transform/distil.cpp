// SPDX-License-Identifier: MIT
#include <compress/transform/distil.hpp>

#include <compress/graph/builder.hpp>
#include <compress/tensor/thread_pool.hpp>

#include "../catch.hpp"
#include "../numbers.hpp"

namespace distilling {

namespace tc = tensor_compress;
using Catch::Matchers::ContainsSubstring;

constexpr std::size_t classes = 4;

inline constexpr auto teacher = tc::make_model([](auto& g) {
    auto x = g.relu(g.linear("first", g.flatten(g.input("image", {3, 3, 1})), 32));
    g.linear("last", g.relu(g.linear("second", x, 24)), 4);
});
inline constexpr auto probable_teacher = tc::make_model([](auto& g) {
    auto x = g.relu(g.linear("first", g.flatten(g.input("image", {3, 3, 1})), 32));
    g.softmax(g.linear("last", g.relu(g.linear("second", x, 24)), 4));
});
inline constexpr auto student = tc::make_model([](auto& g) {
    g.linear("head", g.relu(g.linear("hidden", g.flatten(g.input("image", {3, 3, 1})), 6)), 4);
});
inline constexpr auto probable_student = tc::make_model([](auto& g) {
    g.softmax(g.linear("head", g.relu(g.linear("hidden", g.flatten(g.input("image", {3, 3, 1})), 6)), 4));
});

/// Blobs around the corners of a square that lies in nine dimensions; neighbours overlap, so a teacher is unsure.
tc::data_set blobs(std::size_t count, std::uint64_t seed) {
    tests::numbers random(seed);
    tc::data_set set{tc::make_array<float>({count, 3, 3, 1}), {}, static_cast<int>(classes)};
    for (std::size_t i = 0; i < count; ++i) {
        const int label = random.between(0, 3);
        const float along = label % 2 == 0 ? -1.0f : 1.0f, across = label / 2 == 0 ? -1.0f : 1.0f;
        for (std::size_t k = 0; k < 9; ++k)
            set.inputs.data()[i * 9 + k] = 2 * random.bell() + (k % 2 == 0 ? along : across);
        set.labels.push_back(label);
    }
    return set;
}

/// Of a teacher that was trained on more records than its student sees.
const tc::named_tensors& taught() {
    static const tc::named_tensors weights = [] {
        tc::fit_options options{.epochs = 4, .batch = 32, .optimizer = tc::adam{.rate = 0.01}};
        return tc::fit<teacher>(tc::initial_weights<teacher>(1), blobs(2000, 1), options).weights;
    }();
    return weights;
}
tc::named_tensors beginner() { return tc::initial_weights<student>(5); }

template <const auto& Model>
std::vector<std::vector<double>> outputs_of(const tc::named_tensors& weights, const tc::data_set& data) {
    const auto packed = tc::convert<tc::net<Model>>(weights);
    tc::runner<tc::net<Model>> run(packed);
    std::vector<std::vector<double>> all;
    for (std::size_t i = 0; i < data.size(); ++i) {
        const auto found = run(data.input(i));
        all.emplace_back(found.begin(), found.end());
    }
    return all;
}

/// exp(v / T) / sum of exp, from its definition.
std::vector<double> softened(std::vector<double> logits, double temperature) {
    double sum = 0;
    for (double& v : logits) sum += v = std::exp(v / temperature);
    for (double& v : logits) v /= sum;
    return logits;
}
double divergence(const std::vector<double>& wanted, const std::vector<double>& given) {
    double sum = 0;
    for (std::size_t k = 0; k < wanted.size(); ++k) sum += wanted[k] * std::log(wanted[k] / given[k]);
    return sum;
}

/// Mean of alpha T^2 KL + (1 - alpha) CE over records.
double mean_loss(const tc::named_tensors& weights, const tc::data_set& data, double temperature, double alpha) {
    const auto wanted = outputs_of<teacher>(taught(), data), given = outputs_of<student>(weights, data);
    double sum = 0;
    for (std::size_t i = 0; i < data.size(); ++i) {
        sum += alpha * temperature * temperature *
               divergence(softened(wanted[i], temperature), softened(given[i], temperature));
        if (alpha < 1) sum -= (1 - alpha) * std::log(softened(given[i], 1)[static_cast<std::size_t>(data.labels[i])]);
    }
    return sum / static_cast<double>(data.size());
}

/// Mean divergence of a student from its teacher, as they are.
double distance_from_teacher(const tc::named_tensors& weights, const tc::data_set& data) {
    const auto wanted = outputs_of<teacher>(taught(), data), given = outputs_of<student>(weights, data);
    double sum = 0;
    for (std::size_t i = 0; i < data.size(); ++i) sum += divergence(softened(wanted[i], 1), softened(given[i], 1));
    return sum / static_cast<double>(data.size());
}

tc::distil_options options_of(int epochs, double temperature = 4, double alpha = 0.7) {
    tc::distil_options options;
    options.epochs = epochs;
    options.batch = 20;
    options.optimizer = tc::adam{.rate = 0.01};
    options.temperature = temperature;
    options.alpha = alpha;
    return options;
}

tc::fitted distilled(const tc::data_set& data, const tc::distil_options& options) {
    return tc::distil<teacher, student>(taught(), beginner(), data, options);
}

/// One step over all records: its loss is that of the weights before it.
TEST_CASE("the loss is that of the teacher and that of the labels", "[distil]") {
    const auto data = blobs(40, 2);
    for (const double temperature : {1.0, 4.0})
        for (const double alpha : {0.0, 0.3, 1.0}) {
            INFO("temperature " << temperature << ", alpha " << alpha);
            auto options = options_of(1, temperature, alpha);
            options.batch = 40;
            CHECK(distilled(data, options).history[0].loss ==
                  Approx(mean_loss(beginner(), data, temperature, alpha)).epsilon(1e-4));
        }
}

TEST_CASE("a step goes down the slope of that loss", "[distil]") {
    const auto data = blobs(40, 2);
    auto options = options_of(1, 3, 0.6);
    options.batch = 40;
    options.optimizer = tc::sgd{.rate = 0.1};
    const auto before = beginner(), after = distilled(data, options).weights;
    for (const auto& [name, tensor] : before) {
        for (std::size_t i = 0; i < tensor.size(); i += 5) {
            constexpr float step = 1e-3f;
            auto more = before, less = before;
            more.at(name).data()[i] += step;
            less.at(name).data()[i] -= step;
            const double slope = (mean_loss(more, data, 3, 0.6) - mean_loss(less, data, 3, 0.6)) / (2 * step);
            INFO(name << " " << i);
            CHECK(static_cast<double>(tensor.data()[i] - after.at(name).data()[i]) ==
                  Approx(0.1 * slope).epsilon(0.03).margin(1e-3));
        }
    }
}

TEST_CASE("training with the labels alone is fit", "[distil]") {
    const auto data = blobs(60, 2);
    auto options = options_of(3, 4, 0);
    options.label_smoothing = 0.1;
    const auto found = distilled(data, options);
    const auto expected = tc::fit<student>(beginner(), data, static_cast<const tc::fit_options&>(options));
    for (const auto& [name, tensor] : expected.weights) {
        INFO(name);
        for (std::size_t i = 0; i < tensor.size(); ++i)
            CHECK(found.weights.at(name).data()[i] == Approx(tensor.data()[i]).margin(1e-5));
    }
    CHECK(found.history.back().loss == Approx(expected.history.back().loss).epsilon(1e-5));
}

TEST_CASE("a teacher alone needs no labels", "[distil]") {
    const auto labelled = blobs(60, 2);
    auto data = labelled;
    data.labels.clear();
    const auto found = distilled(data, options_of(4, 4, 1));
    CHECK((found.weights == distilled(labelled, options_of(4, 4, 1)).weights));
    CHECK(found.history.back().loss < 0.7 * found.history.front().loss);
}

TEST_CASE("who is taught comes nearer to the teacher than who learns alone", "[distil]") {
    const auto data = blobs(80, 2), held_out = blobs(300, 3);
    const auto options = options_of(40, 2, 1);
    const auto alone = tc::fit<student>(beginner(), data, static_cast<const tc::fit_options&>(options));
    const auto found = distilled(data, options);
    CHECK(distance_from_teacher(found.weights, held_out) < 0.5 * distance_from_teacher(alone.weights, held_out));
    CHECK(distance_from_teacher(found.weights, held_out) < 0.2 * distance_from_teacher(beginner(), held_out));
}

TEST_CASE("a softmax that ends teacher or student changes nothing", "[distil]") {
    const auto data = blobs(60, 2);
    const auto options = options_of(2);
    const auto expected = distilled(data, options);
    const auto found = tc::distil<probable_teacher, student>(taught(), beginner(), data, options);
    CHECK((found.weights == expected.weights));
    CHECK(found.history.back().loss == expected.history.back().loss);
    CHECK((tc::distil<teacher, probable_student>(taught(), beginner(), data, options).weights == expected.weights));
}

TEST_CASE("what is learnt depends on the seed, not on the threads", "[distil]") {
    const auto data = blobs(60, 2);
    auto options = options_of(2);
    const tc::thread_pool threads(2);
    for (const bool augmented : {false, true}) {
        INFO("augmented: " << augmented);
        if (augmented) options.augment = {.shift = 1, .flip = true};
        options.seed = 1;
        const auto expected = distilled(data, options);
        CHECK((distilled(data, options).weights == expected.weights));
        const auto found = tc::distil<teacher, student>(taught(), beginner(), data, options, threads);
        CHECK((found.weights == expected.weights));
        CHECK(found.history.back().loss == expected.history.back().loss);
        options.seed = 2;
        CHECK_FALSE((distilled(data, options).weights == expected.weights));
    }
}

TEST_CASE("of an augmented image the teacher tells what it sees itself", "[distil]") {
    // Where all pixels are alike, a moved image is the image: augmentation changes nothing but the way.
    auto data = blobs(60, 2);
    for (std::size_t i = 0; i < data.inputs.size(); ++i) data.inputs.data()[i] = data.inputs.data()[i / 9 * 9];
    auto options = options_of(2);
    const auto expected = distilled(data, options);
    options.augment = {.shift = 1, .flip = true};
    CHECK((distilled(data, options).weights == expected.weights));
}

TEST_CASE("masks and frozen layers hold where a student is taught", "[distil]") {
    const auto data = blobs(60, 2);
    tc::named_tensors masks{{"hidden.weight", tc::make_array<float>({6, 9})}};
    for (std::size_t i = 0; i < 54; i += 2) masks.at("hidden.weight").data()[i] = 1;
    auto options = options_of(2);
    options.masks = &masks;
    options.frozen = {"head"};
    const auto found = distilled(data, options).weights;
    for (std::size_t i = 0; i < 54; ++i)
        CHECK((found.at("hidden.weight").data()[i] == 0) == (masks.at("hidden.weight").data()[i] == 0));
    CHECK((found.at("head.weight") == beginner().at("head.weight")));
}

TEST_CASE("what cannot be taught is refused with its reason", "[distil]") {
    const auto data = blobs(20, 2);
    const auto expect_refusal = [](const tc::data_set& records, const tc::distil_options& options, const char* text) {
        CHECK_THROWS_WITH(distilled(records, options), ContainsSubstring(text));
    };
    expect_refusal(data, options_of(1, 0), "distil: a temperature of 0.000000; it is above 0; 2 to 8 are usual");
    expect_refusal(data, options_of(1, -1), "a temperature of -1.000000");
    expect_refusal(data, options_of(1, 4, 1.5), "an alpha of 1.500000; it is the teacher's share of the loss");
    expect_refusal(data, options_of(1, 4, -0.5), "an alpha of -0.500000");
    auto unlabelled = data;
    unlabelled.labels.clear();
    expect_refusal(unlabelled, options_of(1), "0 labels for 20 records; give each record one, or the teacher alone");
    auto wrong = data;
    wrong.labels[7] = 4;
    expect_refusal(wrong, options_of(1), "label 4 of record 7, the model has 4 classes");
    auto smooth = options_of(1);
    smooth.label_smoothing = 1;
    expect_refusal(data, smooth, "a label smoothing of 1.000000");
    CHECK_THROWS_WITH((tc::distil<teacher, student>(beginner(), beginner(), data)),
                      ContainsSubstring("no first.weight [32, 9]"));
    CHECK_THROWS_WITH((tc::distil<teacher, student>(taught(), taught(), data)),
                      ContainsSubstring("no hidden.weight [6, 9]"));
    expect_refusal(tc::data_set{}, options_of(1), "no records");
    tc::data_set small{tc::make_array<float>({5, 2, 3, 1}), {0, 1, 2, 3, 0}, 4};
    expect_refusal(small, options_of(1), "values for ");
}

}  // namespace distilling
