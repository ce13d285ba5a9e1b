// SPDX-License-Identifier: MIT
#pragma once

#include <compress/tensor/data_set.hpp>

namespace tensor_compress {

/// The records of any xtensor expression whose first axis counts them, as spans: what `calibrate` and `accuracy` loop
/// over. An expression is evaluated once.
class records {
public:
    template <class Expression>
    explicit records(const Expression& expression) : values_(expression) {
        count_ = values_.dimension() == 0 ? 0 : values_.shape(0);
        size_ = count_ == 0 ? 0 : values_.size() / count_;
    }
    records(const data_set& data) : records(data.inputs) {}

    std::size_t size() const { return count_; }
    std::span<const float> operator[](std::size_t index) const { return {values_.data() + index * size_, size_}; }

    class iterator {
    public:
        iterator(const records* from, std::size_t index) : from_(from), index_(index) {}
        std::span<const float> operator*() const { return (*from_)[index_]; }
        iterator& operator++() { return ++index_, *this; }
        bool operator==(const iterator& other) const { return index_ == other.index_; }

    private:
        const records* from_;
        std::size_t index_;
    };
    iterator begin() const { return {this, 0}; }
    iterator end() const { return {this, count_}; }

private:
    array<float> values_;
    std::size_t count_ = 0, size_ = 0;
};

}  // namespace tensor_compress
