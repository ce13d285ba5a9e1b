// SPDX-License-Identifier: MIT
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "failure.hpp"

namespace compress_model {

/// What is done to the model and its weights before they are converted. What the command line does not say is empty.
struct techniques {
    bool ptq = false, gptq = false, ada_round = false, qat = false;
    std::optional<double> prune, keep_channels;
    std::vector<std::string> low_rank;  ///< LABEL=RANK
    std::string train, train_labels, distil_from, resume;
    std::optional<int> epochs;
    std::optional<double> rate, temperature, alpha;
    std::optional<std::uint64_t> seed;
    std::optional<long long> max_bytes;

    [[nodiscard]] bool rounds_on_records() const { return gptq || ada_round; }
    [[nodiscard]] bool trains() const { return !train.empty(); }
    [[nodiscard]] bool searches() const { return max_bytes.has_value(); }
    [[nodiscard]] bool is_taught_by_original() const { return distil_from == "original"; }
    [[nodiscard]] bool rewrites() const { return keep_channels || !low_rank.empty(); }
    /// Whether the weights or the model are others than those of the file.
    [[nodiscard]] bool changes() const { return prune || rewrites() || trains(); }
};

inline void declare(CLI::App& app, techniques& t) {
    app.add_flag("--ptq", t.ptq, "Round weights to nearest, with ranges of --calibrate: what is done without a word");
    app.add_flag("--gptq", t.gptq, "Round weights so that layers give what they gave on the records of --calibrate");
    app.add_flag("--ada-round", t.ada_round,
                 "The same behind their activations, by AdaRound: better with 4 bits, and slower");
    app.add_option("--prune", t.prune,
                   "Zero this share of each layer's weights: where the records of --calibrate say, else the smallest; "
                   "patterns as 'int8|unstructured<50>' do not store zeros")
        ->type_name("RATIO");
    app.add_option("--keep-channels", t.keep_channels,
                   "Keep this share of the channels, in fours: those that the loss on --train scores, else the largest")
        ->type_name("RATIO");
    app.add_option("--low-rank", t.low_rank, "Make a layer two thin ones; may be given for several layers")
        ->type_name("LABEL=RANK")
        ->allow_extra_args(false);
    app.add_option("--train", t.train, "Records to train the changed model on; zeros of --prune stay")
        ->type_name("X.npy");
    app.add_option("--train-labels", t.train_labels, "Class numbers of --train")->type_name("L.npy");
    app.add_option("--epochs", t.epochs, "How often training sees them [4]; with --max-bytes each time it trains")
        ->type_name("N");
    app.add_option("--rate", t.rate, "Adam's rate, which falls to 0 [0.001]")->type_name("R");
    app.add_option("--seed", t.seed, "Of the order of the records [1]")->type_name("S");
    app.add_flag("--qat", t.qat,
                 "Train with the integers that are stored; with --gptq or --ada-round from those that it rounds to");
    app.add_option("--distil-from", t.distil_from, "A teacher: 'original', the model unchanged, or another model")
        ->type_name("OTHER.onnx");
    app.add_option("--temperature", t.temperature, "By which the teacher's logits are divided [4]")->type_name("T");
    app.add_option("--alpha", t.alpha, "The teacher's share of the loss beside the labels [0.7]")->type_name("A");
    app.add_option("--max-bytes", t.max_bytes,
                   "Search widths and formats of the layers for at most so many bytes of weights; needs --train")
        ->type_name("N");
    app.add_option("--resume", t.resume, "Checkpoints of training, from which the same command goes on")
        ->type_name("DIR");
}

namespace detail {

inline std::string number(double value) {
    char digits[32];
    return {digits, std::to_chars(digits, digits + sizeof digits, value).ptr};
}

inline void expect(bool is_sensible, const std::string& sentence) {
    if (!is_sensible) throw bad_input(sentence);
}

/// Above 0 and below 1.
inline void expect_share(const std::optional<double>& share, const std::string& option, const std::string& of) {
    if (share && !(*share > 0 && *share < 1))
        throw bad_input(option + ": a ratio of " + number(*share) + " is no share; give " + of +
                        ", above 0 and below 1");
}

inline void expect_numbers(const techniques& t) {
    expect_share(t.prune, "--prune", "that of the weights that become 0");
    expect_share(t.keep_channels, "--keep-channels", "that of the channels that stay");
    expect(!t.epochs || *t.epochs > 0,
           "--epochs: " + std::to_string(t.epochs.value_or(0)) + " is no training; give 1 or more");
    expect(!t.rate || (*t.rate > 0 && *t.rate < 1e6),
           "--rate: " + number(t.rate.value_or(0)) + " is no rate; 0.0001 to 0.01 are usual");
    expect(!t.temperature || (*t.temperature > 0 && *t.temperature < 1e6),
           "--temperature: " + number(t.temperature.value_or(0)) + " is not above 0; 2 to 8 are usual");
    expect(!t.alpha || (*t.alpha >= 0 && *t.alpha <= 1),
           "--alpha: " + number(t.alpha.value_or(0)) + " is no share of the loss; give 0 to 1");
    expect(!t.max_bytes || *t.max_bytes > 0,
           "--max-bytes: " + std::to_string(t.max_bytes.value_or(0)) + " bytes hold no weights; give 1 or more");
}

/// Options that say how training is done ask for records to train on.
inline void expect_training(const techniques& t) {
    if (t.trains()) {
        const bool by_teacher_alone = !t.distil_from.empty() && t.alpha == 1.0 && !t.searches();
        expect(!t.train_labels.empty() || by_teacher_alone,
               "--train: the records have no labels; give --train-labels L.npy, or a teacher alone: --distil-from with "
               "--alpha 1");
    }
    const std::pair<const char*, bool> needing[] = {{"--train-labels", !t.train_labels.empty()},
                                                    {"--epochs", t.epochs.has_value()},
                                                    {"--rate", t.rate.has_value()},
                                                    {"--seed", t.seed.has_value()},
                                                    {"--qat", t.qat},
                                                    {"--distil-from", !t.distil_from.empty()},
                                                    {"--max-bytes", t.searches()},
                                                    {"--resume", !t.resume.empty()}};
    for (const auto& [option, is_given] : needing)
        expect(t.trains() || !is_given,
               std::string(option) + ": there are no records to train on; give --train X.npy and --train-labels L.npy");
    for (const auto& [option, is_given] :
         {std::pair{"--temperature", t.temperature.has_value()}, {"--alpha", t.alpha.has_value()}})
        expect(!is_given || !t.distil_from.empty() || t.searches(),
               std::string(option) + ": there is no teacher; give --distil-from original, or another model");
}

/// A search decides what these options would.
inline void expect_free_search(const techniques& t, bool has_formats, bool has_calibration) {
    const std::pair<const char*, bool> decided[] = {{"--precision or --recipe", has_formats},
                                                    {"--calibrate", has_calibration},
                                                    {"--ptq", t.ptq},
                                                    {"--gptq", t.gptq},
                                                    {"--ada-round", t.ada_round},
                                                    {"--qat", t.qat},
                                                    {"--prune", t.prune.has_value()},
                                                    {"--keep-channels", t.keep_channels.has_value()},
                                                    {"--low-rank", !t.low_rank.empty()},
                                                    {"--distil-from", !t.distil_from.empty()}};
    for (const auto& [option, is_given] : decided)
        expect(!t.searches() || !is_given,
               std::string("--max-bytes: chooses channels, formats, rounding and ranges itself, with the model as its "
                           "own teacher; leave ") +
                   option + " out");
}

}  // namespace detail

/// What needs no file to be opened.
///
/// @throws bad_input
inline void expect_sensible(const techniques& t, bool has_formats, bool has_calibration) {
    detail::expect_numbers(t);
    detail::expect_training(t);
    detail::expect_free_search(t, has_formats, has_calibration);
    for (const auto& [option, is_given] : {std::pair{"--ptq", t.ptq}, {"--gptq", t.gptq}, {"--ada-round", t.ada_round}})
        detail::expect(!is_given || has_calibration,
                       std::string(option) +
                           ": there are no records to look at; give --calibrate X.npy, 64 to 256 are usual");
    const char* other = t.gptq ? "--gptq" : t.ada_round ? "--ada-round" : "--qat";
    detail::expect(!t.ptq || !(t.rounds_on_records() || t.qat), std::string("--ptq: rounds to nearest, and ") + other +
                                                                    " chooses integers otherwise; give one of them");
    detail::expect(!(t.gptq && t.ada_round), "--ada-round: begins with what --gptq chooses; give one of them");
}

}  // namespace compress_model
