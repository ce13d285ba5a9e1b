// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include <compress/tensor/weights.hpp>
#include <compress/train/training_plan.hpp>

namespace tensor_compress::detail {

/// What held-out records say of weights, record by record: whether the class is right, and the loss. Two judgements of
/// the same records are compared in pairs, which tells differences from chance that their means would not.
struct judgement {
    std::vector<char> right;    ///< [records]; empty where there are no labels
    std::vector<float> losses;  ///< [records]; empty where the loss is not of these records
    double score = 0;           ///< of a judge that gives a number alone

    static double mean(const auto& values) {
        double sum = 0;
        for (const auto v : values) sum += static_cast<double>(v);
        return values.empty() ? 0 : sum / static_cast<double>(values.size());
    }
    double percent() const { return 100 * mean(right); }
    double loss() const { return mean(losses); }
    /// The number that goes into the history: higher is better.
    double number() const { return !right.empty() ? percent() : !losses.empty() ? -loss() : score; }
};

/// Mean difference of two values of each record, in standard errors.
inline double standard_errors(const auto& a, const auto& b) {
    double sum = 0, squares = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        const double d = static_cast<double>(a[i]) - static_cast<double>(b[i]);
        sum += d;
        squares += d * d;
    }
    const auto n = static_cast<double>(a.size());
    const double spread = std::sqrt(squares - sum * sum / n);
    if (sum == 0) return 0;
    return spread > 0 ? sum / spread : sum > 0 ? 1e9 : -1e9;
}

/// By how many standard errors `a` is better than `b`: by the loss, where it is known, which says more of few records
/// than how many are right.
inline double lead(const judgement& a, const judgement& b) {
    if (!a.losses.empty()) return standard_errors(b.losses, a.losses);
    if (!a.right.empty()) return standard_errors(a.right, b.right);
    return a.score == b.score ? 0 : a.score > b.score ? 1e9 : -1e9;
}

/// Whether `trained` should take the place of the weights that training began with: by more than chance, and with no
/// fewer records right. Two standard errors where the loss does not say so: one record more is no evidence.
inline bool replaces_start(const judgement& trained, const judgement& start) {
    if (trained.losses.empty()) return trained.number() > start.number();
    const double rights = trained.right.empty() ? 0 : standard_errors(trained.right, start.right);
    return rights >= 0 && (lead(trained, start) > 1 || rights > 2);
}

/// Whether a later epoch takes the place of the best one so far. Rates fall towards the end: where two are alike, the
/// later one. Judges of a number alone are taken at their word.
inline bool replaces_epoch(const judgement& later, const judgement& best) {
    return later.losses.empty() ? later.number() > best.number() : lead(later, best) > -1;
}

inline std::string text_of(const judgement& j) {
    std::string text;
    if (!j.losses.empty()) text = "loss " + short_number(j.loss());
    if (!j.right.empty()) text += (text.empty() ? "" : ", ") + short_number(j.percent()) + " % right";
    return text.empty() ? "score " + short_number(j.score) : text;
}

/// A judgement as tensors of a checkpoint, "<name>.right", "<name>.losses" and "<name>.score".
inline void store(const judgement& j, const std::string& name, named_tensors& to) {
    const auto add = [&](const char* part, const auto& values) {
        if (values.empty()) return;
        array<float>& tensor = to[name + part] = make_array<float>({values.size()});
        std::transform(values.begin(), values.end(), tensor.data(), [](auto v) { return static_cast<float>(v); });
    };
    add(".right", j.right);
    add(".losses", j.losses);
    add(".score", std::vector<double>{j.score});
}
/// @throws error naming `file` where one has not as many records as judge
inline judgement take_judgement(const std::string& name, const named_tensors& from, std::size_t records,
                                const std::string& file) {
    judgement j;
    const auto take = [&](const char* part, auto& values, std::size_t size) {
        const auto found = from.find(name + part);
        if (found == from.end()) return;
        if (found->second.size() != size)
            throw error(file,
                        "is a damaged checkpoint: it judges by " + std::to_string(found->second.size()) + " records, " +
                            std::to_string(size) + " are held out",
                        "remove it to begin anew");
        values.assign(found->second.data(), found->second.data() + size);
    };
    take(".right", j.right, records);
    take(".losses", j.losses, records);
    std::vector<float> score{0};
    take(".score", score, 1);
    j.score = static_cast<double>(score[0]);
    return j;
}

}  // namespace tensor_compress::detail
