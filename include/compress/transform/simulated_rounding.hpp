// SPDX-License-Identifier: MIT
#pragma once

#include <compress/train/fit.hpp>
#include <compress/transform/calibrate.hpp>
#include <compress/transform/deployed_forward.hpp>
#include <compress/transform/learned_steps.hpp>

namespace tensor_compress {

/// What training with rounding ends with: all that `convert` needs, with the integers and ranges that training saw.
struct fitted_integers : fitted {
    calibration ranges;
    rounded_layers rounded;
};

namespace detail {

/// Ranges of values as tensors "<label>.range", [low, high, mean size].
inline void store_ranges(const calibration& seen, named_tensors& to) {
    for (const auto& [label, range] : seen.ranges) {
        const float numbers[] = {range.low, range.high, range.mean_size};
        std::copy_n(numbers, 3, (to[label + ".range"] = make_array<float>({3})).data());
    }
}
inline calibration take_ranges(named_tensors& from) {
    calibration seen;
    constexpr std::string_view end = ".range";
    for (auto entry = from.begin(); entry != from.end();) {
        const auto here = entry++;
        if (!std::string_view(here->first).ends_with(end)) continue;
        const float* numbers = here->second.data();
        seen.ranges[here->first.substr(0, here->first.size() - end.size())] = {numbers[0], numbers[1], numbers[2]};
        from.erase(here);
    }
    return seen;
}

/// What training has to know of the values of a net: how they are stored and read, given their ranges, and how many
/// layers read signs.
struct net_values {
    template <class Net>
    static constexpr net_values of() {
        return {&deployed_forward<Net>::roundings, deployed_forward<Net>::sign_layers()};
    }

    std::vector<value_rounding> (*roundings)(const calibration&);
    int sign_layers;
};

/// What rounding adds to training a model, in floating point: weights and values are put on the grids of the integers
/// that they will be, by the functions that conversion and the kernels round with. At what places is said at
/// no_rounding.
template <const auto& Model>
class simulated_rounding {
public:
    using training = trainer<Model>;

    simulated_rounding(const named_tensors& weights, const split_records& records, const fit_options& options,
                       const layer_roundings& roundings, net_values values)
        : records_(records),
          options_(options),
          steps_(weights, roundings, options.masks),
          values_(values) {
        const rounding_options& r = options.rounding;
        if (options.score)
            throw error("fit", "a score of float weights for a net of integers",
                        "give held-out records (validation), which the net itself is judged by");
        if ((r.settle && !(*r.settle >= 0 && *r.settle <= 1)) || (r.ranges == nullptr && r.records < 1))
            throw error("fit",
                        "settling after " + std::to_string(r.settle.value_or(0)) + " of the epochs, ranges of " +
                            std::to_string(r.records) + " records",
                        "settle after a share from 0 to 1, and measure at least one record");
        if (options.masks != nullptr) expect_zeros_in_grids(roundings, *options.masks);
        steps_.freeze(options.frozen);
        if (r.ranges != nullptr) set_ranges(*r.ranges);
    }

    /// @return  whether another function is trained from this step on: batch_norms settle
    template <class Executor>
    bool begin_step(training& t, const training_plan& plan, long long step, int steps, const Executor& threads) {
        const double settle_epochs = std::min(plan.settle * plan.epochs, plan.norm_epochs);
        const auto settling = static_cast<long long>(std::ceil(settle_epochs * steps));
        settled_ = step >= settling;
        steps_.round(t.parameters(), t.used_parameters(), threads);
        const bool settles_norms = has_norms && step == settling && step > 0;
        const bool due = step == settling || (step < settling && step % std::max(settling / 8, 1LL) == 0);
        const bool measures = options_.rounding.ranges == nullptr && (due || seen_.ranges.empty());
        // Behind a sign statistics depend on what it stands for, and that on the statistics before it.
        for (int round = settles_norms && measures ? values_.sign_layers : 0; round >= 0; --round) {
            if (settles_norms) measure_norms(t, plan.batch, threads);
            if (measures) measure(t);
        }
        return settles_norms;
    }
    /// Forgets what the optimiser remembers of the steps.
    void forget() { steps_.forget(); }

    template <class Fill, class Loss, class Executor>
    double run(training& t, int records, const Fill& fill, const Loss& loss, typename training::pass_options pass,
               const Executor& threads) {
        pass.rounding = roundings_.data();
        pass.frozen_norms = pass.frozen_norms || settled_;
        return t.run(records, fill, loss, pass, threads);
    }

    template <class Executor>
    void differentiate(training& t, const Executor& threads) {
        steps_.differentiate(t.parameters(), t.gradients(), threads);
    }
    template <class Executor>
    void update(const optimizer& rule, double factor, const Executor& threads) {
        steps_.update(rule, factor, threads);
    }

    template <class Fill, class See, class Executor>
    void predict(training& t, int records, const Fill& fill, const See& see, const Executor& threads) {
        steps_.round(t.parameters(), t.used_parameters(), threads);
        t.predict(records, fill, see, threads, typename training::own_forward{}, roundings_.data());
    }

    /// Until batch_norms settle, their running statistics are those of weights that have changed since.
    bool is_deployable() const { return settled_ || !has_norms; }
    bool is_finite() const { return steps_.is_finite(); }
    void add_to(safetensors_metadata&) const {}
    void store(named_tensors& weights) const {
        steps_.store(weights);
        store_ranges(seen_, weights);
    }
    void store_memory(named_tensors& first, named_tensors& second) const { steps_.store_memory(first, second); }
    void take(training_state& state, const std::string& source) {
        steps_.take(state.weights, source);
        steps_.take_memory(state.first, state.second, state.steps, source);
        set_ranges(take_ranges(state.weights));
    }

