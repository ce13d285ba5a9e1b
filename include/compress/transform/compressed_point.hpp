// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include <compress/transform/mixed_precision.hpp>
#include <compress/transform/simulated_rounding.hpp>

namespace tensor_compress {

/// What a compressed net has to keep to.
struct compression_budget {
    long long max_bytes = std::numeric_limits<long long>::max();  ///< of all weights of the net, as emitted
    int max_arena = std::numeric_limits<int>::max();              ///< bytes of values at a time
    double max_drop = 100;                                        ///< points of held-out accuracy below the float net's
};

/// One variant that was trained and judged.
struct compressed_point {
    int width = 100;      ///< percent of the channels that are left
    std::string model;    ///< its rewrites as C++ text over the name of the model
    std::string recipe;   ///< its formats as C++ text
    long long bytes = 0;  ///< of all weights, as emitted
    int arena = 0;        ///< bytes, as of the int8 net
    long long multiply_adds = 0;
    double accuracy = 0;  ///< percent of the held-out records
    int epochs = 0;       ///< that it was trained for with its integers
    format_choice formats;
    fitted_integers trained;  ///< what `convert` takes
};

/// What compress_to found, in the order in which it was found.
struct compressed {
    double float_accuracy = 0;  ///< percent of the held-out records that the float net has right
    std::vector<compressed_point> points;
    int best = -1;             ///< within the budget, or nearest to it; -1 where there is no point
    bool met = false;          ///< whether the best keeps to the budget
    std::string explanation;   ///< how far off it is, where it does not; else empty
    bool interrupted = false;  ///< by fit_options::stop; the same call with the same folder goes on

