// SPDX-License-Identifier: MIT
#pragma once

#include <map>
#include <optional>

#include <compress/train/judgement.hpp>
#include <compress/train/split_records.hpp>

namespace tensor_compress::detail {

/// What is asked about a model before its plan is searched.
struct training_subject {
    shape input;             ///< of a record
    bool has_norms = false;  ///< whether batch_norms could keep the statistics that they have
};

/// Chooses what the options leave open by trials: short trainings from the same first weights, on some of the records,
/// judged like the whole one.
///
/// A rate is looked for on a ladder, from the middle towards where trials get better; of those that are as good as the
/// best, but for chance, the smallest is taken: what a trial bears for some steps, a whole training need not. Then,
/// each if the trial is no worse for it: batch_norms that keep their statistics, images that are moved and mirrored.
template <class Trial>
class plan_search {
public:
    /// @param  trial  trial(plan) -> std::optional<judgement>: nothing where training diverged
    plan_search(const fit_options& options, const training_subject& subject, training_plan plan, const Trial& trial)
        : options_(options),
          subject_(subject),
          plan_(std::move(plan)),
          trial_(trial) {}

    training_plan run() {
        if (!leaves_choices(options_)) return plan_;
        if (!options_.optimizer) choose_rate();
        if (!options_.norm_epochs && subject_.has_norms) choose_norms();
        if (!options_.augment && is_image() && plan_.epochs >= least_epochs_for_augmentation) choose_augmentation();
        return plan_;
    }
    /// What was tried, and what came of it.
    const std::string& reasons() const { return reasons_; }

private:
    static constexpr double rates[] = {1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2};
    static constexpr int first_rate = 3, rate_count = 6;
    /// Of records that are seen a few times alone, changes make harder ones.
    static constexpr int least_epochs_for_augmentation = 10;

    bool is_image() const { return subject_.input.height() >= 8 && subject_.input.width() >= 8; }

    /// Better by more than chance; nothing is better than what diverged.
    static bool is_better(const std::optional<judgement>& a, const std::optional<judgement>& b, double errors) {
        if (!a || !b) return a.has_value() && !b.has_value();
        return lead(*a, *b) > errors;
    }

    static adam relative(double rate) { return {.rate = rate, .relative = true}; }

    const std::optional<judgement>& at_rate(int index) {
        const auto found = tried_.find(index);
        if (found != tried_.end()) return found->second;
        training_plan plan = plan_;
        plan.optimizer = relative(rates[index]);
        return tried_.emplace(index, trial_(plan)).first->second;
    }
    void choose_rate() {
        int best = first_rate;
        at_rate(best);
        while (best + 1 < rate_count && is_better(at_rate(best + 1), at_rate(best), 0)) ++best;
        if (best == first_rate)
            while (best > 0 && (!at_rate(best) || is_better(at_rate(best - 1), at_rate(best), 0))) --best;
        int chosen = best;
        while (chosen > 0 && at_rate(chosen - 1) && !is_better(at_rate(best), at_rate(chosen - 1), 1)) --chosen;
        plan_.optimizer = relative(rates[chosen]);
        base_ = at_rate(chosen);
        for (const auto& [index, found] : tried_)
            say("rate " + short_number(rates[index]) + ": " + (found ? text_of(*found) : "diverged"));
    }

    const std::optional<judgement>& base() {
        if (!base_) base_ = trial_(plan_);
        return base_;
    }
    /// Takes a plan whose trial is better than that of the plan so far by more than so many standard errors.
    bool take_if_better(const training_plan& plan, const std::string& what, double errors) {
        const auto found = trial_(plan);
        say(what + ": " + (found ? text_of(*found) : "diverged"));
        if (!found || !is_better(found, base(), errors)) return false;
        plan_ = plan;
        base_ = found;
        return true;
    }
    void choose_norms() {
        training_plan plan = plan_;
        plan.norm_epochs = 0;
        take_if_better(plan, "statistics as they are", 1);
    }
    /// Shifts by an eighth of the image, as usual for small ones. Changed images cost a short trial something and give
    /// it back later: they have to be no worse than chance allows.
    void choose_augmentation() {
        training_plan plan = plan_;
        plan.augment.shift = std::max(1, std::min(subject_.input.height(), subject_.input.width()) / 8);
        plan.augment.flip = true;
        if (take_if_better(plan, "images " + text_of(plan.augment), -1)) return;
        plan.augment.flip = false;
        take_if_better(plan, "images " + text_of(plan.augment), -1);
    }

    void say(const std::string& part) { reasons_ += (reasons_.empty() ? "" : "; ") + part; }

    const fit_options& options_;
    training_subject subject_;
    training_plan plan_;
    const Trial& trial_;
    std::map<int, std::optional<judgement>> tried_;
    std::optional<judgement> base_;
    std::string reasons_;
};

/// The plan of a trial: so many steps that it tells rates apart, a quarter of the training's at most.
inline training_plan trial_of(training_plan plan, std::size_t records, std::size_t& used) {
    const auto batch = static_cast<std::size_t>(plan.batch);
    const std::size_t steps = (records + batch - 1) / batch;
    const std::size_t wanted = std::clamp<std::size_t>(steps * static_cast<std::size_t>(plan.epochs) / 4, 16, 128);
    used = std::min(records, wanted * batch);
    const int epochs = static_cast<int>(std::max<std::size_t>(1, wanted / std::max<std::size_t>(steps, 1)));
    plan.warm_up *= static_cast<double>(epochs) / std::max(plan.epochs, 1);
    plan.epochs = epochs;
    return plan;
}

}  // namespace tensor_compress::detail
