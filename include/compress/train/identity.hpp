// SPDX-License-Identifier: MIT
#pragma once

#include <bit>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <span>
#include <string>

#include <compress/graph/model.hpp>
#include <compress/tensor/label_text.hpp>
#include <compress/tensor/named_weights.hpp>

namespace tensor_compress {

namespace detail {

/// A number that differs between things that differ, but for chance: FNV-1a over words of 64 bits. It recognises what a
/// checkpoint was written with; it proves nothing against forgery.
class identity {
public:
    void add(std::uint64_t word) { hash_ = (hash_ ^ word) * 1099511628211u ^ hash_ >> 32; }
    void add(std::span<const float> numbers) {
        add(numbers.size());
        for (const float v : numbers) add(std::bit_cast<std::uint32_t>(v));
    }
    void add(const std::string& text) {
        add(text.size());
        for (const char c : text) add(static_cast<unsigned char>(c));
    }
    void add(const named_tensors& tensors) {
        for (const auto& [name, tensor] : tensors) {
            add(name);
            for (const std::size_t extent : tensor.shape()) add(extent);
            add(std::span<const float>(tensor.data(), tensor.size()));
        }
    }
    std::string text() const {
        char digits[20];
        std::snprintf(digits, sizeof digits, "%016" PRIx64, hash_);
        return digits;
    }

private:
    std::uint64_t hash_ = 14695981039346656037u;
};

template <class... Parts>
std::string identity_of(const Parts&... parts) {
    identity all;
    (all.add(parts), ...);
    return all.text();
}

/// Differs between models whose weights mean different things: of operators, shapes, windows and labels.
template <int Capacity>
std::string fingerprint(const model<Capacity>& m) {
    identity all;
    const auto add = [&](long long v) { all.add(static_cast<std::uint64_t>(v)); };
    for (int id = 0; id < m.count; ++id) {
        const node& n = m[id];
        add(static_cast<int>(n.kind));
        all.add(text_of(n.name));
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
    return all.text();
}

}  // namespace detail
}  // namespace tensor_compress
