// SPDX-License-Identifier: MIT
#pragma once

#include <bit>
#include <cinttypes>
#include <cstdio>
#include <string>
#include <vector>

#include <compress/graph/model.hpp>
#include <compress/io/safetensors.hpp>
#include <compress/tensor/label_text.hpp>

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
    std::vector<epoch_result> history;
    long long steps = 0;      ///< of the optimiser
    int epoch = 0, step = 0;  ///< epochs that are over, steps of the next one that are
    double loss_sum = 0;      ///< of these steps
    long long right = 0;
    int best_epoch = 0;
};

namespace detail {

/// A number that differs between models whose weights mean different things: of operators, shapes, windows and labels.
template <int Capacity>
std::string fingerprint(const model<Capacity>& m) {
    std::uint64_t hash = 14695981039346656037u;  // FNV-1a, 64 bits
    const auto add = [&](long long v) {
        for (int byte = 0; byte < 8; ++byte)
            hash = (hash ^ static_cast<std::uint64_t>(v >> (8 * byte) & 255)) * 1099511628211u;
    };
    for (int id = 0; id < m.count; ++id) {
        const node& n = m[id];
        add(static_cast<int>(n.kind));
        for (const char c : text_of(n.name)) add(c);
        for (int i = 0; i < n.input_count; ++i) add(n.inputs[i]);
        for (int axis = 0; axis < max_rank; ++axis) add(n.output[axis]), add(n.order[axis]);
        const window& w = n.slide;
        for (const int v :
             {w.kernel.height, w.kernel.width, w.stride.height, w.stride.width, w.dilation.height, w.dilation.width,
              w.padding.top, w.padding.left, w.padding.bottom, w.padding.right, w.groups, n.bias ? 1 : 0, n.axis,
              n.transposed ? 1 : 0, n.cut.top, n.cut.left, n.cut.bottom, n.cut.right})
            add(v);
        add(std::bit_cast<std::int32_t>(n.parameter));
    }
    char text[20];
    std::snprintf(text, sizeof text, "%016" PRIx64, hash);
    return text;
}

inline std::string exact_text(double v) {
    char text[40];
    std::snprintf(text, sizeof text, "%.17g", v);
    return text;
}

constexpr const char* checkpoint_parts[] = {"weights/", "best/", "optimizer1/", "optimizer2/"};

}  // namespace detail

/// Writes a checkpoint as a safetensors file, which appears whole or not at all. Besides the weights, called
/// weights/..., it holds the best ones, the optimiser's memory and, as text, how far training is.
///
/// @param  setup  of the model and the options: what must be the same to go on
inline void save_checkpoint(const std::filesystem::path& file, const training_state& state,
                            const safetensors_metadata& setup) {
    named_tensors all;
    const named_tensors* parts[] = {&state.weights, &state.best, &state.first, &state.second};
    for (std::size_t i = 0; i < 4; ++i)
        for (const auto& [name, tensor] : *parts[i]) all.emplace(detail::checkpoint_parts[i] + name, tensor);
    safetensors_metadata text = setup;
    text["format"] = "compress checkpoint 1";
    text["epoch"] = std::to_string(state.epoch);
    text["step"] = std::to_string(state.step);
    text["steps"] = std::to_string(state.steps);
    text["right"] = std::to_string(state.right);
    text["loss_sum"] = detail::exact_text(state.loss_sum);
    text["best_epoch"] = std::to_string(state.best_epoch);
    for (const epoch_result& e : state.history) {
        std::string& line = text["history"];
        for (const double v : {static_cast<double>(e.epoch), e.loss, e.accuracy, e.score, e.rate, e.seconds})
            line += detail::exact_text(v) + ' ';
    }
    save_safetensors(file, all, text);
}

/// @throws error naming the file where it is no checkpoint, or was written with another model or other options, saying
/// which
inline training_state load_checkpoint(const std::filesystem::path& file, const safetensors_metadata& setup) {
    const auto text = load_safetensors_metadata(file);
    const auto found = [&](const std::string& key) {
        const auto entry = text.find(key);
        return entry == text.end() ? std::string() : entry->second;
    };
    if (found("format") != "compress checkpoint 1")
        throw error(file.string(), "is no checkpoint of training",
                    "name another file, or remove this one to begin anew");
    for (const auto& [key, value] : setup)
        if (found(key) != value)
            throw error(file.string(), "was written with " + key + " " + found(key) + ", this training has " + value,
                        "go on with the same model and options, or name another file to begin anew");
    training_state state;
    named_tensors* parts[] = {&state.weights, &state.best, &state.first, &state.second};
    for (const auto& [name, tensor] : load_safetensors(file))
        for (std::size_t i = 0; i < 4; ++i)
            if (name.starts_with(detail::checkpoint_parts[i]))
                parts[i]->emplace(name.substr(std::string(detail::checkpoint_parts[i]).size()), tensor);
    const auto whole = [&](const char* key) { return std::strtoll(found(key).c_str(), nullptr, 10); };
    state.epoch = static_cast<int>(whole("epoch"));
    state.step = static_cast<int>(whole("step"));
    state.steps = whole("steps");
    state.right = whole("right");
    state.best_epoch = static_cast<int>(whole("best_epoch"));
    state.loss_sum = std::strtod(found("loss_sum").c_str(), nullptr);
    const std::string history = found("history");
    const char* at = history.c_str();
    for (char* end = nullptr;; at = end) {
        double v[6];
        for (double& number : v) number = std::strtod(at, &end), at = end;
        if (static_cast<int>(state.history.size()) == state.epoch) break;
        state.history.push_back({static_cast<int>(v[0]), v[1], v[2], v[3], v[4], v[5]});
    }
    return state;
}

}  // namespace tensor_compress
