// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <numeric>

#include <compress/train/fit_options.hpp>

namespace tensor_compress::detail {

/// The records that are trained on, and those that judge.
struct split_records {
    const data_set& data;
    std::vector<std::uint32_t> trained, judging;

    std::size_t count() const { return trained.size(); }
    std::span<const float> input(std::size_t place) const { return data.input(trained[place]); }
    /// Record `place` of `of` that are spread over those that are trained on.
    std::span<const float> spread(std::size_t place, std::size_t of) const { return input(place * count() / of); }
};

/// Who says how long and how fast leaves nothing that trials would decide.
inline bool leaves_choices(const fit_options& o) { return !(o.epochs && o.optimizer); }

/// How many records judge.
inline std::size_t judging_count(const fit_options& o, std::size_t records) {
    if (o.validation != nullptr || o.score) return 0;
    if (o.held_out) return static_cast<std::size_t>(std::lround(*o.held_out * static_cast<double>(records)));
    constexpr std::size_t fewest = 50, most = 1000;
    return leaves_choices(o) && records >= 2 * fewest ? std::clamp(records / 10, fewest, most) : 0;
}

/// Every record is as likely to judge; the seed decides.
inline split_records split(const data_set& data, const fit_options& options) {
    split_records parts{data, std::vector<std::uint32_t>(data.size()), {}};
    std::iota(parts.trained.begin(), parts.trained.end(), 0u);
    const std::size_t judging = judging_count(options, data.size());
    if (judging == 0) return parts;
    random_stream(options.seed, ~std::uint64_t{1}).shuffle(parts.trained);
    const auto middle = parts.trained.end() - static_cast<std::ptrdiff_t>(judging);
    parts.judging.assign(middle, parts.trained.end());
    parts.trained.erase(middle, parts.trained.end());
    return parts;
}

/// What follows from the options and the number of records, without a trial.
inline training_plan plan_by_rules(const fit_options& o, std::size_t records) {
    training_plan plan;
    plan.batch = o.batch.value_or(planned_batch(records));
    plan.epochs = o.epochs.value_or(planned_epochs(records, std::max(plan.batch, 1)));
    plan.optimizer = o.optimizer.value_or(plan.optimizer);
    plan.schedule = o.schedule.value_or(o.optimizer ? rate_schedule(constant_rate{}) : plan.schedule);
    plan.warm_up = o.warm_up.value_or(o.optimizer ? 0 : 0.05 * plan.epochs);
    plan.augment = o.augment.value_or(plan.augment);
    plan.norm_epochs = o.norm_epochs.value_or(plan.norm_epochs);
    plan.settle = o.rounding.settle.value_or(plan.settle);
    return plan;
}

}  // namespace tensor_compress::detail
