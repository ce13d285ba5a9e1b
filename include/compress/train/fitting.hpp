// SPDX-License-Identifier: MIT
#pragma once

#include <compress/train/options_text.hpp>
#include <compress/train/plan_search.hpp>
#include <compress/train/training_run.hpp>

namespace tensor_compress {

namespace detail {

/// A training: its plan, its epochs, and what comes out as the best of them.
template <const auto& Model, class Loss, class Executor, class Rounding = no_rounding<Model>, class... OfRounding>
class fitting : training_run<Model, Loss, Executor, Rounding, OfRounding...> {
    using base = training_run<Model, Loss, Executor, Rounding, OfRounding...>;
    using T = training_graph<Model>;

public:
    using base::base;

    fitted run() {
        if (!options_.checkpoint.empty() && std::filesystem::exists(options_.checkpoint))
            resume();
        else if (!prepare())
            return {first_, {}, 0, true, plan_, 0, 0};
        line_.set_epochs(plan_.epochs);
        while (state_.epoch < plan_.epochs && !is_patient_no_more()) {
            if (stopped_) return {weights(), state_.history, state_.best_epoch, true, plan_, start_.number(), 0};
            const bool is_over = run_epoch();
            expect_finite_parameters();
            if (is_over) finish_epoch();
            save();
        }
        say_what_is_kept();
        const bool best = options_.keep_best && !state_.best.empty();
        const double end = state_.history.empty() ? start_.number() : state_.history.back().score;
        return {best ? state_.best : weights(),
                state_.history,
                state_.best_epoch,
                false,
                plan_,
                start_.number(),
                !best                    ? end
                : state_.best_epoch == 0 ? start_.number()
                                         : best_.number()};
    }

    Rounding& rounding() { return *rounding_; }

private:
    using base::begin;
    using base::count_;
    using base::expect_finite_parameters;
    using base::first_;
    using base::input;
    using base::is_relative;
    using base::is_trial_;
    using base::judge;
    using base::judge_count;
    using base::judges;
    using base::line_;
    using base::loss_;
    using base::mask_;
    using base::measure_units;
    using base::optimizer_;
    using base::options_;
    using base::plan_;
    using base::rate_;
    using base::records_;
    using base::rounding_;
    using base::run_epoch;
    using base::state_;
    using base::steps_of_epoch;
    using base::stopped_;
    using base::threads_;
    using base::trainer_;
    using base::weights;

    /// Judges the first weights, measures units, and chooses what is left open.
    ///
    /// @return  false where it was stopped meanwhile
    bool prepare() {
        const bool is_judged = judges();
        count_ = records_.count();
        if (is_judged || is_relative()) rounding_->begin_step(trainer_, plan_, 0, steps_of_epoch(), threads_);
        if (is_judged) start_ = judge();
        if (plan_.epochs > 0) measure_units();
        if (is_judged && plan_.epochs > 0) choose();
        if (stopped_) return false;
        begin(plan_);
        count_ = records_.count();
        state_.plan = plan_;
        if (!is_judged) return true;
        rounding_->begin_step(trainer_, plan_, 0, steps_of_epoch(), threads_);
        if (options_.keep_best) state_.best = weights();
        return true;
    }
    void choose() {
        const bool is_trained = std::any_of(first_.begin(), first_.end(), [](const auto& tensor) {
            return tensor.first.ends_with(".running_mean") &&
                   std::any_of(tensor.second.begin(), tensor.second.end(), [](float v) { return v != 0; });
        });
        const auto trial = [&](const training_plan& plan) { return try_plan(plan); };
        plan_search search(options_, {T::graph[input].output, is_trained}, plan_, trial);
        plan_ = search.run();
        say("judged by " + std::to_string(judge_count()) + " held-out records: first weights " + text_of(start_));
        if (!search.reasons().empty()) say("trials: " + search.reasons());
        if (leaves_choices(options_))
            say("chosen: " + text_of(plan_.optimizer) + ", " + std::to_string(plan_.epochs) + " epochs in batches of " +
                std::to_string(plan_.batch) +
                (T::graph[input].output.rank >= 3 ? ", images " + text_of(plan_.augment) : std::string()) +
                (plan_.norm_epochs == 0 ? ", batch norms with the statistics that they have" : ""));
    }
    std::optional<judgement> try_plan(const training_plan& plan) {
        if (stopped_) return std::nullopt;
        begin(trial_of(plan, records_.count(), count_));
        is_trial_ = true;
        std::optional<judgement> found;
        try {
            while (state_.epoch < plan_.epochs && !stopped_) {
                run_epoch();
                ++state_.epoch;
                state_.step = 0;
            }
            expect_finite_parameters();
            found = judge();
            if (!std::isfinite(found->number())) found.reset();
        } catch (const diverged&) {
        }
        is_trial_ = false;
        return found;
    }