    /// What training ended with, which may be an earlier epoch's, as integers.
    fitted_integers integers_of(fitted result) {
        fitted_integers whole{std::move(result), {}, {}};
        whole.ranges = take_ranges(whole.weights);
        steps_.take(whole.weights, "fit");
        whole.rounded = steps_.rounded(whole.weights);
        return whole;
    }

protected:
    bool is_settled() const { return settled_; }
    const calibration& ranges() const { return seen_; }
    const learned_steps<Model>& steps() const { return steps_; }
    const value_rounding* roundings() const { return roundings_.data(); }

private:
    static void expect_zeros_in_grids(const layer_roundings& roundings, const named_tensors& masks) {
        for (const auto& [layer_name, levels] : roundings) {
            const auto mask = masks.find(layer_name + ".weight");
            if (mask == masks.end() || levels.format.grid.has_zero) continue;
            if (std::count(mask->second.data(), mask->second.data() + mask->second.size(), 0.0f) > 0)
                throw error(layer_name, "a mask with zeros for weights that are -1 or 1",
                            "give this layer a precision that has a zero, tc::ternary or more bits, or no mask");
        }
    }

    static constexpr bool has_norms = training_graph<Model>::segments > 1;

    /// Statistics of the batch_norms under the weights as they are rounded now: means over batches from all over the
    /// data. The running ones are of weights some batches ago, of which with few bits many have changed since.
    template <class Executor>
    void measure_norms(training& t, int batch, const Executor& threads) {
        const auto count = static_cast<int>(std::min(records_.count(), static_cast<std::size_t>(norm_records)));
        typename training::pass_options pass;
        pass.dropout = false;
        pass.rounding = signs_.data();  // ranges are measured after this
        for (int begin = 0, seen = 1; begin < count; begin += batch, ++seen) {
            pass.norm_momentum = 1.0f / static_cast<float>(seen);
            const auto fill = [&](int index, int, std::span<float> values) {
                const auto from =
                    records_.spread(static_cast<std::size_t>(begin + index), static_cast<std::size_t>(count));
                std::copy(from.begin(), from.end(), values.begin());
            };
            t.measure_norms(std::min(batch, count - begin), fill, pass, threads);
        }
    }

    /// Ranges of values under the weights as they are rounded now, on records from all over the data.
    void measure(training& t) {
        const std::size_t count = std::min(records_.count(), static_cast<std::size_t>(options_.rounding.records));
        std::vector<std::span<const float>> records;
        for (std::size_t i = 0; i < count; ++i) records.push_back(records_.spread(i, count));
        if (values_.sign_layers == 0) {
            named_tensors weights = t.weights();
            from_parameters<Model>(t.used_parameters(), weights);
            set_ranges(calibrate<Model>(weights, records, options_.rounding.range));
        }
        // Values behind signs are not those of the float net: they follow from what a sign stands for. Of one layer of
        // signs after the other that is known, and then, in the last round, all ranges.
        for (int round = values_.sign_layers == 0 ? 0 : values_.sign_layers + 1; round > 0; --round)
            set_ranges(ranges_behind_signs(t, records));
    }
    /// Ranges that follow from what signs stand for by now.
    calibration ranges_behind_signs(training& t, const std::vector<std::span<const float>>& records) {
        seen_values<Model> values(options_.rounding.range);
        t.observe(
            static_cast<int>(records.size()),
            [&](int index, int, std::span<float> to) {
                const auto from = records[static_cast<std::size_t>(index)];
                std::copy(from.begin(), from.end(), to.begin());
            },
            signs_.empty() ? nullptr : signs_.data(),
            [&](int id, std::span<const float> value) {
                values.add(training_graph<Model>::graph[id].value_origin, value);
            });
        return values.ranges();
    }
    void set_ranges(const calibration& seen) {
        seen_ = seen;
        roundings_ = values_.roundings(seen_);
        signs_ = roundings_;
        for (value_rounding& r : signs_) r.rounds = false;
    }

    static constexpr int norm_records = 4096;

    const split_records& records_;
    const fit_options& options_;
    learned_steps<Model> steps_;
    net_values values_;
    calibration seen_;
    std::vector<value_rounding> roundings_, signs_;  ///< signs_: without what is rounded
    bool settled_ = false;
};

inline constexpr recipe int8_values{int8};

}  // namespace detail

/// Trains a model for weights of formats that are known at run time, beside int8 values everywhere, in floating point:
/// quantisation-aware training for a search over formats, whose result is then compiled. What differs from training
/// the net itself (fit_net.hpp) are single steps where a sum lies between two of them.
///
/// @param  weights    where to start; rounding on records first starts nearer to the goal where bits are few
/// @param  roundings  of layers by label; others keep float weights
/// @throws error as `fit` of a model, and where rounding options make no sense
template <const auto& Model, class Loss, executor Executor = serial>
requires requires(const Loss& loss, trained_record<1> record) { loss(record); }
fitted_integers fit(const named_tensors& weights, const data_set& data, const Loss& loss,
                    const layer_roundings& roundings, const fit_options& options, const Executor& threads = {}) {
    using int8_net = net<Model, detail::int8_values>;
    detail::fitting<Model, Loss, Executor, detail::simulated_rounding<Model>, layer_roundings, detail::net_values>
        training(weights, data, loss, options, threads, roundings, detail::net_values::of<int8_net>());
    fitted result = training.run();
    return training.rounding().integers_of(std::move(result));
}

}  // namespace tensor_compress
