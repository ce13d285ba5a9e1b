// SPDX-License-Identifier: MIT
#include <compress/transform/hints.hpp>

#include <compress/evaluate/measure.hpp>
#include <compress/graph/builder.hpp>
#include <compress/tensor/digits.hpp>
#include <compress/tensor/thread_pool.hpp>
#include <compress/transform/distil.hpp>

#include "../catch.hpp"
#include "../numbers.hpp"

namespace hinting {

namespace tc = tensor_compress;
using Catch::Matchers::ContainsSubstring;
using floats = std::vector<float>;

floats random_floats(std::uint64_t seed, std::size_t count) {
    tests::numbers random(seed);
    floats made(count);
    for (float& v : made) v = random.real();
    return made;
}

/// sum over channels of squares, over the length of them all.
std::vector<double> map_of(const floats& values, std::size_t pixels) {
    const std::size_t channels = values.size() / pixels;
    std::vector<double> map(pixels);
    double squares = 0;
    for (std::size_t i = 0; i < values.size(); ++i) map[i / channels] += std::pow(static_cast<double>(values[i]), 2);
    for (const double v : map) squares += v * v;
    for (double& v : map) v /= std::sqrt(squares);
    return map;
}
/// Half the squared distance of two maps.
double attention_error(const floats& values, const floats& target) {
    const auto map = map_of(values, target.size());
    double sum = 0;
    for (std::size_t p = 0; p < map.size(); ++p) sum += std::pow(map[p] - static_cast<double>(target[p]), 2) / 2;
    return sum;
}

TEST_CASE("an attention map has unit length and forgets channels and size", "[hints]") {
    const floats values = random_floats(1, 6 * 4);
    floats map(6), doubled(6), turned(6);
    CHECK(tc::attention_map(values, map) > 0);
    const auto expected = map_of(values, 6);
    for (std::size_t p = 0; p < 6; ++p) CHECK(map[p] == Approx(expected[p]));
    floats other = values, reversed = values;
    for (float& v : other) v *= -2;
    for (std::size_t p = 0; p < 6; ++p) std::reverse(reversed.data() + p * 4, reversed.data() + (p + 1) * 4);
    tc::attention_map(other, doubled);
    tc::attention_map(reversed, turned);
    for (std::size_t p = 0; p < 6; ++p) {
        CHECK(doubled[p] == Approx(map[p]));
        CHECK(turned[p] == Approx(map[p]));
    }
    CHECK(tc::attention_map(floats(8), doubled = floats(4, 7.0f)) == 0);
    CHECK(doubled == floats(4));
}

TEST_CASE("the gradient of the attention error is that of finite differences, times the weight, and added", "[hints]") {
    floats values = random_floats(2, 5 * 3), target(5);
    tc::attention_map(random_floats(3, 5 * 2), target);
    floats once(values.size()), added(values.size(), 10.0f), unused(values.size());
    CHECK(tc::add_attention_error(values, target, once) == Approx(attention_error(values, target)));
    CHECK(tc::add_attention_error(values, target, added, -0.5) == Approx(attention_error(values, target)));
    for (std::size_t i = 0; i < values.size(); ++i) {
        const float kept = values[i], above = kept + 0.01f, below = kept - 0.01f;
        values[i] = above;
        const double high = attention_error(values, target);
        values[i] = below;
        const double low = attention_error(values, target);
        values[i] = kept;
        INFO(i);
        CHECK(static_cast<double>(once[i]) ==
              Approx((high - low) / (static_cast<double>(above) - static_cast<double>(below)))
                  .epsilon(2e-3)
                  .margin(1e-4));
        CHECK(added[i] == Approx(10 - 0.5 * static_cast<double>(once[i])));
    }
    // Its own map has nothing to learn; zeros have no direction, whatever the target.
    floats own(5), none(15), of_zeros(15);
    tc::attention_map(values, own);
    CHECK(tc::add_attention_error(values, own, none) == Approx(0).margin(1e-12));
    for (const float g : none) CHECK(std::abs(g) < 1e-6f);
    CHECK(tc::add_attention_error(floats(15), target, of_zeros) == Approx(0.5));
    CHECK(of_zeros == floats(15));
}

inline constexpr auto teacher = tc::make_model([](auto& g) {
    auto x = g.relu("clamp1", g.conv2d("conv1", g.input("image", {4, 4, 2}), 6, {3, 3}));
    x = g.relu("clamp2", g.conv2d("conv2", x, 3, {3, 3}, {.stride = 2}));
    g.softmax("probabilities", g.linear("last", g.flatten("flat", x), 3));
});
/// With a norm, fewer channels and a softmax at its end.
inline constexpr auto student = tc::make_model([](auto& g) {
    auto x = g.conv2d("first", g.input("image", {4, 4, 2}), 4, {3, 3});
    x = g.hard_swish("curved", g.layer_norm("norm", x));
    x = g.hard_swish("bent", g.conv2d("second", x, 3, {3, 3}, {.stride = 2}));
    g.softmax("probabilities", g.linear("head", g.flatten("flat", x), 3));
});
/// Maps and values of one pair, a view of another, the logits: each kind of place that a hint can have.
inline constexpr tc::hint all_kinds[]{{"clamp1", "curved", 3, tc::hint_kind::attention},
                                      {"clamp2", "bent", 2},
                                      {"clamp2", "bent", 5, tc::hint_kind::attention},
                                      {"flat", "flat", 0.5},
                                      {"conv2", "second", 0.25},
                                      {"last", "head", 0.75}};

tc::data_set images(std::size_t count) {
    tests::numbers random(4);
    tc::data_set set{tc::make_array<float>({count, 4, 4, 2}), {}, 3};
    for (std::size_t i = 0; i < count; ++i) set.labels.push_back(random.between(0, 2));
    for (float& v : set.inputs) v = random.real();
    return set;
}

tc::distil_options options_of(int epochs, double factor = 1) {
    tc::distil_options options;
    options.epochs = epochs;
    options.batch = 20;
    options.optimizer = tc::sgd{.rate = 0.05};
    options.hints = factor;
    return options;
}

/// The value of a label for a record, of a net that has it as its second output.
template <const auto& Model>
floats second_output(const tc::named_tensors& weights, std::span<const float> input) {
    const auto packed = tc::convert<tc::net<Model>>(weights);
    tc::runner<tc::net<Model>> run(packed);
    run.set_input(0, input);
    run.execute();
    return {run.output(1).begin(), run.output(1).end()};
}
inline constexpr auto teacher_first = tc::with_outputs(teacher, {"clamp1"});
inline constexpr auto teacher_second = tc::with_outputs(teacher, {"clamp2"});
inline constexpr auto teacher_open = tc::with_outputs(teacher, {"conv2"});
inline constexpr auto teacher_last = tc::with_outputs(teacher, {"last"});
inline constexpr auto student_first = tc::with_outputs(student, {"curved"});
inline constexpr auto student_second = tc::with_outputs(student, {"bent"});
inline constexpr auto student_open = tc::with_outputs(student, {"second"});
inline constexpr auto student_head = tc::with_outputs(student, {"head"});

double squared_error(const floats& values, const floats& targets) {
    double sum = 0;
    for (std::size_t i = 0; i < values.size(); ++i)
        sum += std::pow(static_cast<double>(values[i]) - static_cast<double>(targets[i]), 2);
    return sum / static_cast<double>(values.size());
}

/// Mean over the records of what the hints add, from the values of nets that are asked for one value each.
double hinted_loss(const tc::named_tensors& of_teacher, const tc::named_tensors& of_student, const tc::data_set& data) {
    double sum = 0;
    for (std::size_t i = 0; i < data.size(); ++i) {
        const auto input = data.input(i);
        const auto first = second_output<teacher_first>(of_teacher, input);
        const auto second = second_output<teacher_second>(of_teacher, input);
        const auto own_second = second_output<student_second>(of_student, input);
        const auto map1 = map_of(first, 16), map2 = map_of(second, 4);
        sum += 3 * attention_error(second_output<student_first>(of_student, input), floats(map1.begin(), map1.end()));
        sum += 5 * attention_error(own_second, floats(map2.begin(), map2.end()));
        sum += 2.5 * squared_error(own_second, second);
        sum += 0.25 * squared_error(second_output<student_open>(of_student, input),
                                    second_output<teacher_open>(of_teacher, input));
        sum += 0.75 * squared_error(second_output<student_head>(of_student, input),
                                    second_output<teacher_last>(of_teacher, input));
    }
    return sum / static_cast<double>(data.size());
}

/// One step over all records: its loss is that of the weights before it.
TEST_CASE("hints add their terms to the loss", "[hints]") {
    const auto data = images(20);
    const auto wise = tc::initial_weights<teacher>(1), start = tc::initial_weights<student>(2);
    const auto plain = tc::distil<teacher, student>(wise, start, data, options_of(1));
    const double expected = hinted_loss(wise, start, data);
    CHECK(expected > 0.5);
    for (const double factor : {0.0, 1.0, 0.5}) {
        const auto hinted = tc::distil<teacher, student, all_kinds>(wise, start, data, options_of(1, factor));
        CHECK(hinted.history[0].loss == Approx(plain.history[0].loss + factor * expected).epsilon(1e-5));
        REQUIRE(hinted.weights.size() == start.size());
        if (factor == 0)
            for (const auto& [name, tensor] : plain.weights) {
                INFO(name);
                for (std::size_t i = 0; i < tensor.size(); ++i)
                    CHECK(hinted.weights.at(name).data()[i] == Approx(tensor.data()[i]).margin(1e-6));
            }
    }
}

/// The slope of the hints' terms is what they add to the step of plain distillation.
TEST_CASE("a step goes down the slope of the hints", "[hints]") {
    const auto data = images(20);
    const auto wise = tc::initial_weights<teacher>(1), start = tc::initial_weights<student>(2);
    const auto plain = tc::distil<teacher, student>(wise, start, data, options_of(1)).weights;
    const auto hinted = tc::distil<teacher, student, all_kinds>(wise, start, data, options_of(1)).weights;
    for (const auto& [name, tensor] : start) {
        for (std::size_t i = 0; i < tensor.size(); i += 7) {
            constexpr float step = 1.0f / 512;
            auto more = start, less = start;
            more.at(name).data()[i] += step;
            less.at(name).data()[i] -= step;
            const double slope =
                (hinted_loss(wise, more, data) - hinted_loss(wise, less, data)) / (2 * static_cast<double>(step));
            INFO(name << " " << i);
            CHECK(static_cast<double>(plain.at(name).data()[i] - hinted.at(name).data()[i]) ==
                  Approx(0.05 * slope).epsilon(0.02).margin(2e-4));
        }
    }
}

TEST_CASE("what is learnt from hints depends on the seed, not on the threads", "[hints]") {
    const auto data = images(40);
    const auto wise = tc::initial_weights<teacher>(1), start = tc::initial_weights<student>(2);
    const auto expected = tc::distil<teacher, student, all_kinds>(wise, start, data, options_of(2));
    const tc::thread_pool threads(2);
    const auto found = tc::distil<teacher, student, all_kinds>(wise, start, data, options_of(2), threads);
    CHECK((found.weights == expected.weights));
    auto other = options_of(2);
    other.seed = 2;
    CHECK_FALSE((tc::distil<teacher, student, all_kinds>(wise, start, data, other).weights == expected.weights));
}

TEST_CASE("of an augmented image the hints are those of what is seen", "[hints]") {
    // Where all pixels are alike, a moved image is the image: augmentation changes nothing but the way.
    auto data = images(40);
    for (std::size_t i = 0; i < data.inputs.size(); ++i)
        data.inputs.data()[i] = data.inputs.data()[i / 32 * 32 + i % 2];
    const auto wise = tc::initial_weights<teacher>(1), start = tc::initial_weights<student>(2);
    auto options = options_of(2);
    const auto expected = tc::distil<teacher, student, all_kinds>(wise, start, data, options);
    options.augment = {.shift = 1, .flip = true};
    CHECK((tc::distil<teacher, student, all_kinds>(wise, start, data, options).weights == expected.weights));
    options.hints = -1;
    CHECK_THROWS_WITH((tc::distil<teacher, student, all_kinds>(wise, start, data, options)),
                      ContainsSubstring("distil: hints times -1.000000; what their weights are multiplied by"));
}

// A student with the teacher's pixels, and in one place its channels.
inline constexpr auto expert = tc::make_model([](auto& g) {
    auto x = g.relu("clamp1", g.conv2d("conv1", g.input("image", {28, 28, 1}), 12, {5, 5}, {.stride = 2}));
    x = g.relu("clamp2", g.conv2d("conv2", x, 16, {3, 3}, {.stride = 2}));
    g.linear("head", g.flatten("flat", x), 10);
});
inline constexpr auto beginner = tc::make_model([](auto& g) {
    auto x = g.relu("clamp1", g.conv2d("conv1", g.input("image", {28, 28, 1}), 4, {5, 5}, {.stride = 2}));
    x = g.relu("clamp2", g.conv2d("conv2", x, 16, {3, 3}, {.stride = 2}));
    g.linear("head", g.flatten("flat", x), 10);
});
inline constexpr tc::hint by_values[]{{"clamp2", "clamp2", 10}};
inline constexpr tc::hint by_attention[]{{"clamp1", "clamp1", 3, tc::hint_kind::attention},
                                         {"clamp2", "clamp2", 3, tc::hint_kind::attention}};
inline constexpr tc::recipe every_int4{tc::int4};

tc::data_set digits(std::size_t count, std::uint64_t seed) {
    auto set = tc::make_digits(count, seed);
    for (std::size_t i = 0; i < set.inputs.size(); ++i) set.inputs.data()[i] /= 255;
    return set;
}
const tc::named_tensors& taught() {
    static const tc::named_tensors weights = tc::fit<expert>(tc::initial_weights<expert>(1), digits(3000, 1),
                                                             {.epochs = 4, .optimizer = tc::adam{.rate = 5e-3}})
                                                 .weights;
    return weights;
}
template <class Net = tc::net<beginner>>
double judged(const tc::named_tensors& weights) {
    static const tc::data_set held_out = digits(1500, 9);
    return tc::accuracy<Net>(tc::convert<Net>(weights), held_out);
}

TEST_CASE("hints help a student that has few records", "[hints]") {
    double by_logits = 0, values = 0, maps = 0;
    constexpr int seeds = 4;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        const auto few = digits(100, 20 + seed);
        tc::distil_options options;
        options.epochs = 300;
        options.batch = 20;
        options.optimizer = tc::adam{.rate = 5e-3};
        options.schedule = tc::cosine_rate{};
        options.seed = seed;
        const auto start = tc::initial_weights<beginner>(seed);
        const auto plain = judged(tc::distil<expert, beginner>(taught(), start, few, options).weights);
        const auto with_values = judged(tc::distil<expert, beginner, by_values>(taught(), start, few, options).weights);
        const auto with_maps =
            judged(tc::distil<expert, beginner, by_attention>(taught(), start, few, options).weights);
        CAPTURE(seed, plain, with_values, with_maps);
        CHECK(with_values > plain + 1);
        CHECK(with_maps > plain);
        by_logits += plain / seeds, values += with_values / seeds, maps += with_maps / seeds;
    }
    CAPTURE(by_logits, values, maps);
    CHECK(values > by_logits + 3);
    CHECK(maps > by_logits + 1);
}

