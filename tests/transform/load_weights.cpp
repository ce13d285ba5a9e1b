// SPDX-License-Identifier: MIT
#include <compress/transform/load_weights.hpp>

#include <sstream>
#include <string>
#include <vector>

#include <compress/graph/builder.hpp>

#include "../catch.hpp"
#include "../scratch.hpp"

namespace tc = tensor_compress;
using Catch::Matchers::ContainsSubstring;
using tests::scratch_folder;

namespace {

inline constexpr auto small = tc::make_model([](auto& g) {
    auto x = g.batch_norm("norm", g.linear("body/fc", g.input("x", {2}), 3));
    g.linear("head", x, 1);
});

/// The weights of the model, each tensor holding its place in the list.
tc::named_tensors right() {
    tc::named_tensors tensors;
    for (const auto& [name, extents] : tc::needed_tensors(small)) {
        auto tensor = tc::make_array<float>(extents);
        for (std::size_t i = 0; i < tensor.size(); ++i) tensor.data()[i] = static_cast<float>(tensors.size());
        tensors.emplace(name, tensor);
    }
    return tensors;
}

tc::named_tensors prefixed(const std::string& prefix) {
    tc::named_tensors tensors;
    for (const auto& [name, tensor] : right()) tensors.emplace(prefix + name, tensor);
    return tensors;
}

struct loaded {
    tc::named_tensors tensors;
    std::string remarks, refused;
};

loaded load(const tc::named_tensors& tensors, const tc::label_map& names = {}) {
    const scratch_folder folder;
    tc::save_safetensors(folder / "m.safetensors", tensors);
    loaded result;
    std::ostringstream remarks;
    try {
        result.tensors = tc::load_weights<small>(folder / "m.safetensors", names, &remarks);
    } catch (const tc::error& refused) {
        result.refused = refused.what();
    }
    result.remarks = remarks.str();
    return result;
}

}  // namespace

TEST_CASE("weights with the model's names are taken without a remark", "[load_weights]") {
    const auto found = load(right());
    CHECK((found.tensors == right()));
    CHECK(found.remarks.empty());
    CHECK(found.refused.empty());
}

TEST_CASE("the formats are known by the file's extension", "[load_weights]") {
    const scratch_folder folder;
    tc::save_npz(folder / "m.npz", right());
    CHECK((tc::load_weights<small>(folder / "m.npz") == right()));
    for (const char* name : {"m.pt", "m.pth"}) {
        tc::save_npz(folder / name, right());
        CHECK_THROWS_WITH(tc::load_weights<small>(folder / name),
                          ContainsSubstring("is a zip archive without data.pkl"));
    }
}

TEST_CASE("what all names begin with is left out, and said", "[load_weights]") {
    for (const std::string prefix : {"module.", "model.", "module.net.", "head."}) {
        const auto found = load(prefixed(prefix));
        CHECK((found.tensors == right()));
        CHECK_THAT(found.remarks, ContainsSubstring("m.safetensors: the names of the weights begin with '" + prefix +
                                                    "', which was left out\n"));
    }
}

TEST_CASE("a map is for the names behind what all begin with", "[load_weights]") {
    auto renamed = prefixed("module.");
    for (const char* part : {".weight", ".bias"}) {
        auto node = renamed.extract(std::string("module.head") + part);
        node.key() = std::string("module.old.head") + part;
        renamed.insert(std::move(node));
    }
    const auto mapped = load(renamed, {{"old.head", "head"}});
    CHECK((mapped.tensors == right()));
    CHECK_THAT(mapped.remarks, ContainsSubstring("'module.'"));
}

TEST_CASE("a beginning is left out only where it makes everything present, and is the only one", "[load_weights]") {
    auto missing = prefixed("module.");
    missing.erase("module.head.bias");
    CHECK_THAT(load(missing).refused, ContainsSubstring("no body/fc.weight [3, 2]") &&
                                          ContainsSubstring("module.body/fc.weight belongs to no layer"));
    CHECK(load(missing).remarks.empty());

    auto two = prefixed("model.");
    two.merge(prefixed("ema."));
    CHECK_THAT(load(two).refused, ContainsSubstring("ema.head.weight belongs to no layer"));

    auto glued = load(prefixed("module"));  // no word of its own
    CHECK_THAT(glued.refused, ContainsSubstring("modulehead.weight belongs to no layer"));

    auto more = prefixed("module.");
    more["loss.weight"] = tc::make_array<float>({1});
    CHECK_THAT(load(more).refused, ContainsSubstring("do not fit the model: loss.weight belongs to no layer;"));

    auto own = right();  // its own names are there: nothing is guessed
    own.merge(prefixed("ema."));
    CHECK_THAT(load(own).refused, ContainsSubstring("ema.head.weight belongs to no layer"));
}

TEST_CASE("counters of batch norms are ignored", "[load_weights]") {
    auto counted = right();
    counted["norm.num_batches_tracked"] = tc::make_array<float>({});
    CHECK((load(counted).tensors == right()));
    counted = prefixed("module.");
    counted["module.norm.num_batches_tracked"] = tc::make_array<float>({});
    CHECK((load(counted).tensors == right()));
    counted["module.norm.momentum"] = tc::make_array<float>({});
    CHECK_THAT(load(counted).refused, ContainsSubstring("norm.momentum belongs to no layer"));
}

TEST_CASE("many names that belong to no layer take time in proportion", "[load_weights]") {
    tc::named_tensors many;
    for (int i = 0; i < 50'000; ++i) {
        many["n" + std::to_string(i) + ".body/fc.weight"] = tc::make_array<float>({0});
        many["m" + std::to_string(i) + ".x"] = tc::make_array<float>({0});
    }
    const auto text = load(many).refused;
    CHECK_THAT(text, ContainsSubstring("belongs to no layer") && ContainsSubstring("bytes more;"));
    CHECK(text.size() < 25'000);
}
