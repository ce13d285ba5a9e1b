// SPDX-License-Identifier: MIT
#include <compress/graph/builder.hpp>
#include <compress/train/checkpoint.hpp>

#include <limits>
#include <set>

#include "../catch.hpp"
#include "../numbers.hpp"
#include "../scratch.hpp"

namespace tc = tensor_compress;
using Catch::Matchers::ContainsSubstring;

namespace {

tc::named_tensors random_tensors(std::uint64_t seed) {
    tests::numbers random(seed);
    tc::named_tensors tensors{{"stem.weight", tc::make_array<float>({2, 3, 1, 1})},
                              {"stem.bias", tc::make_array<float>({2})},
                              {"best/head.weight", tc::make_array<float>({1, 4})}};
    for (auto& [name, tensor] : tensors)
        for (std::size_t i = 0; i < tensor.size(); ++i) tensor.data()[i] = random.real() / 3;
    return tensors;
}

tc::training_state random_state() {
    tc::training_state state;
    state.weights = random_tensors(1), state.best = random_tensors(2);
    state.first = random_tensors(3), state.second = random_tensors(4), state.judged = random_tensors(5);
    state.plan = {.epochs = 9, .batch = 32, .optimizer = tc::adam{.rate = 1.0 / 7, .relative = true}, .warm_up = 0.1};
    state.plan.augment = {.shift = 3, .flip = true};
    state.history = {{1, 2.0 / 3, 100.0 / 7, -1e-300, 0.1, 1e9 / 3},
                     {2, std::numeric_limits<double>::denorm_min(), 1e300, 0, 1.0 / 3, 0.25}};
    state.steps = 1ll << 40;
    state.epoch = 2;
    state.step = 7;
    state.loss_sum = 0.1;
    state.right = (1ll << 35) + 1;
    state.best_epoch = 1;
    return state;
}

const tc::safetensors_metadata setup{{"model", "0123456789abcdef"}, {"seed", "1"}, {"batch", "64"}};

constexpr auto describe = [](auto& g) { g.relu("end", g.linear("only", g.input("x", {4}), 3)); };

}  // namespace

TEST_CASE("a checkpoint is read bit for bit as it was written", "[checkpoint]") {
    const tests::scratch_folder folder;
    const auto state = random_state();
    tc::save_checkpoint(folder / "c.safetensors", state, setup);
    const auto found = tc::load_checkpoint(folder / "c.safetensors", setup);
    CHECK((found.weights == state.weights));
    CHECK((found.judged == state.judged));
    CHECK(found.plan.epochs == 9);
    CHECK(found.plan.batch == 32);
    CHECK(std::get<tc::adam>(found.plan.optimizer).rate == 1.0 / 7);
    CHECK(found.plan.warm_up == 0.1);
    CHECK(found.plan.augment.shift == 3);
    CHECK(found.plan.augment.flip);
    CHECK((found.best == state.best));
    CHECK((found.first == state.first));
    CHECK((found.second == state.second));
    CHECK(found.steps == state.steps);
    CHECK(found.epoch == state.epoch);
    CHECK(found.step == state.step);
    CHECK(found.loss_sum == state.loss_sum);
    CHECK(found.right == state.right);
    CHECK(found.best_epoch == state.best_epoch);
    REQUIRE(found.history.size() == state.history.size());
    for (std::size_t i = 0; i < found.history.size(); ++i) {
        CHECK(found.history[i].epoch == state.history[i].epoch);
        CHECK(found.history[i].loss == state.history[i].loss);
        CHECK(found.history[i].accuracy == state.history[i].accuracy);
        CHECK(found.history[i].score == state.history[i].score);
        CHECK(found.history[i].rate == state.history[i].rate);
        CHECK(found.history[i].seconds == state.history[i].seconds);
    }
}

TEST_CASE("a checkpoint of the first epoch has no history and no best weights", "[checkpoint]") {
    const tests::scratch_folder folder;
    tc::training_state state;
    state.weights = state.first = state.second = random_tensors(1);
    state.step = 3;
    tc::save_checkpoint(folder / "c.safetensors", state, setup);
    const auto found = tc::load_checkpoint(folder / "c.safetensors", setup);
    CHECK(found.history.empty());
    CHECK(found.best.empty());
    CHECK(found.step == 3);
    CHECK((found.weights == state.weights));

    tc::save_checkpoint(folder / "c.safetensors", random_state(), setup);  // in its place
    CHECK(tc::load_checkpoint(folder / "c.safetensors", setup).history.size() == 2);
}

TEST_CASE("a file that is no checkpoint is refused", "[checkpoint]") {
    const tests::scratch_folder folder;
    tc::save_safetensors(folder / "m.safetensors", random_tensors(1), {{"format", "pt"}});
    CHECK_THROWS_WITH(
        tc::load_checkpoint(folder / "m.safetensors", setup),
        ContainsSubstring("m.safetensors: is no checkpoint of training; name another file, or remove this one"));
    CHECK_THROWS_WITH(tc::load_checkpoint(folder / "none.safetensors", setup), ContainsSubstring("does not exist"));
}

