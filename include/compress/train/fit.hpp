// SPDX-License-Identifier: MIT
#pragma once

#include <compress/train/fitting.hpp>

namespace tensor_compress {

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
