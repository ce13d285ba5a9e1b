// SPDX-License-Identifier: MIT
#include <compress/train/plan_search.hpp>

#include <map>

#include "../catch.hpp"

namespace tc = tensor_compress;
namespace td = tensor_compress::detail;

namespace {

double rate_of(const tc::training_plan& plan) { return std::get<tc::adam>(plan.optimizer).rate; }

/// Losses of a hundred records around a mean; of two means a hundredth apart nothing but chance would be known.
td::judgement with_loss(double mean) {
    td::judgement j;
    for (int i = 0; i < 100; ++i) j.losses.push_back(static_cast<float>(mean + 0.2 * (i % 10 - 4.5) * (i % 7 - 3)));
    return j;
}
/// The same, each record off by its own amount.
td::judgement about(double mean, int seed) {
    td::judgement j = with_loss(mean);
    for (int i = 0; i < 100; ++i)
        j.losses[static_cast<std::size_t>(i)] += 0.3f * static_cast<float>((i * seed) % 11 - 5);
    return j;
}

constexpr tc::shape vector{6}, image{32, 32, 3};

template <class Trial>
tc::training_plan searched(const tc::fit_options& options, const td::training_subject& subject, const Trial& trial) {
    return td::plan_search(options, subject, td::plan_by_rules(options, 5000), trial).run();
}

}  // namespace

TEST_CASE("the rate whose trial loses least is chosen, in whichever direction it lies", "[plan]") {
    for (const double best : {1e-4, 1e-3, 3e-3, 3e-2}) {
        const auto plan =
            searched({}, {vector, false}, [&](const tc::training_plan& p) -> std::optional<td::judgement> {
                return with_loss(std::abs(std::log(rate_of(p) / best)));
            });
        CHECK(rate_of(plan) == best);
        CHECK(std::get<tc::adam>(plan.optimizer).relative);
    }
}

TEST_CASE("of rates that differ by chance alone the smallest is chosen", "[plan]") {
    const auto plan = searched({}, {vector, false}, [&](const tc::training_plan& p) -> std::optional<td::judgement> {
        const double rate = rate_of(p);
        return rate == 3e-3 ? about(1.0, 3) : rate == 1e-3 ? about(1.001, 5) : about(2.0, 7);
    });
    CHECK(rate_of(plan) == 1e-3);
}

TEST_CASE("a rate whose trial diverges is not chosen", "[plan]") {
    const auto plan = searched({}, {vector, false}, [&](const tc::training_plan& p) -> std::optional<td::judgement> {
        if (rate_of(p) > 5e-4) return std::nullopt;
        return with_loss(1);
    });
    CHECK(rate_of(plan) < 5e-4);
}

TEST_CASE("images are changed and statistics kept where the trial is no worse for it", "[plan]") {
    const auto chosen = [](bool shift, bool flip, bool keep) {
        return searched({}, {image, true}, [=](const tc::training_plan& p) -> std::optional<td::judgement> {
            double loss = 1;
            if (p.augment.shift > 0 && !shift) loss += 1;
            if (p.augment.flip && !flip) loss += 1;
            if (p.norm_epochs == 0) loss += keep ? -0.5 : 0.5;
            return with_loss(loss);
        });
    };
    const auto all = chosen(true, true, true);
    CHECK(all.augment.shift == 4);
    CHECK(all.augment.flip);
    CHECK(all.norm_epochs == 0);
    const auto shifts = chosen(true, false, false);
    CHECK(shifts.augment.shift == 4);
    CHECK_FALSE(shifts.augment.flip);
    CHECK(shifts.norm_epochs > 1000);
    CHECK_FALSE(chosen(false, true, true).augment.changes());
}

TEST_CASE("what is given is not tried", "[plan]") {
    int trials = 0;
    const auto trial = [&](const tc::training_plan&) -> std::optional<td::judgement> { return ++trials, with_loss(1); };
    tc::fit_options options{.epochs = 20, .optimizer = tc::sgd{.rate = 0.25}};
    CHECK(std::get<tc::sgd>(searched(options, {image, true}, trial).optimizer).rate == 0.25);
    CHECK(trials == 0);
    options.epochs.reset();
    options.augment = tc::augmentation{.shift = 2};
    options.norm_epochs = 3;
    const auto plan = searched(options, {image, true}, trial);
    CHECK(plan.augment.shift == 2);
    CHECK(plan.norm_epochs == 3);
    CHECK(trials == 0);
}

TEST_CASE("batches and epochs follow from the number of records", "[plan]") {
    const auto planned = [](std::size_t records) { return td::plan_by_rules({}, records); };
    CHECK(planned(60000).batch == 64);
    CHECK(planned(60000).epochs == 5);
    CHECK(planned(5850).epochs == 40);
    CHECK(planned(150).batch == 16);
    CHECK(planned(10'000'000).epochs == 2);
    CHECK(std::holds_alternative<tc::constant_rate>(td::plan_by_rules({.optimizer = tc::sgd{}}, 100).schedule));
}

TEST_CASE("weights replace the first ones for a reason, and with no fewer records right", "[plan]") {
    td::judgement start = with_loss(1), better = with_loss(0.5), unlike = about(0.98, 3);
    CHECK(td::replaces_start(better, start));
    CHECK_FALSE(td::replaces_start(start, start));
    CHECK_FALSE(td::replaces_start(with_loss(1.5), start));
    CHECK_FALSE(td::replaces_start(unlike, start));
    start.right.assign(100, 1);
    better.right.assign(100, 1);
    better.right[3] = 0;
    CHECK_FALSE(td::replaces_start(better, start));  // one fewer is right
    start.right[3] = start.right[4] = 0;
    CHECK(td::replaces_start(better, start));
    td::judgement same = start;
    same.right[4] = 1;
    CHECK_FALSE(td::replaces_start(same, start));  // one more is no evidence
    for (std::size_t i = 0; i < 40; ++i) start.right[i] = 0;
    CHECK(td::replaces_start(same, start));
}

TEST_CASE("held-out records are none of those that are trained on", "[plan]") {
    tc::data_set data{tc::make_array<float>({400, 2}), std::vector<int>(400), 2};
    const auto parts = td::split(data, {});
    CHECK(parts.judging.size() == 50);
    std::vector<int> seen(400);
    for (const auto i : parts.trained) ++seen[i];
    for (const auto i : parts.judging) ++seen[i];
    CHECK(seen == std::vector<int>(400, 1));
    CHECK(td::split(data, {.seed = 2}).judging != parts.judging);
    CHECK(td::split(data, {.held_out = 0}).judging.empty());
    CHECK(td::split(data, {.held_out = 0.25}).judging.size() == 100);
    CHECK(td::split(data, {.epochs = 1, .optimizer = tc::adam{}}).judging.empty());
    CHECK(td::split(data, {.validation = &data}).judging.empty());
}