    const compressed_point& chosen() const { return points[static_cast<std::size_t>(best)]; }
};

namespace detail {

inline double drop_of(const compressed& all, const compressed_point& p) { return all.float_accuracy - p.accuracy; }

/// What is wrong with a point, or nothing.
inline std::string excess_of(const compressed& all, const compressed_point& p, const compression_budget& budget) {
    std::string text;
    const auto add = [&](const std::string& part) { text += (text.empty() ? "" : "; ") + part; };
    if (p.bytes > budget.max_bytes)
        add(std::to_string(p.bytes) + " bytes are " + std::to_string(p.bytes - budget.max_bytes) + " more than " +
            std::to_string(budget.max_bytes));
    if (p.arena > budget.max_arena)
        add("an arena of " + std::to_string(p.arena) + " bytes is " + std::to_string(p.arena - budget.max_arena) +
            " more than " + std::to_string(budget.max_arena));
    if (drop_of(all, p) > budget.max_drop)
        add("accuracy falls by " + number_text(drop_of(all, p)) + ", more than " + number_text(budget.max_drop));
    return text;
}

/// Whether `a` is the better end of a search: within sizes first, then within the drop, where fewer bytes count, else
/// accuracy.
inline bool is_better(const compressed& all, const compressed_point& a, const compressed_point& b,
                      const compression_budget& budget) {
    const auto over = [&](const compressed_point& p) {
        return std::max(static_cast<double>(p.bytes) / static_cast<double>(budget.max_bytes),
                        static_cast<double>(p.arena) / static_cast<double>(budget.max_arena));
    };
    const bool fits_a = over(a) <= 1, fits_b = over(b) <= 1;
    if (fits_a != fits_b) return fits_a;
    if (!fits_a && over(a) != over(b)) return over(a) < over(b);
    const bool exact_a = drop_of(all, a) <= budget.max_drop, exact_b = drop_of(all, b) <= budget.max_drop;
    if (exact_a != exact_b) return exact_a;
    const bool only_drop = budget.max_bytes == std::numeric_limits<long long>::max();
    if (exact_a && only_drop && a.bytes != b.bytes) return a.bytes < b.bytes;
    return a.accuracy != b.accuracy ? a.accuracy > b.accuracy : a.bytes < b.bytes;
}

inline void choose(compressed& all, std::size_t point, const compression_budget& budget) {
    all.best = static_cast<int>(point);
    all.explanation = excess_of(all, all.chosen(), budget);
    all.met = all.explanation.empty();
}
inline void choose_best(compressed& all, const compression_budget& budget) {
    std::size_t best = 0;
    for (std::size_t i = 1; i < all.points.size(); ++i)
        if (is_better(all, all.points[i], all.points[best], budget)) best = i;
    if (!all.points.empty()) choose(all, best, budget);
}

}  // namespace detail

/// The points of which no other has both no more bytes and no less accuracy, by bytes.
inline std::vector<const compressed_point*> pareto_front(const compressed& all) {
    std::vector<const compressed_point*> front;
    for (const compressed_point& p : all.points) front.push_back(&p);
    std::sort(front.begin(), front.end(), [](const auto* a, const auto* b) {
        return a->bytes != b->bytes ? a->bytes < b->bytes : a->accuracy > b->accuracy;
    });
    double best = -1;
    std::erase_if(front, [&](const compressed_point* p) {
        const bool worse = p->accuracy <= best;
        best = std::max(best, p->accuracy);
        return worse;
    });
    return front;
}

/// Declarations for the compiler: `compressed_model` and `compressed_recipe`, of which tc::net makes the type. The
/// namespace tc is tensor_compress.
inline std::string declarations_of(const compressed_point& p) {
    return "inline constexpr auto compressed_model = " + p.model +
           ";\ninline constexpr auto compressed_recipe = " + p.recipe + ";\n";
}

/// The net of a point, whose model and recipe were compiled.
///
/// @throws error where Net has other layers than the point
template <class Net>
packed<Net> convert(const compressed_point& p) {
    return convert<Net>(p.trained.weights, p.trained.ranges, p.trained.rounded);
}

/// What the numbers that were measured say about what to do, a sentence each, by three rules: quantise first; have
/// fewer channels when values or latency are the problem; give a small net a teacher and time.
inline std::vector<std::string> advice_from(const compressed& all) {
    std::vector<std::string> advice;
    const auto percent = [](double v) { return detail::number_text(std::round(v * 100) / 100) + " %"; };
    const auto best_of = [&](auto wanted) {
        const compressed_point* found = nullptr;
        for (const compressed_point& p : all.points)
            if (wanted(p) && (found == nullptr || p.accuracy > found->accuracy)) found = &p;
        return found;
    };
    const auto is_int8 = [](const compressed_point& p) {
        return std::all_of(p.formats.layers.begin(), p.formats.layers.end(),
                           [](const auto& l) { return l.format.precision == "int8"; });
    };
    if (const auto* whole = best_of([&](const auto& p) { return p.width == 100 && is_int8(p); }))
        advice.push_back("Quantise first: INT8 has " + percent(whole->accuracy) + " of held-out records right in " +
                         std::to_string(whole->bytes) + " bytes, floats " + percent(all.float_accuracy) + ".");
    const auto* fewer_bits = best_of([&](const auto& p) { return p.width == 100 && !is_int8(p); });
    const auto* fewer_channels = best_of([](const auto& p) { return p.width < 100; });
    if (fewer_bits != nullptr && fewer_channels != nullptr) {
        advice.push_back(
            "For bytes of weights take " +
            std::string(fewer_bits->accuracy >= fewer_channels->accuracy ? "fewer bits" : "fewer channels") + ": " +
            percent(fewer_bits->accuracy) + " in " + std::to_string(fewer_bits->bytes) + " bytes with all channels, " +
            percent(fewer_channels->accuracy) + " in " + std::to_string(fewer_channels->bytes) + " with " +
            std::to_string(fewer_channels->width) + " % of them.");
        advice.push_back("For latency or memory of values take fewer channels, which bits of weights do not change: " +
                         std::to_string(fewer_bits->multiply_adds) + " multiply-adds and an arena of " +
                         std::to_string(fewer_bits->arena) + " bytes become " +
                         std::to_string(fewer_channels->multiply_adds) + " and " +
                         std::to_string(fewer_channels->arena) + ".");
    }
    if (all.best >= 0 && detail::drop_of(all, all.chosen()) > 1)
        advice.push_back("The best point is " + percent(detail::drop_of(all, all.chosen())) +
                         " below the float net: train it longer, on more or augmented records, with the teacher alone "
                         "(alpha = 1).");
    return advice;
}

}  // namespace tensor_compress
