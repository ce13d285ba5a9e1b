// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include <compress/io/safetensors.hpp>
#include <compress/train/identity.hpp>
#include <compress/train/training_plan.hpp>

namespace tensor_compress {

/// What is known of an epoch when it is over.
struct epoch_result {
    int epoch = 0;        ///< from 1
    double loss = 0;      ///< mean over the records, while they were trained on
    double accuracy = 0;  ///< percent of the records, while they were trained on; where they have labels
    double score = 0;     ///< on held-out records: percent right, or what fit_options::score says
    double rate = 0;      ///< the optimiser's, at the end
    double seconds = 0;
};

/// Everything that training goes on from: bits of the same weights come out as without a break.
struct training_state {
    named_tensors weights, best, first, second;  ///< best: empty where none is kept; first, second: the optimiser's
    named_tensors judged;                        ///< what held-out records said of the first weights and of the best
    training_plan plan;                          ///< of which a checkpoint keeps what is chosen by trials
    std::vector<epoch_result> history;
    long long steps = 0;      ///< of the optimiser
    int epoch = 0, step = 0;  ///< epochs that are over, steps of the next one that are
    double loss_sum = 0;      ///< of these steps
    long long right = 0;
    int best_epoch = 0;
};

namespace detail {

inline std::string exact_text(double v) {
    char text[40];
    std::snprintf(text, sizeof text, "%.17g", v);
    return text;
}

constexpr const char* checkpoint_parts[] = {"weights/", "best/", "optimizer1/", "optimizer2/", "judged/"};
constexpr const char* checkpoint_format = "compress checkpoint 2";

inline std::array<named_tensors*, 5> parts_of(training_state& s) {
    return {&s.weights, &s.best, &s.first, &s.second, &s.judged};
}

/// Numbers of a text, separated by spaces. Whoever wrote the file, there are exactly so many, none of them NaN or
/// infinite.
inline std::vector<double> numbers_of(const std::string& text, std::size_t count, const std::filesystem::path& file,
                                      const char* key) {
    std::vector<double> numbers;
    const char* at = text.c_str();
    for (char* end = nullptr; numbers.size() <= count; at = end) {
        const double v = std::strtod(at, &end);
        if (end == at || !std::isfinite(v)) break;
        numbers.push_back(v);
    }
    if (numbers.size() != count ||
        text.find_first_not_of(' ', static_cast<std::size_t>(at - text.c_str())) != text.npos)
        throw error(file.string(),
                    "is a damaged checkpoint: its '" + std::string(key) + "' should hold " + std::to_string(count) +
                        " numbers",
                    "remove it to begin anew");
    return numbers;
}

/// One that is a whole number from `low` to `high`.
template <class Int>
Int whole_number(double v, double low, double high, const std::filesystem::path& file, const char* key) {
    if (!(v >= low && v <= high && v == std::floor(v)))
        throw error(file.string(),
                    "is a damaged checkpoint: its '" + std::string(key) + "' is " + short_number(v) +
                        ", which should be a whole number from " + short_number(low) + " to " + short_number(high),
                    "remove it to begin anew");
    return static_cast<Int>(v);
}

inline double rate_of(const optimizer& rule) {
    return std::visit([](const auto& o) { return o.rate; }, rule);
}

/// What is chosen by trials. The rest of a plan follows from the options.
inline std::string chosen_text(const training_plan& p) {
    std::string text;
    for (const double v : {static_cast<double>(p.epochs), static_cast<double>(p.batch), rate_of(p.optimizer), p.warm_up,
                           static_cast<double>(p.augment.shift), p.augment.flip ? 1.0 : 0.0, p.augment.crop,
                           p.augment.mix, p.norm_epochs, p.settle, p.held_out})
        text += exact_text(v) + ' ';
    return text;
}
inline void take_chosen(training_plan& p, const std::string& text, const std::filesystem::path& file) {
    const auto v = numbers_of(text, 11, file, "plan");
    constexpr double most = 1e9;
    p.epochs = whole_number<int>(v[0], 0, most, file, "plan");
    p.batch = whole_number<int>(v[1], 1, most, file, "plan");
    std::visit([&](auto& rule) { rule.rate = v[2]; }, p.optimizer);
    p.warm_up = v[3];
    p.augment = {whole_number<int>(v[4], 0, 1e6, file, "plan"), v[5] != 0, v[6], v[7]};
    p.norm_epochs = v[8];
    p.settle = v[9];
    p.held_out = v[10];
}

}  // namespace detail

/// Writes a checkpoint as a safetensors file, which appears whole or not at all. Besides the weights, called
/// weights/..., it holds the best ones, the optimiser's memory and, as text, how far training is.
///
/// @param  setup  of the model and the options: what must be the same to go on
inline void save_checkpoint(const std::filesystem::path& file, const training_state& state,
                            const safetensors_metadata& setup) {
    named_tensors all;
    training_state copy = state;
    const auto parts = detail::parts_of(copy);
    for (std::size_t i = 0; i < parts.size(); ++i)
        for (auto& [name, tensor] : *parts[i]) all.emplace(detail::checkpoint_parts[i] + name, std::move(tensor));
    safetensors_metadata text = setup;
    text["format"] = detail::checkpoint_format;
    text["plan"] = detail::chosen_text(state.plan);
    std::string& counts = text["counts"];
    for (const double v :
         {static_cast<double>(state.epoch), static_cast<double>(state.step), static_cast<double>(state.steps),
          static_cast<double>(state.right), state.loss_sum, static_cast<double>(state.best_epoch)})
        counts += detail::exact_text(v) + ' ';
    for (const epoch_result& e : state.history) {
        std::string& line = text["history"];
        for (const double v : {static_cast<double>(e.epoch), e.loss, e.accuracy, e.score, e.rate, e.seconds})
            line += detail::exact_text(v) + ' ';
    }
    save_safetensors(file, all, text);
}

/// Whatever stands in the file, what is returned is consistent: so many epochs as there is history of, a best one among
/// them. Whether tensors fit a model, and steps an epoch, is for its reader to check.
///
/// @param  planned  by the options; what a checkpoint has of a plan takes its place
/// @throws error naming the file where it is no checkpoint, is damaged, or was written with another model, other
/// records or other options, saying which
inline training_state load_checkpoint(const std::filesystem::path& file, const safetensors_metadata& setup,
                                      const training_plan& planned = {}) {
    const auto text = load_safetensors_metadata(file);
    const auto found = [&](const std::string& key) {
        const auto entry = text.find(key);
        return entry == text.end() ? std::string() : entry->second;
    };
    if (found("format") != detail::checkpoint_format)
        throw error(file.string(), "is no checkpoint of training",
                    "name another file, or remove this one to begin anew");
    std::string others;
    for (const auto& [key, value] : setup) {
        if (found(key) == value) continue;
        const bool is_hash = value.size() == 16 && value.find_first_not_of("0123456789abcdef") == value.npos;
        others += (others.empty() ? "" : ", ") +
                  (is_hash ? "other " + key : key + " " + found(key) + " where this training has " + value);
    }
    if (!others.empty())
        throw error(file.string(), "was written with " + others,
                    "go on with the same model, records and options, or name another file to begin anew");
    training_state state;
    const auto parts = detail::parts_of(state);
    for (const auto& [name, tensor] : load_safetensors(file))
        for (std::size_t i = 0; i < parts.size(); ++i)
            if (name.starts_with(detail::checkpoint_parts[i]))
                parts[i]->emplace(name.substr(std::string(detail::checkpoint_parts[i]).size()), tensor);
    state.plan = planned;
    detail::take_chosen(state.plan, found("plan"), file);
    const auto counts = detail::numbers_of(found("counts"), 6, file, "counts");
    const auto whole = [&]<class Int>(int place, double most, Int& to) {
        to = detail::whole_number<Int>(counts[static_cast<std::size_t>(place)], 0, most, file, "counts");
    };
    constexpr double exact = 1LL << 53;
    // Each epoch is a line of history: no more of them than the text has room for.
    whole(0, std::min(static_cast<double>(state.plan.epochs), static_cast<double>(found("history").size())),
          state.epoch);
    whole(1, 1e9, state.step);
    whole(2, exact, state.steps);
    whole(3, exact, state.right);
    state.loss_sum = counts[4];
    whole(5, state.epoch, state.best_epoch);
    const auto epochs = static_cast<std::size_t>(state.epoch);
    const auto numbers = detail::numbers_of(found("history"), 6 * epochs, file, "history");
    for (std::size_t i = 0; i < epochs; ++i) {
        const double* v = numbers.data() + 6 * i;
        state.history.push_back({static_cast<int>(i) + 1, v[1], v[2], v[3], v[4], v[5]});
    }
    return state;
}

}  // namespace tensor_compress
