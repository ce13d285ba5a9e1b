// SPDX-License-Identifier: MIT
#pragma once

#include <type_traits>

namespace tensor_compress {

namespace detail {
void a_label_has_at_most_63_characters();  // never defined: its name is the compiler's message
}

/// Name of a node, at most 63 characters. `block / "conv1"` joins with a slash; recipes match it with globs.
struct label {
    static constexpr int capacity = 64;
    char text[capacity]{};  ///< ends with 0
    int length = 0;         ///< not found by looking for the 0: g++ 12 warns of that in constexpr objects

    constexpr label() = default;
    constexpr label(const char* name) { append(name); }

    constexpr int size() const { return length; }
    constexpr const char* c_str() const { return text; }
    constexpr bool empty() const { return length == 0; }

    constexpr label& append(const char* tail) {
        for (; *tail != 0; ++tail) {
            if (length == capacity - 1) {
                // At run time the label is cut: whoever makes labels there shortens them first, in a way that keeps
                // them apart.
                if (std::is_constant_evaluated()) detail::a_label_has_at_most_63_characters();
                break;
            }
            text[length++] = *tail;
        }
        return *this;
    }

    friend constexpr label operator/(label parent, const char* child) {
        if (!parent.empty()) parent.append("/");
        return parent.append(child);
    }
    friend constexpr label operator/(label parent, const label& child) { return parent / child.text; }
    /// From the back: names of layers differ there, and constant evaluation counts each comparison.
    friend constexpr bool operator==(const label& a, const label& b) {
        if (a.length != b.length) return false;
        int i = a.length;
        while (i > 0 && a.text[i - 1] == b.text[i - 1]) --i;
        return i == 0;
    }
};

}  // namespace tensor_compress
