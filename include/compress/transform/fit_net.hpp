// SPDX-License-Identifier: MIT
#pragma once

#include <compress/transform/simulated_rounding.hpp>

namespace tensor_compress {

/// What training a net ends with; `convert` makes it the net.
template <class Net>
struct fitted_net : fitted_integers {};

namespace detail {

/// What training a net adds to training its model: rounding, and as soon as batch_norms are settled, or at once where
/// there is none and no dropout, values that the net's own kernels compute.
template <class Net>
class net_rounding : public simulated_rounding<Net::model> {
    using base = simulated_rounding<Net::model>;
    using training = typename base::training;

public:
    net_rounding(const named_tensors& weights, const split_records& records, const fit_options& options)
        : base(weights, records, options, roundings_of<Net>(weights), net_values::of<Net>()),
          forward_(options.parts < 1 ? 1 : options.parts) {}

    template <class Executor>
    bool begin_step(training& t, const training_plan& plan, long long step, int steps, const Executor& threads) {
        const bool changes = base::begin_step(t, plan, step, steps, threads);
        if (is_deployed()) pack(t);
        return changes;
    }

    template <class Fill, class Loss, class Executor>
    double run(training& t, int records, const Fill& fill, const Loss& loss, typename training::pass_options pass,
               const Executor& threads) {
        if (!is_deployed()) return base::run(t, records, fill, loss, pass, threads);
        pass.rounding = this->roundings();
        pass.frozen_norms = true;
        pass.dropout = false;
        return t.run(records, fill, loss, pass, threads, forward_);
    }

    template <class Executor>
    void differentiate(training& t, const Executor& threads) {
        base::differentiate(t, threads);
        if (is_deployed()) clear_gammas(t.gradients());
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

private:
    using graph = training_graph<Net::model>;

    bool is_deployed() const {
        return this->is_settled() || (graph::segments == 1 && graph::graph.count_of(op::dropout) == 0);
    }
    void pack(const training& t) {
        const named_tensors weights = t.weights();
        forward_.pack(weights, this->ranges(), this->steps().rounded(weights));
    }

    /// A gamma is learned while batch_norms see their batches; then the steps learn scales, and of what a batch_norm
    /// reads nothing is computed any more.
    static void clear_gammas(std::span<float> gradients) {
        for_each_trained<Net::model>([&]<int Id>() {
            if constexpr (graph::graph[Id].kind == op::batch_norm)
                std::fill_n(gradients.data() + graph::parameter_place(Id), graph::template bias_offset<Id>(), 0.0f);
        });
    }

    deployed_forward<Net> forward_;
};

}  // namespace detail

/// Trains the model of `Net` for the precisions of Net (quantisation-aware training): forwards weights and values are
/// what the net stores and reads, signs included; backwards rounding passes gradients on and signs have a slope around
/// zero; steps of outputs and tables of codebooks are learned (learned_steps). Zeros of a pattern stay where the first
/// weights have them. Source: Jacob et al. 2018, section 3.
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
    static_assert(detail::check_training<Net>());
    detail::fitting<Net::model, Loss, Executor, detail::net_rounding<Net>> training(weights, data, loss, options,
                                                                                    threads);
    fitted result = training.run();
    return {training.rounding().integers_of(std::move(result))};
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
