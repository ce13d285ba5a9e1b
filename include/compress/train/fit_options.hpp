// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <functional>
#include <iosfwd>

#include <compress/calibrate/calibration.hpp>
#include <compress/tensor/data_set.hpp>
#include <compress/train/augment.hpp>
#include <compress/train/checkpoint.hpp>
#include <compress/train/optimizer.hpp>
#include <compress/train/schedule.hpp>

namespace tensor_compress {

/// How a net with integer layers is trained. Until it settles, batch_norms use the statistics of their batches and
/// ranges of values are measured again and again, while the weights that they come from change. Then both are measured
/// once more and stay, and the optimiser begins anew.
struct rounding_options {
    const calibration* ranges = nullptr;  ///< of the values, which then stay; null: measured on records of the data
    int records = 256;                    ///< of these
    calibration_options range{};
    double settle = 0.8;  ///< after this share of the epochs statistics and ranges stay, and values are those of the
                          ///< net's own kernels; with few bits the rate has to be low by then
};

/// How a model is trained. The same options, seed and parts give the same weights, whatever the number of threads.
struct fit_options {
    int epochs = 1;
    int batch = 64;
    tensor_compress::optimizer optimizer = adam{};
    rate_schedule schedule = constant_rate{};
    double warm_up = 0;          ///< epochs in which the rate grows from 0
    double label_smoothing = 0;  ///< of the cross-entropy
    augmentation augment{};      ///< of models with one input; all but `mix` of an image
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
    rounding_options rounding{};         ///< of nets, which are trained with their integers
};

/// What training ends with.
struct fitted {
    named_tensors weights;
    std::vector<epoch_result> history;
    int best_epoch = 0;        ///< from 1, by score; 0 where nothing is held out
    bool interrupted = false;  ///< by fit_options::stop
};

}  // namespace tensor_compress
