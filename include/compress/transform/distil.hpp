// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <mutex>
#include <optional>

#include <compress/graph/rewrite/logits.hpp>
#include <compress/tensor/runner.hpp>
#include <compress/transform/fit_net.hpp>

namespace tensor_compress {

struct distil_options : fit_options {
    double temperature = 4;  ///< by which logits are divided before their softmax, of teacher and student
    double alpha = 0.7;      ///< weight of the teacher against that of the labels
};

namespace detail {

template <const auto& Model>
inline constexpr auto logits_model = resized<logits_of(Model).count>(logits_of(Model));

/// alpha * T^2 * KL(teacher || student) + (1 - alpha) * cross-entropy with the labels.
template <const auto& Teacher>
class distillation_loss {
public:
    using teacher_net = net<logits_model<Teacher>>;

    template <class Executor>
    distillation_loss(const named_tensors& weights, const data_set& data, const distil_options& options,
                      const Executor& threads)
        : teacher_(convert<teacher_net>(weights)),
          data_(data),
          options_(options),
          classes_(teacher_net::size_of(teacher_net::output_id(0))) {
        if (!(options.temperature > 0))
            throw error("distil", "a temperature of " + std::to_string(options.temperature),
                        "it is above 0; 2 to 8 are usual");
        if (!(options.alpha >= 0 && options.alpha <= 1))
            throw error("distil", "an alpha of " + std::to_string(options.alpha),
                        "it is the teacher's share of the loss, from 0 to 1");
        if (data.labels.size() != data.size() && options.alpha < 1)
            throw error("distil",
                        std::to_string(data.labels.size()) + " labels for " + std::to_string(data.size()) + " records",
                        "give each record one, or the teacher alone: alpha = 1");
        if (options.alpha < 1) by_labels_.emplace(data, static_cast<std::size_t>(classes_), options.label_smoothing);
        if (!options.augment.changes()) cache(threads);
    }

    template <std::size_t Outputs>
    double operator()(const trained_record<Outputs>& r) const {
        const auto size = static_cast<std::size_t>(classes_);
        std::span<const float> wanted(logits_.data() + r.index * size, logits_.empty() ? 0 : size);
        std::vector<float> own;
        if (logits_.empty()) {  // each image is another one: the teacher looks at what the student sees
            own = look(r.input);
            wanted = own;
        }
        double loss =
            options_.alpha * add_divergence(r.outputs[0], wanted, options_.temperature, r.gradients[0], options_.alpha);
        if (by_labels_) loss += (1 - options_.alpha) * (*by_labels_)(r, 1 - options_.alpha);
        return loss;
    }

private:
    std::vector<float> look(std::span<const float> input) const {
        auto run = take_runner();
        const auto found = (*run)(input);
        std::vector<float> logits(found.begin(), found.end());
        const std::lock_guard lock(guard_);
        idle_.push_back(std::move(run));
        return logits;
    }
    /// One that no other thread uses.
    std::unique_ptr<runner<teacher_net>> take_runner() const {
        const std::lock_guard lock(guard_);
        if (idle_.empty()) return std::make_unique<runner<teacher_net>>(teacher_.view());
        auto run = std::move(idle_.back());
        idle_.pop_back();
        return run;
    }

    template <class Executor>
    void cache(const Executor& threads) {
        const auto size = static_cast<std::size_t>(classes_);
        logits_.resize(data_.size() * size);
        constexpr int parts = 8;
        threads.parallel_for(parts, [&](int part) {
            runner<teacher_net> run(teacher_);
            for (std::size_t i = data_.size() * static_cast<std::size_t>(part) / parts;
                 i < data_.size() * static_cast<std::size_t>(part + 1) / parts; ++i) {
                const auto found = run(data_.input(i));
                std::copy(found.begin(), found.end(), logits_.begin() + static_cast<std::ptrdiff_t>(i * size));
            }
        });
    }

    packed<teacher_net> teacher_;
    const data_set& data_;
    const distil_options& options_;
    int classes_;
    std::optional<cross_entropy> by_labels_;  ///< unless the teacher alone counts
    std::vector<float> logits_;
    mutable std::mutex guard_;
    mutable std::vector<std::unique_ptr<runner<teacher_net>>> idle_;
};

template <const auto& Teacher, const auto& Student>
constexpr bool teaches() {
    constexpr auto input_of = [](const auto& m) {
        int id = 0;
        while (m[id].kind != op::input) ++id;
        return m[id].output;
    };
    static_assert(input_of(Teacher) == input_of(Student),
                  "teacher and student have to read the same input: give the student the teacher's input shape");
    static_assert(Teacher[Teacher.outputs[0]].output.elements() == Student[Student.outputs[0]].output.elements(),
                  "teacher and student have to tell the same number of classes apart: their outputs differ in size");
    return true;
}

}  // namespace detail

/// Trains `Student` to give what `Teacher` gives: softened by a temperature, the teacher's probabilities say which
/// classes are alike. The teacher's logits are computed once, unless images are augmented. Source: Hinton, Vinyals,
/// Dean 2015, Distilling the Knowledge in a Neural Network.
///
/// @param  teacher_weights  trained, of Teacher
/// @param  student_weights  where the student starts: initial_weights<Student>(seed), or pruned, factorised, ... ones
/// @throws error as `fit`, and where the temperature or alpha makes no sense
template <const auto& Teacher, const auto& Student, executor Executor = serial>
fitted distil(const named_tensors& teacher_weights, const named_tensors& student_weights, const data_set& data,
              const distil_options& options = {}, const Executor& threads = {}) {
    static_assert(detail::teaches<Teacher, Student>());
    const detail::distillation_loss<Teacher> loss(teacher_weights, data, options, threads);
    return fit<Student>(student_weights, data, loss, static_cast<const fit_options&>(options), threads);
}

/// The same for a student with the integers of `Net`: quantisation-aware training with a teacher, which may be the
/// model of Net itself.
template <const auto& Teacher, net_type Net, executor Executor = serial>
fitted_net<Net> distil(const named_tensors& teacher_weights, const named_tensors& student_weights, const data_set& data,
                       const distil_options& options = {}, const Executor& threads = {}) {
    static_assert(detail::teaches<Teacher, Net::model>());
    const detail::distillation_loss<Teacher> loss(teacher_weights, data, options, threads);
    return fit<Net>(student_weights, data, loss, static_cast<const fit_options&>(options), threads);
}

}  // namespace tensor_compress
