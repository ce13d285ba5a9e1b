// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <tuple>

#include <compress/tensor/top_class.hpp>
#include <compress/train/fit_checks.hpp>
#include <compress/train/judgement.hpp>
#include <compress/train/progress.hpp>
#include <compress/train/trainer.hpp>

namespace tensor_compress {

namespace detail {

/// Training that came to no number: a trial of a rate may, a training ends with it.
struct diverged : error {
    using error::error;
};

/// Training without rounding. What a net's does at each of these places is in transform/fit_net.hpp.
template <const auto& Model>
class no_rounding {
public:
    no_rounding(const named_tensors&, const split_records&, const fit_options&) {}

    /// Before step `step` of all, of which `steps` are an epoch; returns whether another function is trained from here
    /// on.
    template <class Executor>
    bool begin_step(trainer<Model>&, const training_plan&, long long, int, const Executor&) {
        return false;
    }
    void forget() {}
    template <class... Arguments>
    double run(trainer<Model>& t, const Arguments&... arguments) {
        return t.run(arguments...);
    }
    /// After it, when the gradients are there.
    template <class Executor>
    void differentiate(trainer<Model>&, const Executor&) {}
    template <class Executor>
    void update(const optimizer&, double, const Executor&) {}

    template <class... Arguments>
    void predict(trainer<Model>& t, const Arguments&... arguments) {
        t.predict(arguments...);
    }
    /// Whether what is trained now is what will be deployed: only then is there something to judge.
    bool is_deployable() const { return true; }
    /// Whether what is learned beside the parameters is.
    bool is_finite() const { return true; }
    /// What belongs to a checkpoint, and to the best weights.
    void add_to(safetensors_metadata&) const {}
    void store(named_tensors&) const {}
    void store_memory(named_tensors&, named_tensors&) const {}
    void take(training_state&, const std::string&) {}
};

/// Trains from the same first weights by one plan after another, epoch by epoch, and judges: what trials and the
/// training itself are made of.
template <const auto& Model, class Loss, class Executor, class Rounding, class... OfRounding>
class training_run {
public:
    /// @param  of_rounding  what Rounding takes beside weights, records and options
    training_run(const named_tensors& weights, const data_set& data, const Loss& loss, const fit_options& options,
                 const Executor& threads, const OfRounding&... of_rounding)
        : loss_(loss),
          options_(options),
          threads_(threads),
          records_(split(data, options)),
          trainer_(weights, options.parts),
          of_rounding_(of_rounding...),
          groups_(parameter_groups<Model>()),
          line_(options.progress, options.live) {
        plan_ = plan_by_rules(options, records_.count());
        plan_.held_out =
            static_cast<double>(records_.judging.size()) / static_cast<double>(std::max<std::size_t>(data.size(), 1));
        expect_records(records_, static_cast<std::size_t>(T::graph[input].output.elements()),
                       static_cast<std::size_t>(T::graph.count_of(op::input)));
        expect_sensible(options, plan_);
        expect_frozen(options, groups_);
        std::erase_if(groups_, [&](const parameter_group& g) { return is_frozen(options, g); });
        mask_ = packed_masks<Model>(options.masks, trainer_.weights());
        apply_mask();
        first_ = trainer_.weights();
        begin(plan_);
    }

protected:
    using T = training_graph<Model>;
    static constexpr int input = T::nth(op::input, 0);

    /// From the first weights on.
    void begin(const training_plan& plan) {
        plan_ = plan;
        trainer_.set_weights(first_);
        std::apply([&](const auto&... more) { rounding_.emplace(first_, records_, options_, more...); }, of_rounding_);
        optimizer_ = {};
        optimizer_.first.resize(trainer_.parameters().size());
        optimizer_.second.resize(trainer_.parameters().size());
        state_ = {};
    }
    int steps_of_epoch() const {
        const auto batch = static_cast<std::size_t>(plan_.batch);
        return static_cast<int>((count_ + batch - 1) / batch);
    }

    bool is_relative() const {
        return std::visit(
            [](const auto& rule) {
                if constexpr (requires { rule.relative; })
                    return rule.relative;
                else
                    return false;
            },
            plan_.optimizer);
    }
    /// By the gradients of one batch of the first weights. Batch norms use their running statistics: with those of the
    /// batch a bias before one has no gradient but noise.
    void measure_units() {
        if (!is_relative()) return;
        const auto all = std::span<const std::uint32_t>(records_.trained);
        typename trainer<Model>::pass_options pass;
        pass.dropout = false;
        pass.frozen_norms = true;
        const auto batch = all.first(std::min(all.size(), static_cast<std::size_t>(256)));
        const auto fill = [&](int index, int, std::span<float> values) {
            const auto from = records_.data.input(batch[static_cast<std::size_t>(index)]);
            std::copy(from.begin(), from.end(), values.begin());
        };
        const auto lose = [&](auto& record) {
            record.index = batch[record.index];
            record.blended.other = record.index;
            return loss_(record);
        };
        rounding_->run(trainer_, static_cast<int>(batch.size()), fill, lose, pass, threads_);
        rounding_->differentiate(trainer_, threads_);
        auto all_groups = parameter_groups<Model>();
        set_units(all_groups, trainer_.parameters(), trainer_.gradients());
        for (parameter_group& g : groups_)
            for (const parameter_group& measured : all_groups)
                if (measured.place == g.place) g.unit = measured.unit;
    }

