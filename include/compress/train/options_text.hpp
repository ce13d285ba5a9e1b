// SPDX-License-Identifier: MIT
#pragma once

#include <compress/train/fit_options.hpp>

namespace tensor_compress::detail {

struct exact_optimizer_text {
    std::string operator()(const sgd& s) const {
        return "sgd " + exact_text(s.rate) + ' ' + exact_text(s.momentum) + ' ' + (s.nesterov ? "nesterov " : "") +
               exact_text(s.weight_decay);
    }
    template <class Adam>
    std::string operator()(const Adam& a) const {
        std::string all = std::is_same_v<Adam, adam> ? "adam" : "adamw";
        if (a.relative) all += " relative";
        for (const double v : {a.rate, a.beta1, a.beta2, a.epsilon, a.weight_decay}) all += ' ' + exact_text(v);
        return all;
    }
};

/// A text that differs between options with which training gives other weights. What is left to choice says so.
inline std::string options_text(const fit_options& o) {
    std::string text;
    const auto add = [&](const char* name, const std::string& value) {
        text += (text.empty() ? "" : ", ") + std::string(name) + ' ' + value;
    };
    const auto add_number = [&](const char* name, double v) { add(name, exact_text(v)); };
    const auto add_choice = [&](const char* name, const auto& given) {
        given ? add_number(name, static_cast<double>(*given)) : add(name, "chosen");
    };
    struct {
        std::string operator()(constant_rate) const { return "constant"; }
        std::string operator()(step_rate s) const {
            return "step " + exact_text(s.epochs) + ' ' + exact_text(s.factor);
        }
        std::string operator()(cosine_rate s) const { return "cosine " + exact_text(s.last); }
        std::string operator()(linear_rate s) const { return "linear " + exact_text(s.last); }
    } curve;
    // With a rate that does not look at the end, more epochs are the same training for longer.
    const bool looks_at_end = !o.schedule ? !o.optimizer
                                          : !std::holds_alternative<constant_rate>(*o.schedule) &&
                                                !std::holds_alternative<step_rate>(*o.schedule);
    if (looks_at_end) add_choice("epochs", o.epochs);
    add_choice("batch", o.batch);
    add("optimizer", o.optimizer ? std::visit(exact_optimizer_text{}, *o.optimizer) : "chosen");
    add("schedule", o.schedule ? std::visit(curve, *o.schedule) : "chosen");
    add_choice("warm-up", o.warm_up);
    add("images", o.augment ? text_of(*o.augment) : "chosen");
    add_choice("norm epochs", o.norm_epochs);
    add_choice("settle", o.rounding.settle);
    add_choice("held out", o.held_out);
    add_number("smoothing", o.label_smoothing);
    add_number("clip", o.clip_norm);
    add_number("norm momentum", static_cast<double>(o.norm_momentum));
    add("ranges", o.rounding.ranges != nullptr ? "given" : "of " + std::to_string(o.rounding.records) + " records");
    for (const std::string& pattern : o.frozen) add("frozen", pattern);
    return text;
}

}  // namespace tensor_compress::detail
