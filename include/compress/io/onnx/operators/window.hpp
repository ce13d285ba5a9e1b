// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <compress/io/onnx/arrange.hpp>

namespace tensor_compress::onnx {

/// Geometry of a Conv or pool node, its automatic padding resolved.
struct window_attributes {
    extent2 kernel, stride, dilation;
    margins around;
    bool is_padded() const { return around != margins{}; }
};

namespace detail {

inline extent2 pair_of(const operation& o, const char* attribute, int otherwise) {
    const auto found = o.integers(attribute);
    if (found.empty()) return {otherwise, otherwise};
    if (found.size() != 2)
        throw unsupported{std::string("its ") + attribute + " has " + std::to_string(found.size()) +
                          " numbers; two-dimensional windows are supported"};
    return {to_int(found[0], attribute, 1), to_int(found[1], attribute, 1)};
}

/// SAME_LOWER: the odd row or column at the beginning.
inline margins swapped(margins m) { return {m.bottom, m.right, m.top, m.left}; }

}  // namespace detail

/// @param  kernel  where the attribute is missing; of extent 0 where it must be there
inline window_attributes window_of(const operation& o, const shape& image, extent2 kernel) {
    if (kernel.height == 0 && o.integers("kernel_shape").empty())
        throw model_error("it has no kernel_shape", check_export);
    window_attributes w{detail::pair_of(o, "kernel_shape", 1),
                        detail::pair_of(o, "strides", 1),
                        detail::pair_of(o, "dilations", 1),
                        {}};
    if (o.integers("kernel_shape").empty()) w.kernel = kernel;

    const std::string automatic = o.text("auto_pad", "NOTSET");
    if (automatic == "SAME_UPPER" || automatic == "SAME_LOWER") {
        w.around = resolve(same, image, w.kernel, w.stride, w.dilation);
        if (automatic == "SAME_LOWER") w.around = detail::swapped(w.around);
    } else if (automatic == "NOTSET" || automatic.empty()) {
        const auto pads = o.integers("pads");
        if (!pads.empty() && pads.size() != 4)
            throw unsupported{"its pads have " + std::to_string(pads.size()) +
                              " numbers; two-dimensional windows are supported"};
        if (!pads.empty())
            w.around = {to_int(pads[0], "pads"), to_int(pads[1], "pads"), to_int(pads[2], "pads"),
                        to_int(pads[3], "pads")};
    } else if (automatic != "VALID") {
        throw model_error("its auto_pad is '" + automatic + "'", check_export);
    }
    return w;
}

inline padding padding_of(const window_attributes& w) {
    return {w.around.top, w.around.left, w.around.bottom, w.around.right};
}

}  // namespace tensor_compress::onnx
