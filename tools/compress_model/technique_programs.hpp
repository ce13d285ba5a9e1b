// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <string>

#include "generated_programs.hpp"
#include "rewritten_model.hpp"
#include "techniques.hpp"

namespace compress_model {

/// The files that a program with techniques finds in its folder are calibration.npy, training.npy,
/// training_labels.npy and teacher.safetensors, each where it is asked for.
struct technique_job {
    const techniques& asked;
    bool has_calibration = false;       ///< records to look at
    std::filesystem::path checkpoints;  ///< absolute; empty for none

    [[nodiscard]] bool has_labels() const { return !asked.train_labels.empty(); }
    /// Whether a program solves equations or trains in threads.
    [[nodiscard]] bool needs_algebra() const { return asked.changes() || asked.rounds_on_records(); }
};

namespace detail {

/// Records to train on, and how; what it stops for.
inline constexpr std::string_view training_functions = R"cpp(
volatile std::sig_atomic_t is_asked_to_end = 0;

tc::data_set load_training() {
    tc::data_set data{tc::load_npy<float>("training.npy"), {}, tc::net<job::model>::size_of(tc::net<job::model>::output_id(0))};
    if (LABELLED) {
        const auto labels = tc::load_npy<std::int32_t>("training_labels.npy");
        data.labels.assign(labels.data(), labels.data() + labels.size());
    }
    return data;
}

// Records of a data set in that order.
tc::data_set in_order(const tc::data_set& data, const std::vector<std::uint32_t>& order) {
    tc::data_set part{tc::make_array<float>({order.size(), data.record_size()}), {}, data.classes};
    for (std::size_t i = 0; i < order.size(); ++i) {
        const auto from = data.input(order[i]);
        std::copy(from.begin(), from.end(), part.inputs.data() + i * from.size());
        if (!data.labels.empty()) part.labels.push_back(data.labels[order[i]]);
    }
    return part;
}

std::vector<std::uint32_t> shuffled(const tc::data_set& data) {
    std::vector<std::uint32_t> order(data.size());
    std::iota(order.begin(), order.end(), 0u);
    tc::random_stream(SEED, ~std::uint64_t{0}).shuffle(order);
    return order;
}

// Held-out records judge whatever is trained: no net is worse than before.
template <class Options>
Options training_options(std::size_t records) {
    if (!std::string_view(CHECKPOINTS).empty())
        for (const int number : {SIGINT, SIGTERM, SIGHUP}) std::signal(number, [](int) { is_asked_to_end = 1; });
    Options options;
    CHOICES
    options.held_out = HELD_OUT;
    options.seed = SEED;
    options.parts = 4;  // so that the number of threads does not matter
    options.stop = [] { return is_asked_to_end != 0; };
    options.progress = &std::cerr;
    options.live = isatty(2) != 0;
    return options;
}

int thread_count() { return static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1u, 4u)); }
)cpp";

inline std::string quoted(const std::string& text) { return tensor_compress::detail::quoted_text(text); }

/// What the command line says; the rest is chosen by trials.
inline std::string choices_text(const techniques& t) {
    std::string text;
    if (t.rate)
        text += "options.optimizer = tc::adam{.rate = " + number(*t.rate) +
                "};\n    options.schedule = tc::cosine_rate{};\n    ";
    if (!t.augment.empty()) text += "options.augment = tc::augmentation" + augmentation_text(t.augment) + ";\n    ";
    return text;
}

inline std::string training_text(const technique_job& j) {
    return filled(training_functions,
                  {{"LABELLED", j.has_labels() ? "true" : "false"},
                   {"SEED", std::to_string(j.asked.seed.value_or(1))},
                   {"CHOICES", choices_text(j.asked)},
                   {"HELD_OUT", "records < 100 ? 0.0 : std::min(0.1, 1000.0 / static_cast<double>(records))"},
                   {"CHECKPOINTS", quoted(j.checkpoints.string())}});
}

