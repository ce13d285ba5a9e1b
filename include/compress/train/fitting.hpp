// SPDX-License-Identifier: MIT
#pragma once

#include <numeric>

#include <compress/graph/glob.hpp>
#include <compress/tensor/masks.hpp>
#include <compress/tensor/top_class.hpp>
#include <compress/train/fit_options.hpp>
#include <compress/train/progress.hpp>
#include <compress/train/trainer.hpp>

namespace tensor_compress {

namespace detail {

/// Training without rounding. What a net's does at each of these places is in transform/fit_net.hpp.
template <const auto& Model>
class no_rounding {
public:
    no_rounding(const named_tensors&, const data_set&, const fit_options&) {}

    /// Before step `step` of all, of which `steps` are an epoch; returns whether another function is trained from here
    /// on.
    template <class Executor>
    bool begin_step(trainer<Model>&, long long, int, const Executor&) {
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
    /// What belongs to a checkpoint, and to the best weights.
    /// Whether what is learned beside the parameters is.
    bool is_finite() const { return true; }
    void add_to(safetensors_metadata&) const {}
    void store(named_tensors&) const {}
    void store_memory(named_tensors&, named_tensors&) const {}
    void take(training_state&, const std::string&) {}
};

template <const auto& Model, class Loss, class Executor, class Rounding = no_rounding<Model>>
class fitting {
public:
    template <class... Arguments>
    fitting(const named_tensors& weights, const data_set& data, const Loss& loss, const fit_options& options,
            const Executor& threads, const Arguments&... of_rounding)
        : data_(data),
          loss_(loss),
          options_(options),
          threads_(threads),
          trainer_(weights, options.parts),
          rounding_(weights, data, options, of_rounding...),
          groups_(parameter_groups<Model>()),
          line_(options.progress, options.live, options.epochs) {
        check();
        std::erase_if(groups_, [&](const parameter_group& g) { return is_frozen(g); });
        optimizer_.first.resize(trainer_.parameters().size());
        optimizer_.second.resize(trainer_.parameters().size());
        if (options.masks != nullptr) mask_ = packed_masks();
        apply_mask();
        if (!options.checkpoint.empty() && std::filesystem::exists(options.checkpoint)) resume();
    }

    fitted run() {
        while (state_.epoch < options_.epochs && !is_patient_no_more()) {
            if (stopped_) return {weights(), state_.history, state_.best_epoch, true};
            const bool is_over = run_epoch();
            expect_finite_parameters();
            if (is_over) finish_epoch();
            save();
        }
        const bool best = options_.keep_best && !state_.best.empty();
        return {best ? state_.best : weights(), state_.history, state_.best_epoch, false};
    }

    Rounding& rounding() { return rounding_; }

private:
    using T = training_graph<Model>;

    void check() const {
        const std::size_t inputs = static_cast<std::size_t>(T::graph[T::nth(op::input, 0)].output.elements());
        if (data_.size() == 0) throw error("fit", "no records", "give at least one");
        if (T::graph.count_of(op::input) != 1 || data_.record_size() != inputs)
            throw error("fit",
                        "records of " + std::to_string(data_.record_size()) + " values for a model whose input has " +
                            std::to_string(inputs),
                        "pass records in the layout of the model, channels last");
        if (options_.batch < 1 || options_.epochs < 0)
            throw error("fit",
                        "batches of " + std::to_string(options_.batch) + " records, " +
                            std::to_string(options_.epochs) + " epochs",
                        "give at least one record to a batch, and no negative number of epochs");
        if (!(options_.augment.mix >= 0 && options_.augment.mix <= 1))
            throw error("fit", "blends with a share of up to " + std::to_string(options_.augment.mix),
                        "a share lies from 0 to 1; 0.5 makes all blends likely");
        const double rate = std::visit([](const auto& rule) { return rule.rate; }, options_.optimizer);
        if (!(rate >= 0))
            throw error("fit", "a rate of " + std::to_string(rate), "it is not below 0; 0.0001 to 0.01 are usual");
        for (const std::string& pattern : options_.frozen) {
            if (std::none_of(groups_.begin(), groups_.end(),
                             [&](const parameter_group& g) { return matches(pattern, g); }))
                throw error("fit", "no layer with parameters is called '" + pattern + "'",
                            "freeze layers by their labels; * stands for anything");
        }
    }
    static bool matches(const std::string& pattern, const parameter_group& g) {
        return glob_match(pattern.c_str(), g.tensor.substr(0, g.tensor.rfind('.')).c_str());
    }

