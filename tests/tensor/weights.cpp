// SPDX-License-Identifier: MIT
#include <compress/tensor/weights.hpp>

#include <compress/tensor/data_set.hpp>

#include <limits>
#include <type_traits>

#include "../catch.hpp"

namespace tc = tensor_compress;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("an error is a sentence in three parts", "[tensor]") {
    const tc::error refused("a.npy", "is empty", "write it again");
    CHECK(std::string(refused.what()) == "a.npy: is empty; write it again");
    CHECK(std::is_base_of_v<std::runtime_error, tc::error>);
}

TEST_CASE("shapes read as lists", "[tensor]") {
    CHECK(tc::shape_text(tc::make_array<float>({64, 3, 3})) == "[64, 3, 3]");
    CHECK(tc::shape_text(tc::make_array<float>({7})) == "[7]");
    CHECK(tc::shape_text(tc::make_array<float>({})) == "[]");
    CHECK(tc::shape_text(std::vector<std::size_t>{2, 0}) == "[2, 0]");
    const tc::array<int> a = tc::make_array<int>({2, 3});
    CHECK(tc::shape_of(a) == std::vector<std::size_t>{2, 3});
    CHECK(tc::shape_text(a + a) == "[2, 3]");  // an expression has a shape, too
}

TEST_CASE("a new array is zero, row-major and contiguous", "[tensor]") {
    auto a = tc::make_array<float>({2, 3});
    REQUIRE(a.size() == 6);
    for (std::size_t i = 0; i < a.size(); ++i) CHECK(a.data()[i] == 0.0f);
    a(1, 0) = 5.0f;
    CHECK(a.data()[3] == 5.0f);
    CHECK(tc::make_array<double>({}).size() == 1);
    CHECK(tc::make_array<bool>({3, 0, 2}).size() == 0);
}

TEST_CASE("tensors are found by a name that is not a std::string", "[tensor]") {
    tc::named_tensors tensors;
    tensors["stem.weight"] = tc::make_array<float>({1});
    CHECK(tensors.contains(std::string_view("stem.weight")));
    CHECK_FALSE(tensors.contains(std::string_view("stem.bias")));
}

TEST_CASE("finite weights pass", "[tensor]") {
    tc::named_tensors tensors;
    CHECK_NOTHROW(tc::expect_finite(tensors, "f"));
    tensors["a"] = tc::make_array<float>({2, 2});
    tensors["b"] = tc::make_array<float>({0});
    tensors["a"](0, 1) = std::numeric_limits<float>::max();
    tensors["a"](1, 1) = -std::numeric_limits<float>::denorm_min();
    CHECK_NOTHROW(tc::expect_finite(tensors, "f"));
}

TEST_CASE("the first broken weight is named with its index", "[tensor]") {
    const float infinity = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
    tc::named_tensors tensors;
    tensors["conv.weight"] = tc::make_array<float>({2, 3, 4});
    tensors["conv.weight"](1, 2, 0) = nan;
    tensors["stem.bias"] = tc::make_array<float>({3});
    tensors["stem.bias"](1) = -infinity;
    CHECK_THROWS_WITH(tc::expect_finite(tensors, "m.safetensors"),
                      ContainsSubstring("m.safetensors: tensor 'conv.weight' [2, 3, 4] holds NaN at index [1, 2, 0];"));
    tensors.erase("conv.weight");
    CHECK_THROWS_WITH(tc::expect_finite(tensors, "m.safetensors"),
                      ContainsSubstring("tensor 'stem.bias' [3] holds an infinity at index [1];"));
    tensors["stem.bias"] = tc::make_array<float>({});
    tensors["stem.bias"](0) = infinity;
    CHECK_THROWS_WITH(tc::expect_finite(tensors, "f"), ContainsSubstring("at index [];"));
}

TEST_CASE("a data set is cut into ranges of records", "[tensor]") {
    tc::data_set set{tc::make_array<float>({5, 2, 1, 3}), {0, 1, 2, 3, 4}, 10};
    for (std::size_t i = 0; i < set.inputs.size(); ++i) set.inputs.data()[i] = static_cast<float>(i);
    CHECK(set.size() == 5);
    CHECK(set.record_size() == 6);
    CHECK(set.input(4)[5] == 29.0f);

    const auto part = set.slice(1, 3);
    CHECK(tc::shape_of(part.inputs) == std::vector<std::size_t>{2, 2, 1, 3});
    CHECK(part.labels == std::vector<int>{1, 2});
    CHECK(part.classes == 10);
    CHECK(part.inputs.data()[0] == 6.0f);
    CHECK(part.input(1)[5] == 17.0f);

    CHECK(set.slice(0, 5).labels == set.labels);
    CHECK(set.slice(5, 5).size() == 0);
    CHECK(set.slice(2, 2).labels.empty());
}

TEST_CASE("a data set may have no labels", "[tensor]") {
    const tc::data_set set{tc::make_array<float>({4, 2}), {}, 0};
    CHECK(set.slice(1, 4).size() == 3);
    CHECK(set.slice(1, 4).labels.empty());
    const tc::data_set nothing;
    CHECK(nothing.size() == 0);
    CHECK(nothing.record_size() == 0);
    CHECK(nothing.slice(0, 0).size() == 0);
}

TEST_CASE("a range outside a data set is refused", "[tensor]") {
    tc::data_set set{tc::make_array<float>({5, 2}), {0, 1, 2, 3, 4}, 10};
    CHECK_THROWS_WITH(set.slice(3, 6),
                      ContainsSubstring("data_set::slice: records [3, 6) of 5; ask for begin <= end <= size()"));
    CHECK_THROWS_AS(set.slice(3, 2), tc::error);
    CHECK_THROWS_AS(tc::data_set{}.slice(0, 1), tc::error);
    set.labels.pop_back();
    CHECK_THROWS_WITH(set.slice(0, 1), ContainsSubstring("5 records in inputs [5, 2], 4 labels"));
}