inline std::string channels_text(const technique_job& j) {
    if (!j.asked.keep_channels) return "";
    const bool trains = j.asked.trains();
    std::string text = "    {\n        const progress step(\"keep channels\");\n";
    if (trains)
        text += "        const auto order = shuffled(training);\n"
                "        const auto some = in_order(training, {order.begin(), order.begin() + "
                "static_cast<std::ptrdiff_t>(std::min<std::size_t>(order.size(), 512))});\n";
    text +=
        j.has_labels()
            ? "        const auto scores = tc::score_channels_by_loss<job::original>(p.weights, some, 8, threads);\n"
            : "        const auto scores = tc::score_channels(job::original, p.weights);\n";
    return text + "        p.weights = tc::keep_channels<job::original, job::narrower>(p.weights, scores" +
           (j.has_calibration ? ", calibration_records"
            : trains          ? ", tc::records(some)"
                              : "") +
           ");\n    }\n";
}

inline std::string low_rank_text(const technique_job& j, const rewritten_model& model) {
    std::string text;
    for (const auto& layer : model.thin_layers()) {
        const std::string arguments = quoted(layer.label) + ", " + std::to_string(layer.rank) + ", p.weights";
        text += "    {\n        const progress step(\"low rank\");\n        p.weights = tc::low_rank" +
                (j.has_calibration ? "<job::" + layer.before + ">(" + arguments + ", calibration_records);\n"
                                   : "(job::" + layer.before + ", " + arguments + ");\n") +
                "    }\n";
    }
    return text;
}

inline std::string prune_text(const technique_job& j) {
    if (!j.asked.prune) return "";
    const std::string ratio = "{.ratio = " + number(*j.asked.prune) + "});\n";
    return "    {\n        const progress step(\"prune\");\n        auto pruned = tc::prune" +
           (j.has_calibration ? "_on_records<job::model>(p.weights, calibration_records, " + ratio
                              : "<job::model>(p.weights, " + ratio) +
           "        p.weights = std::move(pruned.weights);\n        masks = std::move(pruned.masks);\n    }\n";
}

inline std::string rounding_text(const technique_job& j) {
    if (!j.asked.rounds_on_records()) return "";
    return std::string("    {\n        const progress step(\"round on records\");\n"
                       "        const auto roundings = tc::keep_zeros(tc::roundings_of<Net>(p.weights), masks);\n"
                       "        p.rounded = tc::") +
           (j.asked.ada_round ? "ada_round" : "gptq") +
           "<job::model>(p.weights, calibration_records, roundings);\n    }\n";
}

/// Training the float net, or that of integers.
inline std::string fit_text(const technique_job& j) {
    const techniques& t = j.asked;
    const bool is_taught = t.is_taught();
    const std::string net = t.qat ? "Net" : "job::model";
    std::string text = std::string("    {\n        std::fprintf(stderr, \"train\\n\");\n        auto options = "
                                   "training_options<tc::") +
                       (is_taught ? "distil" : "fit") + "_options>(training.size());\n" +
                       (t.epochs ? "        options.epochs = " + std::to_string(*t.epochs) + ";\n" : "") +
                       "        if (!masks.empty()) options.masks = &masks;\n";
    if (!j.checkpoints.empty())
        text += "        options.checkpoint = " + quoted((j.checkpoints / "training.safetensors").string()) + ";\n";
    if (t.qat) text += "        options.rounding.range = {job::method};\n";
    if (t.temperature) text += "        options.temperature = " + number(*t.temperature) + ";\n";
    if (is_taught && t.teacher_share()) text += "        options.alpha = " + number(*t.teacher_share()) + ";\n";
    if (t.qat && t.rounds_on_records())
        text += "        p.weights = tc::dequantize<job::model>(p.weights, p.rounded);\n";
    const std::string arguments = "p.weights, training, options, threads);\n";
    if (!is_taught)
        text += "        auto trained = tc::fit<" + net + ">(" + arguments;
    else if (t.is_taught_by_original())
        text += "        auto trained = tc::distil<job::original, " + net + ">(original, " + arguments;
    else
        text += "        const auto teacher = tc::load_safetensors(\"teacher.safetensors\");\n"
                "        auto trained = tc::distil<job::teacher, " +
                net + ">(teacher, " + arguments;
    text += "        if (trained.interrupted) throw std::runtime_error(\"training was interrupted\");\n"
            "        p.weights = std::move(trained.weights);\n";
    if (t.qat) text += "        p.seen = std::move(trained.ranges);\n        p.rounded = std::move(trained.rounded);\n";
    return text + "    }\n";
}

