// SPDX-License-Identifier: MIT
#pragma once

#include <compress/tensor/runner.hpp>
#include <compress/train/loss.hpp>
#include <compress/transform/convert.hpp>

namespace tensor_compress {

/// What the outputs of a model are, and with it what an error of theirs is.
enum class output_kind : unsigned char {
    classes,  ///< probabilities or logits along the last axis; KL(float net || changed net), mean over records
    values,   ///< any others; mean squared error by the variance of the float net's outputs over the records
};

namespace detail {

template <class Records>
std::vector<std::span<const float>> spans_of(const Records& records) {
    std::vector<std::span<const float>> all;
    for (const std::span<const float> record : records) all.push_back(record);
    return all;
}

/// Keeps what the first output is judged by; of a softmax that ends the model, its logits.
template <class Net>
struct judged_observer {
    static constexpr int output = Net::output_id(0);
    static constexpr int judged = Net::graph[output].kind == op::softmax ? Net::graph[output].inputs[0] : output;
    std::vector<float>& found;

    template <int Id, class T>
    void see(const T* values) const {
        if constexpr (Id == judged) found.insert(found.end(), values, values + Net::size_of(Id));
    }
};

/// Sum over rows of KL(softmax(reference) || softmax(found)), by the number of records.
inline double mean_divergence(std::span<const float> reference, std::span<const float> found, std::size_t classes,
                              std::size_t records) {
    double sum = 0;
    std::vector<float> unused(classes);
    for (std::size_t row = 0; row < reference.size(); row += classes)
        sum += add_divergence(found.subspan(row, classes), reference.subspan(row, classes), 1, unused);
    return sum / static_cast<double>(records);
}

/// Sum of (reference - found)^2 by that of (reference - its mean over the records)^2.
inline double relative_squared_error(std::span<const float> reference, std::span<const float> found,
                                     std::size_t records) {
    const std::size_t size = reference.size() / records;
    double error = 0, variance = 0;
    for (std::size_t k = 0; k < size; ++k) {
        double mean = 0;
        for (std::size_t i = k; i < reference.size(); i += size) mean += static_cast<double>(reference[i]);
        mean /= static_cast<double>(records);
        for (std::size_t i = k; i < reference.size(); i += size) {
            const auto wanted = static_cast<double>(reference[i]);
            variance += (wanted - mean) * (wanted - mean);
            error += (wanted - static_cast<double>(found[i])) * (wanted - static_cast<double>(found[i]));
        }
    }
    if (!(variance > 0))
        throw tensor_compress::error("output_judge", "the outputs of the float net are the same on all records",
                                     "give it records that differ");
    return error / variance;
}

}  // namespace detail

/// Tells how far the first output of a changed float net is from that of the unchanged one, on records of its own.
template <const auto& Model>
class output_judge {
public:
    using net = tensor_compress::net<Model, all_fp32, native, lowering::observed>;

    /// @param  records  one span of values per record, for a model with one input; they have to outlive the judge
    /// @throws error as `convert`, and where there are no records
    template <class Records>
    output_judge(const named_tensors& weights, const Records& records, output_kind kind = output_kind::classes)
        : records_(detail::spans_of(records)),
          kind_(kind) {
        if (records_.empty()) throw error("output_judge", "no records", "give at least one; 256 to 1024 are usual");
        reference_ = outputs_of(convert<net>(weights));
    }

    /// 0 for the same outputs.
    double operator()(const packed<net>& changed) const {
        const auto found = outputs_of(changed);
        return kind_ == output_kind::classes ? detail::mean_divergence(reference_, found, classes, records_.size())
                                             : detail::relative_squared_error(reference_, found, records_.size());
    }
    double operator()(const named_tensors& changed) const { return (*this)(convert<net>(changed)); }

private:
    using observer = detail::judged_observer<net>;
    static constexpr auto classes = static_cast<std::size_t>(net::graph[observer::judged].output.channels());

    std::vector<float> outputs_of(const packed<net>& weights) const {
        std::vector<float> all;
        runner<net> run(weights);
        for (const std::span<const float> record : records_) {
            run.set_input(0, record);
            run.execute(observer{all});
        }
        return all;
    }

    std::vector<std::span<const float>> records_;
    output_kind kind_;
    std::vector<float> reference_;
};

}  // namespace tensor_compress