/// Mean squared distance of the value that hints are about, as the net has it, from the teacher's.
struct distance_of_hinted {
    const floats& wanted;
    tc::affine steps;
    double& sum;
    template <int Id, class T>
    void see(const T* values) const {
        using net = tc::net<beginner, every_int4>;
        if constexpr (net::graph[Id].value_origin == beginner.find("clamp2"))
            for (std::size_t i = 0; i < wanted.size(); ++i) {
                const auto stored = static_cast<std::int8_t>(values[i] - tc::stored_offset<T>);
                sum += std::pow(static_cast<double>(tc::dequantize(stored, steps)) - static_cast<double>(wanted[i]), 2);
            }
    }
};
inline constexpr auto open_expert = tc::with_outputs(expert, {"clamp2"});

double distance_from_expert(const tc::fitted_net<tc::net<beginner, every_int4>>& trained) {
    const auto packed = tc::convert(trained);
    tc::runner<tc::net<beginner, every_int4>> run(packed);
    const auto data = digits(50, 30);
    const auto steps = tc::affine_of(beginner, beginner.find("clamp2"), trained.ranges);
    double sum = 0;
    for (std::size_t i = 0; i < data.size(); ++i) {
        const floats wanted = second_output<open_expert>(taught(), data.input(i));
        run.set_input(0, data.input(i));
        run.execute(distance_of_hinted{wanted, steps, sum});
    }
    return sum;
}

TEST_CASE("a net learns from hints with its integers", "[hints]") {
    using net = tc::net<beginner, every_int4>;
    const auto few = digits(100, 21), held_out = digits(300, 8);
    const auto start =
        tc::fit<beginner>(tc::initial_weights<beginner>(1), few, {.epochs = 20, .optimizer = tc::adam{}}).weights;
    tc::distil_options options;
    options.epochs = 40;
    options.batch = 20;
    options.optimizer = tc::adam{.rate = 5e-3};
    options.validation = &held_out;
    const auto plain = tc::distil<expert, net>(taught(), start, few, options);
    const tc::fitted_net<net> hinted = tc::distil<expert, net, by_values>(taught(), start, few, options);
    CHECK(distance_from_expert(hinted) < 0.5 * distance_from_expert(plain));
    // The judge is the net itself, which has no further outputs.
    CHECK(tc::accuracy<net>(tc::convert(hinted), held_out) ==
          hinted.history[static_cast<std::size_t>(hinted.best_epoch) - 1].score);
}

}  // namespace hinting
