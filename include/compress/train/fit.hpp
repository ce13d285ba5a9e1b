// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <functional>
#include <numeric>

#include <compress/graph/glob.hpp>
#include <compress/tensor/masks.hpp>
#include <compress/tensor/top_class.hpp>
#include <compress/train/augment.hpp>
#include <compress/train/optimizer.hpp>
#include <compress/train/progress.hpp>
#include <compress/train/schedule.hpp>
#include <compress/train/trainer.hpp>

namespace tensor_compress {

/// How a model is trained. The same options, seed and parts give the same weights, whatever the number of threads.
struct fit_options {
    int epochs = 1;
    int batch = 64;
    tensor_compress::optimizer optimizer = adam{};
    rate_schedule schedule = constant_rate{};
    double warm_up = 0;          ///< epochs in which the rate grows from 0
    double label_smoothing = 0;  ///< of the cross-entropy
    augmentation augment{};      ///< of models with one input, an image
    std::uint64_t seed = 1;      ///< of the order of records, augmentation and dropout
    double clip_norm = 0;        ///< longest gradient, as a vector of all parameters; 0: any. Pascanu et al. 2013
    std::vector<std::string> frozen{};     ///< globs over labels of layers whose parameters stay as they are
    const named_tensors* masks = nullptr;  ///< of 0 and 1, by name of a weight: what is 0 stays 0
    float norm_momentum = 0.1f;            ///< of batch_norm's running statistics
    double norm_epochs = 1e9;  ///< after so many epochs batch_norms use their running statistics, and keep them

    const data_set* validation = nullptr;                 ///< held-out records, judged by the percent that is right
    std::function<double(const named_tensors&)> score{};  ///< or a judge of one's own; higher is better
    int patience = 0;                                     ///< epochs without a better score before it stops; 0: never
    bool keep_best = true;                                ///< whether the weights of the best score are the result

    std::filesystem::path checkpoint{};  ///< written after each epoch and when stopped; gone on from if it is there
    std::function<bool()> stop{};        ///< asked after each step
    std::ostream* progress = nullptr;    ///< where a line an epoch goes
    bool live = false;                   ///< whether that is a terminal
    int parts = 2;                       ///< of a batch, with gradients of their own: at least as many as threads
};

/// What training ends with.
struct fitted {
    named_tensors weights;
    std::vector<epoch_result> history;
    int best_epoch = 0;        ///< from 1, by score; 0 where nothing is held out
    bool interrupted = false;  ///< by fit_options::stop
};

namespace detail {

template <const auto& Model, class Loss, class Executor>
class fitting {
public:
    fitting(const named_tensors& weights, const data_set& data, const Loss& loss, const fit_options& options,
            const Executor& threads)
        : data_(data),
          loss_(loss),
          options_(options),
          threads_(threads),
          trainer_(weights, options.parts),
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
            if (stopped_) return {trainer_.weights(), state_.history, state_.best_epoch, true};
            const bool is_over = run_epoch();
            expect_finite_parameters();
            if (is_over) finish_epoch();
            save();
        }
        const bool best = options_.keep_best && !state_.best.empty();
        return {best ? state_.best : trainer_.weights(), state_.history, state_.best_epoch, false};
    }

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
        const auto fill = [&](int index, int, std::span<float> values) {
            const std::size_t record = records[static_cast<std::size_t>(index)];
            const std::span<const float> from = data_.input(record);
            if (options_.augment.changes())
                augment(T::graph[T::nth(op::input, 0)].output, options_.augment,
                        random_stream(options_.seed ^ 0x5bd1e995u, epoch * data_.size() + record), from, values);
            else
                std::copy(from.begin(), from.end(), values.begin());
        };
        const auto lose = [&](auto& record) {
            const std::size_t place = record.index;
            record.index = records[place];
            if (has_labels()) right[place] = top_class(record.outputs[0]) == data_.labels[record.index];
            return loss_(record);
        };
        typename trainer<Model>::pass_options pass;
        pass.norm_momentum = options_.norm_momentum;
        pass.frozen_norms = state_.epoch >= options_.norm_epochs;
        pass.dropout_seed = options_.seed + 0x9e3779b9u * static_cast<std::uint64_t>(optimizer_.steps + 1);
        const double loss = trainer_.run(static_cast<int>(records.size()), fill, lose, pass, threads_);
        if (!has_finite_bits(static_cast<float>(loss))) diverge("the loss", loss, state_.step + 1);
        state_.loss_sum += loss * static_cast<double>(records.size());
        state_.right += std::accumulate(right.begin(), right.end(), 0);
        ++optimizer_.steps;
        step_parameters(clip_factor());
        apply_mask();
    }

    /// The loss is that of the weights before a step: what the last one did is not in it.
    void expect_finite_parameters() {
        for (const float p : trainer_.parameters())
            if (!has_finite_bits(p)) diverge("a weight", static_cast<double>(p), state_.step);
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
            if (options_.keep_best) state_.best = trainer_.weights();
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
            trainer_.predict(
                static_cast<int>(std::min(portion, held_out.size() - begin)),
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
        return {{"model", fingerprint(Model)},
                {"optimizer", rules[options_.optimizer.index()]},
                {"seed", std::to_string(options_.seed)},
                {"batch", std::to_string(options_.batch)},
                {"parts", std::to_string(trainer_.parts())},
                {"records", std::to_string(data_.size())}};
    }
    void save() {
        if (options_.checkpoint.empty()) return;
        state_.weights = trainer_.weights();
        state_.steps = optimizer_.steps;
        state_.first = state_.second = state_.weights;
        from_parameters<Model>(optimizer_.first, state_.first);
        from_parameters<Model>(optimizer_.second, state_.second);
        save_checkpoint(options_.checkpoint, state_, setup());
    }
    void resume() {
        state_ = load_checkpoint(options_.checkpoint, setup());
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
    std::vector<parameter_group> groups_;
    progress_line line_;
    optimizer_state optimizer_;
    training_state state_;
    aligned_floats mask_;
    double rate_ = 1;
    bool stopped_ = false;
};

}  // namespace detail

/// Trains `Model` with a loss of one's own.
///
/// @param  weights  where to start: initial_weights<Model>(seed), or trained ones, by name
/// @param  loss     loss(trained_record) returns the loss of a record and adds its gradients; called from several
///                  threads
/// @param  threads  who runs the parts of a batch
/// @throws error where weights, records, masks or options do not fit the model, where the loss is no number any more
///               (with the step and the last checkpoint), where a checkpoint is another training's
template <const auto& Model, class Loss, executor Executor = serial>
requires requires(const Loss& loss, trained_record<1> record) { loss(record); }
fitted fit(const named_tensors& weights, const data_set& data, const Loss& loss, const fit_options& options,
           const Executor& threads = {}) {
    return detail::fitting<Model, Loss, Executor>(weights, data, loss, options, threads).run();
}

/// Trains `Model` to give records their labels: cross-entropy of its first output.
template <const auto& Model, executor Executor = serial>
fitted fit(const named_tensors& weights, const data_set& data, const fit_options& options = {},
           const Executor& threads = {}) {
    const auto classes = static_cast<std::size_t>(Model[Model.outputs[0]].output.elements());
    return fit<Model>(weights, data, cross_entropy(data, classes, options.label_smoothing), options, threads);
}

}  // namespace tensor_compress
