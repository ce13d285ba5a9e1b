// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <functional>
#include <iosfwd>
#include <optional>

#include <compress/calibrate/calibration.hpp>
#include <compress/tensor/data_set.hpp>
#include <compress/train/checkpoint.hpp>
#include <compress/train/training_plan.hpp>

namespace tensor_compress {

/// How a net with integer layers is trained. Until it settles, batch_norms use the statistics of their batches and
/// ranges of values are measured again and again, while the weights that they come from change. Then both are measured
/// once more and stay, and the optimiser begins anew.
struct rounding_options {
    const calibration* ranges = nullptr;  ///< of the values, which then stay; null: measured on records of the data
    int records = 256;                    ///< of these
    calibration_options range{};
    std::optional<double> settle{};  ///< after this share of the epochs statistics and ranges stay, and values are
                                     ///< those of the net's own kernels; with few bits the rate has to be low by then
};

/// How a model is trained. What is left empty is chosen (training_plan.hpp says how): by trials that held-out records
/// judge, where there are any, else by rules. The same options, seed and parts give the same weights, whatever the
/// number of threads.
struct fit_options {
    std::optional<int> epochs{};
    std::optional<int> batch{};
    std::optional<tensor_compress::optimizer> optimizer{};
    std::optional<rate_schedule> schedule{};
    std::optional<double> warm_up{};        ///< epochs in which the rate grows from 0
    double label_smoothing = 0;             ///< of the cross-entropy
    std::optional<augmentation> augment{};  ///< of models with one input; all but `mix` of an image
    std::uint64_t seed = 1;                 ///< of the order of records, augmentation, dropout and what is held out
    double clip_norm = 0;  ///< longest gradient, as a vector of all parameters; 0: any. Pascanu et al. 2013
    std::vector<std::string> frozen{};     ///< globs over labels of layers whose parameters stay as they are
    const named_tensors* masks = nullptr;  ///< of 0 and 1, by name of a weight: what is 0 stays 0
    float norm_momentum = 0.1f;            ///< of batch_norm's running statistics
    std::optional<double> norm_epochs{};   ///< after so many epochs batch_norms use their running statistics, and keep
                                           ///< them

    /// Share of the records that is held out: not trained on, nor measured on; it judges. 0: none. Empty: a tenth, at
    /// least 50 and at most 1,000 records, where something is left to choose and nothing else judges.
    std::optional<double> held_out{};
    const data_set* validation = nullptr;                 ///< other records that judge, by the percent that is right
    std::function<double(const named_tensors&)> score{};  ///< or a judge of one's own; higher is better
    int patience = 0;                                     ///< epochs without a better score before it stops; 0: never
    bool keep_best = true;  ///< whether the result is the best by these judges, the first weights among them

    std::filesystem::path checkpoint{};  ///< written after each epoch and when stopped; gone on from if it is there
    std::function<bool()> stop{};        ///< asked after each step
    std::ostream* progress = nullptr;    ///< where a line an epoch goes, and what was chosen
    bool live = false;                   ///< whether that is a terminal
    int parts = 2;                       ///< of a batch, with gradients of their own: at least as many as threads
    rounding_options rounding{};         ///< of nets, which are trained with their integers
};

/// What training ends with.
struct fitted {
    named_tensors weights;
    std::vector<epoch_result> history;
    int best_epoch = 0;        ///< from 1; 0 where nothing judges, or where no epoch was better than the first weights
    bool interrupted = false;  ///< by fit_options::stop
    training_plan plan{};      ///< what was chosen
    double first_score = 0;    ///< of the first weights, by whatever judges; 0 where nothing does
    double score = 0;          ///< of the weights that are the result
};

/// The options with everything given as it was chosen once: for another training of the same kind.
template <class Options>
Options as_planned(Options options, const training_plan& plan) {
    options.epochs = plan.epochs;
    options.batch = plan.batch;
    options.optimizer = plan.optimizer;
    options.schedule = plan.schedule;
    options.warm_up = plan.warm_up;
    options.augment = plan.augment;
    options.norm_epochs = plan.norm_epochs;
    options.rounding.settle = plan.settle;
    options.held_out = plan.held_out;
    return options;
}

}  // namespace tensor_compress