    void apply_mask() {
        const std::span<float> p = trainer_.parameters();
        for (std::size_t i = 0; i < mask_.size(); ++i) p[i] *= mask_[i];
    }

    named_tensors weights() const {
        named_tensors all = trainer_.weights();
        rounding_->store(all);
        return all;
    }

    bool has_labels() const { return records_.data.labels.size() == records_.data.size(); }

    /// @return  false when it was stopped before its end
    bool run_epoch() {
        const auto batch = static_cast<std::size_t>(plan_.batch);
        const int steps = steps_of_epoch();
        const auto epoch = static_cast<std::uint64_t>(state_.epoch);
        std::vector<std::uint32_t> order(records_.trained.begin(),
                                         records_.trained.begin() + static_cast<std::ptrdiff_t>(count_));
        random_stream(options_.seed, epoch).shuffle(order);
        line_.begin_epoch();
        const std::size_t resumed = static_cast<std::size_t>(state_.step) * batch;
        for (; state_.step < steps; ++state_.step) {
            const std::size_t begin = static_cast<std::size_t>(state_.step) * batch;
            const std::span records(order.data() + begin, std::min(batch, count_ - begin));
            rate_ =
                rate_factor(plan_.schedule, state_.epoch + (state_.step + 0.5) / steps, plan_.epochs, plan_.warm_up);
            if (rounding_->begin_step(trainer_, plan_, static_cast<long long>(state_.epoch) * steps + state_.step,
                                      steps, threads_)) {
                forget(optimizer_);
                rounding_->forget();
            }
            run_step(records);
            const double seen = static_cast<double>(begin + records.size());
            if (!is_trial_)
                line_.show(state_.epoch + 1, state_.loss_sum / seen, 100 * static_cast<double>(state_.right) / seen,
                           begin + records.size() - resumed, count_ - resumed);
            stopped_ = options_.stop && options_.stop();
            if (stopped_ && state_.step + 1 < steps) {
                ++state_.step;
                return false;
            }
        }
        return true;
    }

    void run_step(std::span<const std::uint32_t> records) {
        const auto epoch = static_cast<std::uint64_t>(state_.epoch);
        std::vector<char> right(records.size());
        const std::uint64_t stream = epoch * records_.data.size();
        const auto blend_of = [&](std::size_t record) {
            blend chosen = choose_blend(plan_.augment, random_stream(options_.seed ^ 0x7c5f1d2bu, stream + record),
                                        records_.count());
            chosen.other = records_.trained[chosen.other];
            return chosen;
        };
        const auto fill = [&](int index, int, std::span<float> values) {
            const std::size_t record = records[static_cast<std::size_t>(index)];
            copy_augmented(record, random_stream(options_.seed ^ 0x5bd1e995u, stream + record), values);
            const blend with = blend_of(record);
            if (with.share == 0) return;
            std::vector<float> other(values.size());
            copy_augmented(with.other, random_stream(options_.seed ^ 0x2e1b2138u, stream + record), other);
            for (std::size_t i = 0; i < values.size(); ++i) values[i] += with.share * (other[i] - values[i]);
        };
        const auto lose = [&](auto& record) {
            const std::size_t place = record.index;
            record.index = records[place];
            record.blended = blend_of(record.index);
            if (has_labels()) right[place] = top_class(record.outputs[0]) == records_.data.labels[record.index];
            return loss_(record);
        };
        typename trainer<Model>::pass_options pass;
        pass.norm_momentum = options_.norm_momentum;
        pass.frozen_norms = state_.epoch >= plan_.norm_epochs;
        pass.dropout_seed = options_.seed + 0x9e3779b9u * static_cast<std::uint64_t>(optimizer_.steps + 1);
        const double loss = rounding_->run(trainer_, static_cast<int>(records.size()), fill, lose, pass, threads_);
        if (!has_finite_bits(static_cast<float>(loss))) diverge("the loss", loss, state_.step + 1);
        state_.loss_sum += loss * static_cast<double>(records.size());
        state_.right += std::accumulate(right.begin(), right.end(), 0);
        ++optimizer_.steps;
        rounding_->differentiate(trainer_, threads_);
        step_parameters(clip_factor());
        rounding_->update(plan_.optimizer, rate_, threads_);
        apply_mask();
    }