    void finish_epoch() {
        epoch_result e;
        e.epoch = ++state_.epoch;
        e.loss = state_.loss_sum / static_cast<double>(count_);
        e.accuracy = 100 * static_cast<double>(state_.right) / static_cast<double>(count_);
        e.rate = rate_ * rate_of(plan_.optimizer);
        e.seconds = line_.seconds();
        state_.step = 0;
        state_.loss_sum = 0;
        state_.right = 0;
        const bool is_judged = judges() && rounding_->is_deployable();
        if (is_judged) {
            const judgement found = judge();
            e.score = found.number();
            if (replaces_start(found, start_) && (state_.best_epoch == 0 || replaces_epoch(found, best_))) {
                state_.best_epoch = e.epoch;
                best_ = found;
                if (options_.keep_best) state_.best = weights();
            }
        }
        state_.history.push_back(e);
        line_.finish(e, is_judged, count_);
    }
    bool is_patient_no_more() const {
        return options_.patience > 0 && state_.best_epoch > 0 && state_.epoch - state_.best_epoch >= options_.patience;
    }

    void say(const std::string& sentence) const {
        if (options_.progress != nullptr) *options_.progress << sentence << '\n' << std::flush;
    }
    void say_what_is_kept() const {
        if (!judges() || !options_.keep_best || state_.history.empty()) return;
        const std::string which =
            state_.best_epoch == 0
                ? "the first weights, as no epoch is better by more than chance"
                : "epoch " + std::to_string(state_.best_epoch) + ", " + text_of(best_) + "; first weights";
        say("kept: " + which + ", " + text_of(start_));
    }

    /// What must be the same for training to go on where a checkpoint left it.
    /// It is looked at once: all records are in it.
    const safetensors_metadata& setup() {
        if (setup_.empty()) setup_ = setup_text();
        return setup_;
    }
    safetensors_metadata setup_text() const {
        const data_set& data = records_.data;
        safetensors_metadata text{{"model", fingerprint(Model)},
                                  {"first weights", identity_of(first_)},
                                  {"records", identity_of(std::span(data.inputs.data(), data.inputs.size()))},
                                  {"options", options_text(options_)},
                                  {"seed", std::to_string(options_.seed)},
                                  {"parts", std::to_string(trainer_.parts())}};
        identity labels;
        for (const int label : data.labels) labels.add(static_cast<std::uint64_t>(label));
        text["labels"] = labels.text();
        text["masks"] = identity_of(std::span<const float>(mask_));
        if constexpr (requires(identity & all) { loss_.add_to(all); }) {
            identity loss;
            loss_.add_to(loss);
            text["loss"] = loss.text();
        }
        rounding_->add_to(text);
        return text;
    }
    void save() {
        if (options_.checkpoint.empty()) return;
        state_.weights = trainer_.weights();
        state_.steps = optimizer_.steps;
        state_.first = state_.second = state_.weights;
        from_parameters<Model>(optimizer_.first, state_.first);
        from_parameters<Model>(optimizer_.second, state_.second);
        rounding_->store(state_.weights);
        rounding_->store_memory(state_.first, state_.second);
        state_.judged.clear();
        store(start_, "start", state_.judged);
        store(best_, "best", state_.judged);
        save_checkpoint(options_.checkpoint, state_, setup());
    }
    void resume() {
        const std::string file = options_.checkpoint.string();
        training_state found = load_checkpoint(options_.checkpoint, setup(), plan_);
        found.plan.epochs = options_.epochs.value_or(found.plan.epochs);
        begin(found.plan);
        count_ = records_.count();
        if (is_relative()) {  // units are of the first weights
            rounding_->begin_step(trainer_, plan_, 0, steps_of_epoch(), threads_);
            measure_units();
            begin(found.plan);
        }
        state_ = std::move(found);
        if (state_.step >= steps_of_epoch())
            throw error(file,
                        "is a damaged checkpoint: it is at step " + std::to_string(state_.step) + " of epochs of " +
                            std::to_string(steps_of_epoch()),
                        "remove it to begin anew");
        start_ = take_judgement("start", state_.judged, judge_count(), file);
        best_ = take_judgement("best", state_.judged, judge_count(), file);
        if (!state_.best.empty()) {
            training_state best;
            best.weights = best.first = best.second = state_.best;
            rounding_->take(best, file);
            expect_weights(Model, best.weights, file);
        }
        rounding_->take(state_, file);
        for (const named_tensors* part : {&state_.weights, &state_.first, &state_.second})
            expect_weights(Model, *part, file);
        trainer_.set_weights(state_.weights);
        optimizer_.first = to_parameters<Model>(state_.first);
        optimizer_.second = to_parameters<Model>(state_.second);
        optimizer_.steps = state_.steps;
    }

    judgement start_, best_;  ///< of the first weights, and of the best epoch
    safetensors_metadata setup_;
};

}  // namespace detail

}  // namespace tensor_compress
