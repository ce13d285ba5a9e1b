// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>

#include <compress/train/augment.hpp>
#include <compress/train/optimizer.hpp>
#include <compress/train/schedule.hpp>

namespace tensor_compress {

/// All that a training leaves to choice, as it was given or chosen.
struct training_plan {
    int epochs = 1;
    int batch = 64;
    tensor_compress::optimizer optimizer = adam{.rate = 3e-3, .relative = true};
    rate_schedule schedule = cosine_rate{};
    double warm_up = 0;
    augmentation augment{};
    double norm_epochs = 1e9;
    double settle = 0.8;
    double held_out = 0;  ///< share of the records that judges
};

namespace detail {

/// Steps that weights need until they have settled, whatever the number of records: those of the first training of a
/// small net, and more than a compressed one needs to find back.
inline constexpr int planned_steps = 4000;
inline constexpr int most_epochs = 40;

/// What follows from the number of records alone.
///
/// A batch is a sixteenth of the records, from 16 to 64: an epoch has to be a number of steps. Epochs make some 4,000
/// steps, at most 40, of few records. A twentieth of them warms up, for the moments of the optimiser.
inline int planned_batch(std::size_t records) {
    return static_cast<int>(std::clamp<std::size_t>(records / 16, 16, 64));
}
inline int planned_epochs(std::size_t records, int batch) {
    const double steps = std::ceil(static_cast<double>(records) / batch);
    return std::clamp(static_cast<int>(std::ceil(planned_steps / steps)), 2, most_epochs);
}

/// Significant digits, no more than a reader wants.
inline std::string short_number(double v) {
    char text[40];
    std::snprintf(text, sizeof text, "%.3g", v);
    return text;
}

inline std::string text_of(const optimizer& rule) {
    constexpr const char* names[] = {"SGD", "Adam", "AdamW"};
    struct {
        bool operator()(const sgd&) const { return false; }
        bool operator()(const adam& a) const { return a.relative; }
        bool operator()(const adamw& a) const { return a.relative; }
    } relative;
    const double rate = std::visit([](const auto& o) { return o.rate; }, rule);
    return std::string(names[rule.index()]) + " at " + short_number(rate) +
           (std::visit(relative, rule) ? " of the size of each tensor" : "");
}

inline std::string text_of(const augmentation& a) {
    std::string text;
    const auto add = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
    if (a.shift > 0) add("shifted by up to " + std::to_string(a.shift));
    if (a.flip) add("mirrored");
    if (a.crop < 1) add("cropped to " + short_number(a.crop));
    if (a.mix > 0) add("mixed up to " + short_number(a.mix));
    return text.empty() ? "as they are" : text;
}

}  // namespace detail
}  // namespace tensor_compress
