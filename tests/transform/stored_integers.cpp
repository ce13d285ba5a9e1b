// SPDX-License-Identifier: MIT
#include <compress/transform/stored_integers.hpp>

#include <compress/graph/builder.hpp>

#include "../catch.hpp"

namespace {

namespace tc = tensor_compress;
using Catch::Matchers::ContainsSubstring;

tc::array<float> tensor_of(std::vector<float> values) {
    auto t = tc::make_array<float>({values.size()});
    std::copy(values.begin(), values.end(), t.data());
    return t;
}

tc::fitted_integers some_integers() {
    tc::fitted_integers all;
    all.weights["body/conv.weight"] = tensor_of({0.5f, -0.25f, 0.125f, 3});
    all.weights["head.bias"] = tensor_of({1});
    all.ranges.ranges["image"] = {-1.5f, 2.5f, 0.75f};
    all.ranges.ranges["body/conv"] = {0, 1e-30f, 0};
    all.rounded["body/conv"] = {{-128, 127, 0, -1}, {0.1f, 3e-8f}, {-7.5f, 0}};
    all.rounded["head"] = {{1}, {1}, {2}};
    return all;
}

}  // namespace

TEST_CASE("integers and ranges come back from tensors as they were", "[stored_integers]") {
    const tc::fitted_integers before = some_integers();
    const tc::fitted_integers after = tc::take_integers(tc::store_integers(before), "memory");
    CHECK(after.weights == before.weights);
    REQUIRE(after.rounded.size() == 2);
    for (const auto& [label, layer] : before.rounded) {
        CHECK(after.rounded.at(label).weights == layer.weights);
        CHECK(after.rounded.at(label).scales == layer.scales);
        CHECK(after.rounded.at(label).bias == layer.bias);
    }
    REQUIRE(after.ranges.ranges.size() == 2);
    for (const auto& [label, range] : before.ranges.ranges) {
        CHECK(after.ranges.ranges.at(label).low == range.low);
        CHECK(after.ranges.ranges.at(label).high == range.high);
        CHECK(after.ranges.ranges.at(label).mean_size == range.mean_size);
    }
}

TEST_CASE("tensors that are no integers are refused", "[stored_integers]") {
    tc::named_tensors stored = tc::store_integers(some_integers());
    SECTION("a part is missing") {
        stored.erase("body/conv.scales");
        CHECK_THROWS_WITH(tc::take_integers(stored, "found.safetensors"),
                          ContainsSubstring("found.safetensors") && ContainsSubstring("body/conv.scales"));
    }
    SECTION("a level is a fraction, or too large") {
        for (const float level : {0.5f, 128.0f}) {
            stored["head.levels"] = tensor_of({level});
            CHECK_THROWS_WITH(tc::take_integers(stored, "found.safetensors"), ContainsSubstring("a weight of head"));
        }
    }
}
