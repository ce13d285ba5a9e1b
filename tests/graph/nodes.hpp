// SPDX-License-Identifier: MIT
#pragma once

#include <compress/graph/model.hpp>

/// What tests of rewrites ask of the models that they get.
namespace tests {

/// Nodes come after what they read, and no two have one label.
template <int Capacity>
constexpr bool is_in_order(const tensor_compress::model<Capacity>& m) {
    for (int id = 0; id < m.count; ++id) {
        if (m.find(m[id].name) != id) return false;
        for (int i = 0; i < m[id].input_count; ++i)
            if (m[id].inputs[i] >= id) return false;
    }
    return true;
}

/// Label of what an operand of a node is, the first if not said otherwise.
template <int Capacity>
constexpr tensor_compress::label source_of(const tensor_compress::model<Capacity>& m, tensor_compress::label name,
                                           int operand = 0) {
    return m[m[m.find(name)].inputs[operand]].name;
}

}  // namespace tests