    void copy_augmented(std::size_t record, random_stream random, std::span<float> values) const {
        const std::span<const float> from = records_.data.input(record);
        if (plan_.augment.moves())
            augment(T::graph[input].output, plan_.augment, random, from, values);
        else
            std::copy(from.begin(), from.end(), values.begin());
    }

    /// The loss is that of the weights before a step: what the last one did is not in it.
    void expect_finite_parameters() {
        for (const float p : trainer_.parameters())
            if (!has_finite_bits(p)) diverge("a weight", static_cast<double>(p), state_.step);
        if (!rounding_->is_finite()) diverge("a step of the rounding", std::nan(""), state_.step);
    }
    [[noreturn]] void diverge(const char* what, double value, int step) const {
        const bool kept = !options_.checkpoint.empty() && std::filesystem::exists(options_.checkpoint);
        throw diverged("fit",
                       std::string(what) + " became " + std::to_string(value) + " at step " + std::to_string(step) +
                           " of epoch " + std::to_string(state_.epoch + 1) +
                           (kept ? "; the last good weights are in " + options_.checkpoint.string() : std::string()),
                       "lower the rate, warm it up, or clip gradients with clip_norm");
    }

    double clip_factor() const {
        if (options_.clip_norm <= 0) return 1;
        double squares = 0;
        for (const float g : trainer_.gradients()) squares += static_cast<double>(g) * static_cast<double>(g);
        const double norm = std::sqrt(squares);
        return norm > options_.clip_norm ? options_.clip_norm / norm : 1;
    }

    void step_parameters(double clip) {
        if (clip != 1)
            for (float& g : trainer_.gradients()) g *= static_cast<float>(clip);
        update(plan_.optimizer, optimizer_, rate_, groups_, trainer_.parameters(), trainer_.gradients(), threads_);
    }

    bool judges() const { return options_.validation != nullptr || options_.score || !records_.judging.empty(); }
    std::size_t judge_count() const {
        return options_.validation != nullptr ? options_.validation->size() : records_.judging.size();
    }
    judgement judge() {
        if (options_.score) return {{}, {}, options_.score(trainer_.weights())};
        if (options_.validation == nullptr) return judge_held_out();
        const data_set& others = *options_.validation;
        if (others.labels.size() != others.size() || others.size() == 0)
            throw error("fit", "held-out records without labels", "give each a label, or a score of your own");
        judgement found{std::vector<char>(others.size()), {}, 0};
        each_prediction(
            others.size(), [&](std::size_t i) { return others.input(i); },
            [&](std::size_t i, const auto& outputs) { found.right[i] = top_class(outputs[0]) == others.labels[i]; });
        return found;
    }
    judgement judge_held_out() {
        const auto& judging = records_.judging;
        judgement found{std::vector<char>(has_labels() ? judging.size() : 0), std::vector<float>(judging.size()), 0};
        each_prediction(
            judging.size(), [&](std::size_t i) { return records_.data.input(judging[i]); },
            [&](std::size_t i, const auto& outputs) {
                trained_record<trainer<Model>::outputs> record{
                    judging[i], outputs, {}, records_.data.input(judging[i])};
                record.blended.other = record.index;
                std::vector<float> unused;
                for (const auto& of_output : outputs) unused.resize(std::max(unused.size(), of_output.size()));
                for (std::size_t o = 0; o < outputs.size(); ++o)
                    record.gradients[o] = std::span(unused).first(outputs[o].size());
                found.losses[i] = static_cast<float>(loss_(record));
                if (has_labels()) found.right[i] = top_class(outputs[0]) == records_.data.labels[judging[i]];
            });
        return found;
    }
    template <class Input, class See>
    void each_prediction(std::size_t count, const Input& input_of, const See& see) {
        constexpr std::size_t portion = 256;
        for (std::size_t begin = 0; begin < count; begin += portion)
            rounding_->predict(
                trainer_, static_cast<int>(std::min(portion, count - begin)),
                [&](int index, int, std::span<float> values) {
                    const auto from = input_of(begin + static_cast<std::size_t>(index));
                    std::copy(from.begin(), from.end(), values.begin());
                },
                [&](int index, const auto& outputs) { see(begin + static_cast<std::size_t>(index), outputs); },
                threads_);
    }

    const Loss& loss_;
    const fit_options& options_;
    const Executor& threads_;
    split_records records_;
    trainer<Model> trainer_;
    std::tuple<OfRounding...> of_rounding_;
    std::optional<Rounding> rounding_;
    std::vector<parameter_group> groups_;
    progress_line line_;
    named_tensors first_;
    training_plan plan_;
    optimizer_state optimizer_;
    training_state state_;
    aligned_floats mask_;
    std::size_t count_ = 0;  ///< of the records that an epoch sees
    double rate_ = 1;
    bool stopped_ = false, is_trial_ = false;
};

}  // namespace detail

}  // namespace tensor_compress
