// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include <compress/evaluate/text_table.hpp>
#include <compress/net/net.hpp>
#include <compress/tensor/label_text.hpp>

namespace tensor_compress {

/// "32x32x16"
inline std::string extents_text(const shape& s) {
    std::string text;
    for (int axis = 0; axis < s.rank; ++axis) text += (axis == 0 ? "" : "x") + std::to_string(s[axis]);
    return text;
}

/// "int8", "fp32 block<16,1,80>"
inline std::string format_name(const layer_info& row) {
    return row.precision + (std::string(row.sparsity) == "dense" ? "" : std::string(" ") + row.sparsity);
}

/// The per-layer table of a net as text: what runs, in order, with its format, shape, packed bytes and multiply-adds,
/// and the sums of the net. Everything in it is known to the compiler.
template <class Net>
std::string describe() {
    text_table table({"layer", "operator", "format", "output", "bytes", "multiply-adds"});
    for (const layer_info& row : Net::table)
        table.add({text_of(row.label), row.operation, format_name(row), extents_text(row.output),
                   std::to_string(row.packed_bytes), std::to_string(row.multiply_adds)});
    return table.text() + "weights " + std::to_string(Net::weights_bytes) + " bytes, arena " +
           std::to_string(Net::arena_bytes) + " bytes, " + std::to_string(Net::multiply_adds) + " multiply-adds, " +
           Net::isa::name + "\n";
}

}  // namespace tensor_compress
