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
    std::vector<std::string> augment;
    std::optional<double> rate, temperature, alpha;
    std::optional<std::uint64_t> seed;
    std::optional<long long> max_bytes;

    [[nodiscard]] bool rounds_on_records() const { return gptq || ada_round; }
    [[nodiscard]] bool trains() const { return !train.empty(); }
    [[nodiscard]] bool searches() const { return max_bytes.has_value(); }
    /// Whether what is trained has lost something that the original knows.
    [[nodiscard]] bool is_compressed() const { return qat || prune || rewrites(); }
    [[nodiscard]] bool is_taught_by_original() const {
        return distil_from == "original" || (distil_from.empty() && trains() && !searches() && is_compressed());
    }
    [[nodiscard]] bool is_taught_by_other() const {
        return !distil_from.empty() && distil_from != "none" && distil_from != "original";
    }
    [[nodiscard]] bool is_taught() const { return is_taught_by_original() || is_taught_by_other(); }
    /// Without labels the teacher alone counts.
    [[nodiscard]] std::optional<double> teacher_share() const {
        return train_labels.empty() && !searches() ? std::optional<double>(alpha.value_or(1)) : alpha;
    }
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
    app.add_option("--epochs", t.epochs,
                   "How often training sees them [some 4,000 steps, 2 to 40]; with --max-bytes the best net, others a "
                   "quarter")
        ->type_name("N");
    app.add_option("--rate", t.rate, "Adam's rate, which falls to 0 [chosen by trials on held-out records]")
        ->type_name("R");
    app.add_option("--augment", t.augment,
                   "Changes of images: shift[=N], flip, crop=SHARE, mix[=SHARE], or none [chosen by trials]")
        ->delimiter(',')
        ->type_name("LIST");
    app.add_option("--seed", t.seed, "Of the order of the records [1]")->type_name("S");
    app.add_flag("--qat", t.qat,
                 "Train with the integers that are stored; with --gptq or --ada-round from those that it rounds to");
    app.add_option(
           "--distil-from", t.distil_from,
           "The teacher: 'original', the model unchanged, another model, or 'none' ['original', where the model "
           "or its integers are changed]")
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

/// The words of --augment as an initialiser of tc::augmentation.
///
/// @throws bad_input naming the word
inline std::string augmentation_text(const std::vector<std::string>& words) {
    if (words.size() == 1 && words[0] == "none") return "{}";
    struct kind {
        std::string_view word, usual;
        double least, most;
        bool is_whole;
    };
    // In the order of the members.
    constexpr kind kinds[] = {{"shift", "4", 1, 1000, true},
                              {"flip", "", 0, 0, true},
                              {"crop", "", 0.1, 1, false},
                              {"mix", "0.5", 0, 1, false}};
    std::string text;
    std::size_t known = 0;
    for (const kind& k : kinds)
        for (const std::string& word : words) {
            const std::string name = word.substr(0, word.find('='));
            if (name != k.word) continue;
            ++known;
            const std::string given = word.size() > name.size() ? word.substr(name.size() + 1) : std::string(k.usual);
            double value = 0;
            const auto [end, problem] = std::from_chars(given.data(), given.data() + given.size(), value);
            const bool is_number = problem == std::errc() && end == given.data() + given.size();
            if (k.word == "flip" ? word != "flip"
                                 : !is_number || value < k.least || value > k.most ||
                                       (k.is_whole && value != static_cast<int>(value)))
                throw bad_input("--augment: '" + word +
                                "' is no change of an image; give shift=4, flip, crop=0.8, "
                                "mix=0.5, or none");
            text += (text.empty() ? "." : ", .") + std::string(k.word) + " = " + (k.word == "flip" ? "true" : given);
            break;
        }
    if (known != words.size())
        throw bad_input("--augment: one of the changes is unknown or given twice; give shift=4, flip, crop=0.8, "
                        "mix=0.5, or none");
    return "{" + text + "}";
}

/// Above 0 and below 1.
inline void expect_share(const std::optional<double>& share, const std::string& option, const std::string& of) {
    if (share && !(*share > 0 && *share < 1))
        throw bad_input(option + ": a ratio of " + number(*share) + " is no share; give " + of +
                        ", above 0 and below 1");
}

inline void expect_numbers(const techniques& t) {
    if (!t.augment.empty()) (void)augmentation_text(t.augment);
    expect_share(t.prune, "--prune", "that of the weights that become 0");
    expect_share(t.keep_channels, "--keep-channels", "that of the channels that stay");
    expect(!t.epochs || *t.epochs > 0,
           "--epochs: " + std::to_string(t.epochs.value_or(0)) + " is no training; give 1 or more");
    expect(!t.rate || (*t.rate > 0 && *t.rate <= 1),
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
        const bool by_teacher_alone = t.is_taught() && t.teacher_share() == 1.0 && !t.searches();
        expect(!t.train_labels.empty() || by_teacher_alone,
               "--train: the records have no labels; give --train-labels L.npy, or let a teacher alone tell them: "
               "--distil-from original, without --alpha");
    }
    const std::pair<const char*, bool> needing[] = {{"--train-labels", !t.train_labels.empty()},
                                                    {"--epochs", t.epochs.has_value()},
                                                    {"--rate", t.rate.has_value()},
                                                    {"--seed", t.seed.has_value()},
                                                    {"--augment", !t.augment.empty()},
                                                    {"--qat", t.qat},
                                                    {"--distil-from", !t.distil_from.empty()},
                                                    {"--max-bytes", t.searches()},
                                                    {"--resume", !t.resume.empty()}};
    for (const auto& [option, is_given] : needing)
        expect(t.trains() || !is_given,
               std::string(option) + ": there are no records to train on; give --train X.npy and --train-labels L.npy");
    for (const auto& [option, is_given] :
         {std::pair{"--temperature", t.temperature.has_value()}, {"--alpha", t.alpha.has_value()}})
        expect(!is_given || t.is_taught() || t.searches(),
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
