// SPDX-License-Identifier: MIT
#include <compress/transform/convert.hpp>

#include <limits>

#include <compress/graph/builder.hpp>
#include <compress/io/emit_header.hpp>
#include <compress/transform/calibrate.hpp>

#include "../catch.hpp"

namespace tc = tensor_compress;
using Catch::Matchers::ContainsSubstring;

namespace conversion {

inline constexpr auto tiny = tc::make_model([](auto& g) {
    auto x = g.relu(g.batch_norm("norm", g.conv2d("conv", g.input("image", {4, 4, 1}), 3, {3, 3}, {.bias = false})));
    g.linear("head", g.global_average_pool("pool", x), 2);
});
inline constexpr auto tiny_dropped = tc::make_model([](auto& g) {
    auto x = g.batch_norm("norm", g.conv2d("conv", g.input("image", {4, 4, 1}), 3, {3, 3}, {.bias = false}));
    x = g.global_average_pool("pool", g.dropout("drop", g.relu(x), 0.5f));
    g.linear("head", g.dropout("drop again", x), 2);
});
inline constexpr tc::recipe int8_all{tc::int8};
inline constexpr tc::recipe dynamic_int8{tc::dynamic(tc::int8)};
inline constexpr auto float_head = tc::recipe{tc::int8}.with("head", tc::fp32);
using int8_net = tc::net<tiny, int8_all>;

tc::named_tensors weights() {
    tc::named_tensors tensors;
    for (const auto& [name, extents] : tc::needed_tensors(tiny)) {
        auto t = tc::make_array<float>(extents);
        for (std::size_t i = 0; i < t.size(); ++i)
            t.data()[i] = 0.25f * static_cast<float>(static_cast<int>(i * 7 % 9) - 4);
        if (name == "norm.running_var") t.fill(0.5f);
        tensors.emplace(name, t);
    }
    return tensors;
}
std::vector<std::vector<float>> images() {
    std::vector<std::vector<float>> all;
    for (int k = 0; k < 8; ++k) {
        all.emplace_back(16);
        for (std::size_t i = 0; i < 16; ++i)
            all.back()[i] = static_cast<float>((static_cast<int>(i) * 5 + k * 3) % 11) / 5.0f - 1.0f;
    }
    return all;
}

}  // namespace conversion

TEST_CASE("convert lists everything that is wrong with the tensors in one error") {
    auto tensors = conversion::weights();
    tensors.erase("head.bias");
    tensors["conv.weight"] = tc::make_array<float>({3, 1, 5, 5});
    tensors["extra.weight"] = tc::make_array<float>({1});
    CHECK_THROWS_WITH(tc::convert<tc::net<conversion::tiny>>(tensors),
                      ContainsSubstring("no head.bias [2]") &&
                          ContainsSubstring("conv.weight is [3, 1, 5, 5] instead of [3, 1, 3, 3]") &&
                          ContainsSubstring("extra.weight belongs to no layer"));
}

TEST_CASE("convert refuses weights that are not finite, by name") {
    auto tensors = conversion::weights();
    tensors.at("head.weight")(1, 2) = std::numeric_limits<float>::quiet_NaN();
    CHECK_THROWS_WITH(tc::convert<tc::net<conversion::tiny>>(tensors), ContainsSubstring("head.weight"));
}

TEST_CASE("calibration refuses no records, and records of another size") {
    const auto tensors = conversion::weights();
    CHECK_THROWS_WITH(tc::calibrate<conversion::tiny>(tensors, std::vector<std::vector<float>>{}),
                      ContainsSubstring("no records"));
    CHECK_THROWS_WITH(tc::calibrate<conversion::tiny>(tensors, std::vector<std::vector<float>>{{1, 2, 3}}),
                      ContainsSubstring("3 values for an input of 16"));
    std::vector<std::vector<float>> endless{std::vector<float>(16, std::numeric_limits<float>::infinity())};
    CHECK_THROWS_WITH(tc::calibrate<conversion::tiny>(tensors, endless), ContainsSubstring("not finite"));
    CHECK_THROWS_WITH(tc::calibrate<conversion::tiny>(tensors, conversion::images(), {.momentum = 0}),
                      ContainsSubstring("a momentum of 0.000000"));
}

