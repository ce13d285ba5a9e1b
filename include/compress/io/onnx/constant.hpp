// SPDX-License-Identifier: MIT
#pragma once

// What is known while importing, and how much of it there may be.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <compress/io/importer_complaints.hpp>

namespace tensor_compress::onnx {

/// Numbers that copies share: what Identity, Reshape or Cast pass on is in memory once.
template <class T>
class shared_values {
public:
    shared_values() = default;
    shared_values(std::vector<T> values) : values_(std::make_shared<const std::vector<T>>(std::move(values))) {}

    [[nodiscard]] const std::vector<T>& list() const {
        static const std::vector<T> none;
        return values_ ? *values_ : none;
    }
    operator const std::vector<T>&() const { return list(); }
    [[nodiscard]] std::size_t size() const { return list().size(); }
    [[nodiscard]] bool empty() const { return list().empty(); }
    [[nodiscard]] const T& operator[](std::size_t i) const { return list()[i]; }
    [[nodiscard]] auto begin() const { return list().begin(); }
    [[nodiscard]] auto end() const { return list().end(); }

    /// Bytes that go away with this copy.
    [[nodiscard]] std::size_t own_bytes() const { return values_.use_count() == 1 ? size() * sizeof(T) : 0; }

private:
    std::shared_ptr<const std::vector<T>> values_;
};

/// A tensor known while importing: floats are weights, integers are shapes, axes and indices.
struct constant {
    std::vector<std::size_t> dims;
    shared_values<float> floats;
    shared_values<std::int64_t> integers;
    bool is_float = true;

    [[nodiscard]] std::size_t size() const { return is_float ? floats.size() : integers.size(); }
};

namespace detail {

inline constant integer_vector(std::vector<std::int64_t> values) {
    constant c;
    c.is_float = false;
    c.dims = {values.size()};
    c.integers = std::move(values);
    return c;
}

}  // namespace detail

/// Axes of any tensor of a file: as many as the frameworks allow, and few enough that work for each axis is no attack.
inline constexpr std::size_t most_axes = 32;

/// Bytes that an import may make of a file: 64 MiB and 16 times the file. Weights take the file's own bytes, twice them
/// in float16, and once more where a Transpose is folded; a few nodes that double a constant each take everything.
class memory_budget {
public:
    explicit memory_budget(std::size_t file_bytes) : limit_((std::size_t{64} << 20) + 16 * file_bytes) {}

    /// @throws model_error when this many bytes more are too many
    void expect(std::size_t count, std::size_t element_bytes) const {
        if (count > (limit_ - spent_) / element_bytes)
            throw model_error("its result would take weights and constants beyond " + std::to_string(limit_ >> 20) +
                                  " MB (64 MB and 16 times the file)",
                              "simplify the model before import, with onnxsim for instance");
    }
    void spend(std::size_t bytes) {
        expect(bytes, 1);
        spent_ += bytes;
    }

private:
    std::size_t limit_, spent_ = 0;
};

}  // namespace tensor_compress::onnx