TEST_CASE("a checkpoint of another model or of other options is refused", "[checkpoint]") {
    const tests::scratch_folder folder;
    tc::save_checkpoint(folder / "c.safetensors", random_state(), setup);
    auto other = setup;
    other["model"] = "fedcba9876543210";
    CHECK_THROWS_WITH(
        tc::load_checkpoint(folder / "c.safetensors", other),
        ContainsSubstring("c.safetensors: was written with other model; go on with the same model, records "
                          "and options"));
    other = setup;
    other["seed"] = "2";
    CHECK_THROWS_WITH(tc::load_checkpoint(folder / "c.safetensors", other),
                      ContainsSubstring("was written with seed 1 where this training has 2"));
}

TEST_CASE("a checkpoint cut anywhere is refused", "[checkpoint]") {
    const tests::scratch_folder folder;
    tc::save_checkpoint(folder / "c.safetensors", random_state(), setup);
    const auto whole = tc::read_file(folder / "c.safetensors");
    for (std::size_t length = 0; length < whole.size(); length += length < 64 ? 1 : 61) {
        tc::write_file(folder / "cut.safetensors",
                       std::vector<std::uint8_t>(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length)));
        INFO(length);
        CHECK_THROWS_WITH(tc::load_checkpoint(folder / "cut.safetensors", setup),
                          ContainsSubstring("cut.safetensors: "));
    }
}

TEST_CASE("models whose weights mean other things have other fingerprints", "[checkpoint]") {
    const auto print = [](const auto& description) { return tc::detail::fingerprint(tc::make_model(description)); };
    const std::set<std::string> prints{
        print(describe),
        print([](auto& g) { g.relu6("end", g.linear("only", g.input("x", {4}), 3)); }),
        print([](auto& g) { g.relu("end", g.linear("one", g.input("x", {4}), 3)); }),
        print([](auto& g) { g.relu("end", g.linear("only", g.input("x", {4}), 5)); }),
        print([](auto& g) { g.relu("end", g.linear("only", g.input("x", {5}), 3)); }),
        print([](auto& g) { g.relu("end", g.linear("only", g.input("x", {4}), 3, false)); }),
        print([](auto& g) { g.leaky_relu("end", g.linear("only", g.input("x", {4}), 3)); }),
        print([](auto& g) { g.leaky_relu("end", g.linear("only", g.input("x", {4}), 3), 0.3f); }),
    };
    CHECK(prints.size() == 8);
    CHECK(prints.begin()->size() == 16);
    CHECK(print(describe) == tc::detail::fingerprint(tc::resized<20>(tc::make_model(describe))));
}

TEST_CASE("a checkpoint that says what cannot be is refused, whatever it says", "[checkpoint]") {
    const tests::scratch_folder folder;
    tc::save_checkpoint(folder / "c.safetensors", random_state(), setup);
    auto text = tc::load_safetensors_metadata(folder / "c.safetensors");
    const auto tensors = tc::load_safetensors(folder / "c.safetensors");
    const auto refuses = [&](const std::string& key, const std::string& value, const std::string& words) {
        auto changed = text;
        changed[key] = value;
        tc::save_safetensors(folder / "damaged.safetensors", tensors, changed);
        INFO(key << " = " << value);
        CHECK_THROWS_WITH(tc::load_checkpoint(folder / "damaged.safetensors", setup),
                          ContainsSubstring("damaged.safetensors: is a damaged checkpoint") &&
                              ContainsSubstring(words));
    };
    refuses("counts", "-1 7 5 3 0.1 0", "its 'counts' is -1, which should be a whole number from 0 to 9");
    refuses("counts", "2000000000 7 5 3 0.1 0", "its 'counts' is 2e+09");
    refuses("counts", "2 -5 5 3 0.1 0", "its 'counts' is -5");
    refuses("counts", "2 7.5 5 3 0.1 0", "its 'counts' is 7.5");
    refuses("counts", "2 7 -5 3 0.1 0", "its 'counts' is -5");
    refuses("counts", "2 7 5 3 0.1 -7", "its 'counts' is -7, which should be a whole number from 0 to 2");
    refuses("counts", "2 7 5 3 0.1 3", "its 'counts' is 3");
    refuses("counts", "2 7 5 3 nan 0", "its 'counts' should hold 6 numbers");
    refuses("counts", "2 7 5 3 0.1 0 1", "its 'counts' should hold 6 numbers");
    refuses("counts", "", "its 'counts' should hold 6 numbers");
    refuses("history", "1 2 3", "its 'history' should hold 12 numbers");
    refuses("history", "1 2 3 4 5 6 1 2 3 4 5 x", "its 'history' should hold 12 numbers");
    refuses("plan", "0 32 0.1 0 0 0 1 0 9 0.8 0", "its 'counts' is 2, which should be a whole number from 0 to 0");
    refuses("plan", "9 0 0.1 0 0 0 1 0 9 0.8 0", "its 'plan' is 0, which should be a whole number from 1");
    refuses("plan", "9 32 0.1 0 -3 0 1 0 9 0.8 0", "its 'plan' is -3");
}