TEST_CASE("a net that quantises at run time needs no calibration, and saturates at no range", "[transform]") {
    const auto tensors = conversion::weights();
    using net = tc::net<conversion::tiny, conversion::dynamic_int8>;
    const auto packed = tc::convert<net>(tensors);
    tc::runner<net> run(packed);
    const auto exact = tc::convert<tc::net<conversion::tiny>>(tensors);
    tc::runner<tc::net<conversion::tiny>> expect(exact);
    for (const float size : {1.0f, 100.0f})
        for (auto image : conversion::images()) {
            for (float& v : image) v *= size;
            const auto found = run(image), expected = expect(image);
            for (std::size_t i = 0; i < found.size(); ++i)
                CHECK(static_cast<double>(found[i]) ==
                      Approx(static_cast<double>(expected[i])).margin(0.05 * static_cast<double>(size)));
        }
}

TEST_CASE("a moving average follows the records, each value its own", "[transform]") {
    const auto tensors = conversion::weights();
    const auto images = conversion::images();
    const auto ranges = [&](const tc::calibration_options& options) {
        return tc::calibrate<conversion::tiny>(tensors, images, options).ranges;
    };
    float low = 0, high = 0;  // of the input: 0.5 of each record and half of what was before
    for (std::size_t i = 0; i < images.size(); ++i) {
        const auto [least, most] = std::minmax_element(images[i].begin(), images[i].end());
        low = i == 0 ? *least : (low + *least) / 2;
        high = i == 0 ? *most : (high + *most) / 2;
    }
    const auto found = ranges({.method = tc::range_method::moving_average, .momentum = 0.5});
    const auto widest = ranges({.method = tc::range_method::min_max});
    CHECK(found.at("image").low == Approx(low));
    CHECK(found.at("image").high == Approx(high));
    for (const auto& [name, range] : widest) {
        CAPTURE(name);
        CHECK(found.at(name).low >= range.low);
        CHECK(found.at(name).high <= range.high);
    }
    CHECK(found.at("head").high < widest.at("head").high);
    // The last record alone, and the first.
    const auto last = tc::calibrate<conversion::tiny>(tensors, std::vector<std::vector<float>>{images.back()},
                                                      {.method = tc::range_method::min_max});
    CHECK(ranges({.method = tc::range_method::moving_average, .momentum = 1}).at("head").high ==
          last.ranges.at("head").high);
}

TEST_CASE("a symmetric calibration gives zero points of 0", "[transform]") {
    const auto tensors = conversion::weights();
    const auto seen = tc::calibrate<conversion::tiny>(tensors, conversion::images(), {.symmetric = true});
    const auto packed = tc::convert<conversion::int8_net>(tensors, seen);
    CHECK(packed.view().inputs[0].zero_point == 0);
    CHECK(packed.view().outputs[0].zero_point == 0);
    tc::runner<conversion::int8_net> run(packed);
    const auto exact = tc::convert<tc::net<conversion::tiny>>(tensors);
    tc::runner<tc::net<conversion::tiny>> expect(exact);
    for (const auto& image : conversion::images()) {
        const auto found = run(image), expected = expect(image);
        for (std::size_t i = 0; i < found.size(); ++i) CHECK(found[i] == Approx(expected[i]).margin(0.1));
    }
}

TEST_CASE("an int8 net without a calibration names the value that lacks a range") {
    CHECK_THROWS_WITH(tc::convert<conversion::int8_net>(conversion::weights()),
                      ContainsSubstring("image") && ContainsSubstring("no range"));
}