inline std::string includes_of(const technique_job& j) {
    const techniques& t = j.asked;
    std::string text;
    const auto add = [&](bool is_used, const char* file) {
        if (is_used) text += "#include <" + std::string(file) + ">\n";
    };
    const auto add_host = [&](bool is_used, const char* file) {
        add(is_used, ("compress/" + std::string(file) + ".hpp").c_str());
    };
    for (const char* file : {"unistd.h", "csignal", "iostream", "numeric", "stdexcept", "string_view", "thread"})
        add(t.trains(), file);
    add_host(t.trains(), "tensor/thread_pool");
    add_host(t.trains(), "tensor/random_stream");
    add_host(t.trains() && !t.is_taught() && !t.qat, "train/fit");
    add_host(t.qat, "transform/fit_net");
    add_host(t.is_taught(), "transform/distil");
    add_host(t.keep_channels.has_value(), "transform/keep_channels_on_records");
    add_host(!t.low_rank.empty(), "transform/low_rank");
    add_host(t.prune && !j.has_calibration, "transform/prune");
    add_host(t.prune && j.has_calibration, "transform/prune_on_records");
    add_host(t.rounds_on_records(), t.ada_round ? "transform/ada_round" : "transform/gptq");
    add_host(t.rounds_on_records(), "transform/keep_zeros");
    add_host(t.searches(), "transform/compress_to");
    add_host(t.searches(), "transform/stored_integers");
    add_host(j.has_calibration || t.searches() || (t.keep_channels && t.trains()), "tensor/records");
    return text;
}

}  // namespace detail

/// `prepare` of a net whose model and weights are changed as asked.
inline preparation preparation_for(const technique_job& j, const rewritten_model& model) {
    const techniques& t = j.asked;
    std::string text = t.trains() ? detail::training_text(j) + '\n' : "";
    text += "template <class Net>\nprepared prepare(const tc::named_tensors& original) {\n"
            "    prepared p{original, {}, {}};\n";
    if (j.has_calibration && j.needs_algebra())
        text += "    const tc::records calibration_records(tc::load_npy<float>(\"calibration.npy\"));\n";
    if (j.needs_algebra()) text += "    tc::named_tensors masks;\n";
    if (t.trains())
        text += "    const auto training = load_training();\n    const tc::thread_pool threads(thread_count());\n";
    text += detail::channels_text(j) + detail::low_rank_text(j, model) + detail::prune_text(j);
    if (t.trains() && !t.qat) text += detail::fit_text(j);
    if (!t.qat) text += "    p.seen = calibrate<Net>(p.weights);\n";
    text += detail::rounding_text(j);
    if (t.qat) text += detail::fit_text(j);
    return {detail::includes_of(j), text + "    return p;\n}\n"};
}

/// `prepare` of a net that a search has found.
inline preparation preparation_of_found() {
    return {"#include <compress/transform/stored_integers.hpp>\n",
            "template <class Net>\nprepared prepare(const tc::named_tensors&) {\n"
            "    const std::string file = \"found.safetensors\";\n"
            "    auto found = tc::take_integers(tc::load_safetensors(file), file);\n"
            "    return {std::move(found.weights), std::move(found.ranges), std::move(found.rounded)};\n}\n"};
}