    aligned_floats packed_masks() const {
        named_tensors all = trainer_.weights();
        for (auto& [name, tensor] : all) std::fill_n(tensor.data(), tensor.size(), 1.0f);
        for (const auto& [name, mask] : *options_.masks) {
            array<float>& kept = tensor_of_mask(all, name, mask, "fit");
            const auto odd = std::find_if(mask.begin(), mask.end(), [](float v) { return v != 0 && v != 1; });
            if (odd != mask.end())
                throw error("fit", "the mask " + name + " holds " + std::to_string(*odd),
                            "a mask is 0 where a weight stays 0, and 1 where it is trained");
            if (std::all_of(mask.data(), mask.data() + mask.size(), [](float v) { return v == 0; }))
                throw error("fit", "the mask " + name + " leaves the layer no weight",
                            "keep at least one, or remove the layer");
            kept = mask;
        }
        return to_parameters<Model>(all);
    }
    void apply_mask() {
        const std::span<float> p = trainer_.parameters();
        for (std::size_t i = 0; i < mask_.size(); ++i) p[i] *= mask_[i];
    }

    named_tensors weights() const {
        named_tensors all = trainer_.weights();
        rounding_.store(all);
        return all;
    }

    bool has_labels() const { return data_.labels.size() == data_.size(); }

