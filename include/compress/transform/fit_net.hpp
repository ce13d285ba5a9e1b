// SPDX-License-Identifier: MIT
#pragma once

#include <compress/train/fit.hpp>
#include <compress/transform/calibrate.hpp>
#include <compress/transform/deployed_forward.hpp>
#include <compress/transform/learned_steps.hpp>

namespace tensor_compress {

/// A type that is a variant of a model.
template <class Net>
concept net_type = requires {
    Net::model;
    Net::recipe;
    Net::node_count;
};

/// What training with rounding ends with: all that `convert` needs, the integers and ranges that training ended with.
template <class Net>
struct fitted_net : fitted {
    calibration ranges;
    rounded_layers rounded;
};

namespace detail {

/// Ranges of values as tensors "<label>.range", [low, high, mean size].
inline void store_ranges(const calibration& seen, named_tensors& to) {
    for (const auto& [label, range] : seen.ranges) {
        array<float>& tensor = to[label + ".range"] = make_array<float>({3});
        std::copy_n(&std::array{range.low, range.high, range.mean_size}[0], 3, tensor.data());
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

/// What training a net adds to training its model: weights and values are rounded as the net stores them. Before it
/// settles, batch_norms need sums in floating point, so each value is rounded by the function that the net's kernels
/// round with; from then on, and always where a model has no batch_norm or dropout, they are computed by these kernels.
template <class Net>
class net_rounding {
    using training = trainer<Net::model>;

public:
    net_rounding(const named_tensors& weights, const data_set& data, const fit_options& options)
        : data_(data),
          options_(options),
          steps_(weights, roundings_of<Net>(weights)),
          forward_(options.parts < 1 ? 1 : options.parts) {
        const rounding_options& r = options.rounding;
        if (options.score)
            throw error("fit", "a score of float weights for a net of integers",
                        "give held-out records (validation), which the net itself is judged by");
        if (!(r.settle >= 0 && r.settle <= 1) || (r.ranges == nullptr && r.records < 1))
            throw error("fit",
                        "settling after " + std::to_string(r.settle) + " of the epochs, ranges of " +
                            std::to_string(r.records) + " records",
                        "settle after a share from 0 to 1, and measure at least one record");
        steps_.freeze(options.frozen);
        if (r.ranges != nullptr) set_ranges(*r.ranges);
    }

    template <class Executor>
    void begin_step(training& t, long long step, int steps, const Executor& threads) {
        const double settle_epochs = std::min(options_.rounding.settle * options_.epochs, options_.norm_epochs);
        const auto settling = static_cast<long long>(std::ceil(settle_epochs * steps));
        settled_ = step >= settling;
        steps_.round(t.parameters(), t.used_parameters(), threads);
        const bool due = step == settling || (step < settling && step % std::max(settling / 8, 1LL) == 0);
        if (options_.rounding.ranges == nullptr && (due || seen_.ranges.empty())) measure(t);
        if (is_deployed()) pack(t);
    }

    template <class Fill, class Loss, class Executor>
    double run(training& t, int records, const Fill& fill, const Loss& loss, typename training::pass_options pass,
               const Executor& threads) {
        pass.rounding = roundings_.data();
        if (!is_deployed()) return t.run(records, fill, loss, pass, threads);
        pass.frozen_norms = true;
        pass.dropout = false;
        return t.run(records, fill, loss, pass, threads, forward_);
    }

    template <class Executor>
    void differentiate(training& t, const Executor& threads) {
        steps_.differentiate(t.parameters(), t.gradients(), threads);
        if (is_deployed()) clear_gammas(t.gradients());
    }
    template <class Executor>
    void update(const optimizer& rule, double factor, const Executor& threads) {
        steps_.update(rule, factor, threads);
    }

    /// By the net as it would be deployed now.
    template <class Fill, class See, class Executor>
    void predict(training& t, int records, const Fill& fill, const See& see, const Executor& threads) {
        pack(t);
        t.predict(records, fill, see, threads, forward_);
    }

    void add_to(safetensors_metadata& setup) const {
        std::string& formats = setup["formats"];
        for (const layer_info& row : Net::table)
            if (row.parameters > 0) formats += std::string(row.precision) + '|' + row.sparsity + ' ';
    }
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
    fitted_net<Net> integers_of(fitted result) {
        fitted_net<Net> whole{std::move(result), {}, {}};
        whole.ranges = take_ranges(whole.weights);
        steps_.take(whole.weights, "fit");
        whole.rounded = steps_.rounded(whole.weights);
        return whole;
    }

private:
    using graph = training_graph<Net::model>;

    bool is_deployed() const { return settled_ || (graph::segments == 1 && graph::graph.count_of(op::dropout) == 0); }
    void pack(const training& t) {
        const named_tensors weights = t.weights();
        forward_.pack(weights, seen_, steps_.rounded(weights));
    }

    /// Ranges of values under the weights as they are rounded now, on records from all over the data.
    void measure(training& t) {
        named_tensors weights = t.weights();
        from_parameters<Net::model>(t.used_parameters(), weights);
        std::vector<std::span<const float>> records;
        const std::size_t count = std::min(data_.size(), static_cast<std::size_t>(options_.rounding.records));
        for (std::size_t i = 0; i < count; ++i) records.push_back(data_.input(i * data_.size() / count));
        set_ranges(calibrate<Net::model>(weights, records, options_.rounding.range));
    }
    void set_ranges(const calibration& seen) {
        seen_ = seen;
        roundings_ = deployed_forward<Net>::roundings(seen_);
    }

    /// A gamma is learned while batch_norms see their batches; then the steps learn scales, and of what a batch_norm
    /// reads nothing is computed any more.
    static void clear_gammas(std::span<float> gradients) {
        for_each_trained<Net::model>([&]<int Id>() {
            if constexpr (graph::graph[Id].kind == op::batch_norm)
                std::fill_n(gradients.data() + graph::parameter_place(Id), graph::template bias_offset<Id>(), 0.0f);
        });
    }

    const data_set& data_;
    const fit_options& options_;
    learned_steps<Net::model> steps_;
    deployed_forward<Net> forward_;
    calibration seen_;
    std::vector<value_rounding> roundings_;
    bool settled_ = false;
};

}  // namespace detail

/// Trains the model of `Net` for the precisions of Net (quantisation-aware training): forwards weights and values are
/// what the net stores, backwards rounding passes gradients on, and the step of each output's weights is learned
/// (learned_steps). Zeros of a pattern stay where the first weights have them. Source: Jacob et al. 2018, section 3.
///
/// `convert(fit<Net>(weights, data, options))` is the net that training saw: the same bytes for every record.
///
/// @param  weights  trained ones, of Net::model; rounding on records first, dequantize<model>(weights,
///                  gptq<Net>(...)), starts nearer to the goal where bits are few
/// @throws error as `fit` of a model, and where rounding options make no sense
template <net_type Net, class Loss, executor Executor = serial>
requires requires(const Loss& loss, trained_record<1> record) { loss(record); }
fitted_net<Net> fit(const named_tensors& weights, const data_set& data, const Loss& loss, const fit_options& options,
                    const Executor& threads = {}) {
    detail::fitting<Net::model, Loss, Executor, detail::net_rounding<Net>> training(weights, data, loss, options,
                                                                                    threads);
    fitted result = training.run();
    return training.rounding().integers_of(std::move(result));
}

template <net_type Net, executor Executor = serial>
fitted_net<Net> fit(const named_tensors& weights, const data_set& data, const fit_options& options = {},
                    const Executor& threads = {}) {
    const auto classes = static_cast<std::size_t>(Net::model[Net::model.outputs[0]].output.elements());
    return fit<Net>(weights, data, cross_entropy(data, classes, options.label_smoothing), options, threads);
}

/// The net that training ended with.
template <class Net>
packed<Net> convert(const fitted_net<Net>& trained) {
    return convert<Net>(trained.weights, trained.ranges, trained.rounded);
}

}  // namespace tensor_compress