/// search.cpp: looks for a model and formats within the budget. It writes both as C++ to found.hpp, the weights,
/// integers and ranges to found.safetensors, and prints the points on stdout; ends with 1 and one line there where the
/// budget cannot be met, with 2 where the input is to blame.
///
/// @param  widths  percent of the channels, from the widest on
inline std::string search_program(const technique_job& j, const std::string& widths) {
    const techniques& t = j.asked;
    return filled(R"cpp(// SPDX-License-Identifier: MIT

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include <compress/evaluate/text_table.hpp>
#include <compress/io/bytes.hpp>
#include <compress/io/npy.hpp>
#include <compress/io/safetensors.hpp>
INCLUDES
#include "model.hpp"

namespace {
FUNCTIONS
void write(const tc::compressed_point& p) {
    std::string name = tc::recipe_text(p.formats, "");
    if (p.width < 100) name += " with " + std::to_string(p.width) + " % of the channels";
    tc::write_text("found.hpp", "inline constexpr auto model = " + p.model + ";\ninline constexpr auto recipe = " + p.recipe +
                                    ";\ninline constexpr const char* recipe_name = " + tc::detail::quoted_text(name) + ";\n");
    tc::save_safetensors("found.safetensors", tc::store_integers(p.trained));
}

void print(const tc::compressed& found) {
    tc::text_table table({"", "channels %", "epochs", "held out %", "weights bytes", "multiply-adds", "formats"});
    for (const auto& p : found.points)
        table.add({&p == &found.chosen() ? "*" : "", std::to_string(p.width), std::to_string(p.epochs), tc::fixed_text(p.accuracy, 2),
                   std::to_string(p.bytes), std::to_string(p.multiply_adds), tc::recipe_text(p.formats, "")});
    std::printf("fp32 has %.2f %% of the held-out records right; *: chosen\n%s", found.float_accuracy, table.text().c_str());
    for (const auto& sentence : tc::advice_from(found)) std::printf("%s\n", sentence.c_str());
    std::printf("\n");
}

long long fewest_bytes(const tc::compressed& found) {
    return std::min_element(found.points.begin(), found.points.end(), [](const auto& a, const auto& b) { return a.bytes < b.bytes; })->bytes;
}

int search() {
    const auto records = load_training();
    tc::compress_options options;
    options.max_bytes = MAX_BYTES;
    options.model_name = "original";
    EPOCHS
    options.folder = CHECKPOINTS;
    const auto teaching = options.training;
    options.training = training_options<tc::distil_options>(records.size());
    options.training.temperature = TEMPERATURE;
    options.training.alpha = ALPHA;
    const tc::thread_pool threads(thread_count());
    const auto found =
        tc::compress_to<job::original, WIDTHS>(tc::load_safetensors("weights.safetensors"), records, options, threads);
    if (found.interrupted || found.best < 0) throw std::runtime_error("training was interrupted");
    if (!found.met) {
        std::printf("--max-bytes: the best net that was found, %s with %d %% of the channels, has %.2f %% of held-out records right "
                    "(fp32 %.2f), but %s; allow %lld bytes, the fewest that any net of the search has, or give a smaller model",
                    tc::recipe_text(found.chosen().formats, "").c_str(), found.chosen().width, found.chosen().accuracy,
                    found.float_accuracy, found.explanation.c_str(), fewest_bytes(found));
        return 1;
    }
    write(found.chosen());
    print(found);
    return 0;
}

} // namespace

int main() {
    try {
        return search();
    } catch (const tc::error& problem) {
        std::printf("%s", problem.what());
        return 2;
    } catch (const std::exception& problem) {
        std::printf("%s", problem.what());
        return 1;
    }
}
)cpp",
                  {{"INCLUDES", detail::includes_of(j)},
                   {"FUNCTIONS", detail::training_text(j)},
                   {"MAX_BYTES", std::to_string(t.max_bytes.value_or(0))},
                   {"EPOCHS", t.epochs ? "options.final_epochs = " + std::to_string(*t.epochs) + ";" : std::string()},
                   {"CHECKPOINTS", detail::quoted(j.checkpoints.string())},
                   {"TEMPERATURE", t.temperature ? detail::number(*t.temperature) : "teaching.temperature"},
                   {"ALPHA", t.alpha ? detail::number(*t.alpha) : "teaching.alpha"},
                   {"WIDTHS", widths}});
}

/// The techniques behind the recipe, in the report: "; channels 0.5; gptq".
inline std::string changes_text(const techniques& t) {
    std::string text;
    if (t.keep_channels) text += "; channels " + detail::number(*t.keep_channels);
    for (const std::string& words : t.low_rank) text += "; rank " + words;
    if (t.prune) text += "; pruned " + detail::number(*t.prune);
    if (t.rounds_on_records()) text += t.ada_round ? "; ada-round" : "; gptq";
    if (t.trains()) text += t.qat ? "; qat" : "; trained";
    return text + (t.is_taught() ? "; taught" : "");
}

}  // namespace compress_model