    /// @return  false when it was stopped before its end
    bool run_epoch() {
        const std::size_t count = data_.size(), batch = static_cast<std::size_t>(options_.batch);
        const int steps = static_cast<int>((count + batch - 1) / batch);
        const auto epoch = static_cast<std::uint64_t>(state_.epoch);
        std::vector<std::uint32_t> order(count);
        std::iota(order.begin(), order.end(), 0u);
        random_stream(options_.seed, epoch).shuffle(order);
        line_.begin_epoch();
        const std::size_t resumed = static_cast<std::size_t>(state_.step) * batch;
        for (; state_.step < steps; ++state_.step) {
            const std::size_t begin = static_cast<std::size_t>(state_.step) * batch;
            const std::span records(order.data() + begin, std::min(batch, count - begin));
            rate_ = rate_factor(options_.schedule, state_.epoch + (state_.step + 0.5) / steps, options_.epochs,
                                options_.warm_up);
            if (rounding_.begin_step(trainer_, static_cast<long long>(state_.epoch) * steps + state_.step, steps,
                                     threads_)) {
                forget(optimizer_);
                rounding_.forget();
            }
            run_step(records);
            const double seen = static_cast<double>(begin + records.size());
            line_.show(state_.epoch + 1, state_.loss_sum / seen, 100 * static_cast<double>(state_.right) / seen,
                       begin + records.size() - resumed, count - resumed);
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
        const std::uint64_t stream = epoch * data_.size();
        const auto blend_of = [&](std::size_t record) {
            return choose_blend(options_.augment, random_stream(options_.seed ^ 0x7c5f1d2bu, stream + record),
                                data_.size());
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
            if (has_labels()) right[place] = top_class(record.outputs[0]) == data_.labels[record.index];
            return loss_(record);
        };
        typename trainer<Model>::pass_options pass;
        pass.norm_momentum = options_.norm_momentum;
        pass.frozen_norms = state_.epoch >= options_.norm_epochs;
        pass.dropout_seed = options_.seed + 0x9e3779b9u * static_cast<std::uint64_t>(optimizer_.steps + 1);
        const double loss = rounding_.run(trainer_, static_cast<int>(records.size()), fill, lose, pass, threads_);
        if (!has_finite_bits(static_cast<float>(loss))) diverge("the loss", loss, state_.step + 1);
        state_.loss_sum += loss * static_cast<double>(records.size());
        state_.right += std::accumulate(right.begin(), right.end(), 0);
        ++optimizer_.steps;
        rounding_.differentiate(trainer_, threads_);
        step_parameters(clip_factor());
        rounding_.update(options_.optimizer, rate_, threads_);
        apply_mask();
    }

    void copy_augmented(std::size_t record, random_stream random, std::span<float> values) const {
        const std::span<const float> from = data_.input(record);
        if (options_.augment.moves())
            augment(T::graph[T::nth(op::input, 0)].output, options_.augment, random, from, values);
        else
            std::copy(from.begin(), from.end(), values.begin());
    }

    /// The loss is that of the weights before a step: what the last one did is not in it.
    void expect_finite_parameters() {
        for (const float p : trainer_.parameters())
            if (!has_finite_bits(p)) diverge("a weight", static_cast<double>(p), state_.step);
        if (!rounding_.is_finite()) diverge("a step of the rounding", std::nan(""), state_.step);
    }
    [[noreturn]] void diverge(const char* what, double value, int step) const {
        const bool kept = !options_.checkpoint.empty() && std::filesystem::exists(options_.checkpoint);
        throw error("fit",
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
        update(options_.optimizer, optimizer_, rate_, groups_, trainer_.parameters(), trainer_.gradients(), threads_);
    }
    bool is_frozen(const parameter_group& g) const {
        return std::any_of(options_.frozen.begin(), options_.frozen.end(),
                           [&](const std::string& pattern) { return matches(pattern, g); });
    }

    bool is_scored() const { return options_.validation != nullptr || static_cast<bool>(options_.score); }

    void finish_epoch() {
        epoch_result e;
        e.epoch = ++state_.epoch;
        e.loss = state_.loss_sum / static_cast<double>(data_.size());
        e.accuracy = 100 * static_cast<double>(state_.right) / static_cast<double>(data_.size());
        e.rate = rate_ * std::visit([](const auto& rule) { return rule.rate; }, options_.optimizer);
        e.seconds = line_.seconds();
        if (options_.score)
            e.score = options_.score(trainer_.weights());
        else if (options_.validation != nullptr)
            e.score = percent_right(*options_.validation);
        state_.step = 0;
        state_.loss_sum = 0;
        state_.right = 0;
        if (is_scored() && (state_.best_epoch == 0 ||
                            e.score > state_.history[static_cast<std::size_t>(state_.best_epoch) - 1].score)) {
            state_.best_epoch = e.epoch;
            if (options_.keep_best) state_.best = weights();
        }
        state_.history.push_back(e);
        line_.finish(e, is_scored(), data_.size());
    }
    bool is_patient_no_more() const {
        return options_.patience > 0 && state_.best_epoch > 0 && state_.epoch - state_.best_epoch >= options_.patience;
    }

    double percent_right(const data_set& held_out) {
        if (held_out.labels.size() != held_out.size() || held_out.size() == 0)
            throw error("fit", "held-out records without labels", "give each a label, or a score of your own");
        std::vector<char> right(held_out.size());
        constexpr std::size_t portion = 256;
        for (std::size_t begin = 0; begin < held_out.size(); begin += portion)
            rounding_.predict(
                trainer_, static_cast<int>(std::min(portion, held_out.size() - begin)),
                [&](int index, int, std::span<float> values) {
                    const auto from = held_out.input(begin + static_cast<std::size_t>(index));
                    std::copy(from.begin(), from.end(), values.begin());
                },
                [&](int index, const auto& outputs) {
                    const std::size_t record = begin + static_cast<std::size_t>(index);
                    right[record] = top_class(outputs[0]) == held_out.labels[record];
                },
                threads_);
        return 100.0 * std::accumulate(right.begin(), right.end(), 0) / static_cast<double>(held_out.size());
    }

    /// What must be the same for training to go on where a checkpoint left it.
    safetensors_metadata setup() const {
        const char* rules[] = {"sgd", "adam", "adamw"};
        safetensors_metadata text{{"model", fingerprint(Model)},
                                  {"optimizer", rules[options_.optimizer.index()]},
                                  {"seed", std::to_string(options_.seed)},
                                  {"batch", std::to_string(options_.batch)},
                                  {"parts", std::to_string(trainer_.parts())},
                                  {"records", std::to_string(data_.size())}};
        rounding_.add_to(text);
        return text;
    }
    void save() {
        if (options_.checkpoint.empty()) return;
        state_.weights = trainer_.weights();
        state_.steps = optimizer_.steps;
        state_.first = state_.second = state_.weights;
        from_parameters<Model>(optimizer_.first, state_.first);
        from_parameters<Model>(optimizer_.second, state_.second);
        rounding_.store(state_.weights);
        rounding_.store_memory(state_.first, state_.second);
        save_checkpoint(options_.checkpoint, state_, setup());
    }
    void resume() {
        state_ = load_checkpoint(options_.checkpoint, setup());
        rounding_.take(state_, options_.checkpoint.string());
        for (const named_tensors* part : {&state_.weights, &state_.first, &state_.second})
            expect_weights(Model, *part, options_.checkpoint.string());
        trainer_.set_weights(state_.weights);
        optimizer_.first = to_parameters<Model>(state_.first);
        optimizer_.second = to_parameters<Model>(state_.second);
        optimizer_.steps = state_.steps;
    }

    const data_set& data_;
    const Loss& loss_;
    const fit_options& options_;
    const Executor& threads_;
    trainer<Model> trainer_;
    Rounding rounding_;
    std::vector<parameter_group> groups_;
    progress_line line_;
    optimizer_state optimizer_;
    training_state state_;
    aligned_floats mask_;
    double rate_ = 1;
    bool stopped_ = false;
};

}  // namespace detail

}  // namespace tensor_compress