TEST_CASE("int8 and mixed variants follow the float net") {
    const auto tensors = conversion::weights();
    const auto seen = tc::calibrate<conversion::tiny>(tensors, conversion::images());
    const auto float_weights = tc::convert<tc::net<conversion::tiny>>(tensors);
    const auto int8_weights = tc::convert<conversion::int8_net>(tensors, seen);
    using mixed_net = tc::net<conversion::tiny, conversion::float_head>;
    const auto mixed_weights = tc::convert<mixed_net>(tensors, seen);
    tc::runner<tc::net<conversion::tiny>> exact(float_weights);
    tc::runner<conversion::int8_net> rough(int8_weights);
    tc::runner<mixed_net> mixed(mixed_weights);
    for (const auto& image : conversion::images()) {
        const auto expected = exact(image);
        const auto found = rough(image);
        const auto other = mixed(image);
        for (std::size_t i = 0; i < expected.size(); ++i) {
            CHECK(found[i] == Approx(expected[i]).margin(0.08));
            CHECK(other[i] == Approx(expected[i]).margin(0.08));
        }
    }
}

TEST_CASE("a net of a model with dropout is that of the model without it") {
    const auto tensors = conversion::weights();
    const auto check = [&]<const auto & Recipe>() {
        using net = tc::net<conversion::tiny, Recipe>;
        using dropped_net = tc::net<conversion::tiny_dropped, Recipe>;
        const auto expected = tc::convert<net>(tensors, tc::calibrate<conversion::tiny>(tensors, conversion::images()));
        const auto found =
            tc::convert<dropped_net>(tensors, tc::calibrate<conversion::tiny_dropped>(tensors, conversion::images()));
        REQUIRE(net::node_count == dropped_net::node_count);
        for (int id = 0; id < net::node_count; ++id) {
            const auto a = expected.layer(id), b = found.layer(id);
            CHECK(std::equal(a.begin(), a.end(), b.begin(), b.end()));
        }
        tc::runner<net> run(expected);
        tc::runner<dropped_net> run_dropped(found);
        for (const auto& image : conversion::images()) {
            const auto a = run(image), b = run_dropped(image);
            CHECK(std::equal(a.begin(), a.end(), b.begin(), b.end()));
        }
    };
    check.operator()<tc::all_fp32>();
    check.operator()<conversion::int8_all>();
}

TEST_CASE("an emitted header has the recipe, each layer's bytes and no float weights of int8 layers") {
    const auto tensors = conversion::weights();
    const auto seen = tc::calibrate<conversion::tiny>(tensors, conversion::images());
    const auto text = tc::header_text(tc::convert<conversion::int8_net>(tensors, seen), "tiny_int8");
    CHECK(text.find("tensor_compress::recipe{tensor_compress::int8}") != std::string::npos);
    CHECK(text.find("namespace tiny_int8 {") != std::string::npos);
    CHECK(text.find("#include <compress/inference.hpp>") != std::string::npos);
    CHECK(text.find("float ") == std::string::npos);
    for (int id = 0; id < conversion::int8_net::node_count; ++id)
        if (const int size = conversion::int8_net::table[static_cast<std::size_t>(id)].packed_bytes; size > 0)
            CHECK(text.find("layer_" + std::to_string(id) + '[' + std::to_string(size) + " + 1]") != std::string::npos);
    CHECK(tc::recipe_text(conversion::float_head) ==
          R"(tensor_compress::recipe{tensor_compress::int8}.with("head", tensor_compress::fp32))");
}

TEST_CASE("a layer whose sums would not fit 32 bits after scaling is refused by name") {
    tc::effective_weights e{{1.0f}, {0.0f}, 1, 1};
    CHECK_THROWS_WITH(tc::quantize_product(e, {1000.0f, 0}, {1e-9f, 0}, "loud"), ContainsSubstring("loud"));
    CHECK_NOTHROW(tc::quantize_product(e, {0.1f, 0}, {0.1f, 0}, "calm"));
}
