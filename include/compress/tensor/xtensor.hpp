// SPDX-License-Identifier: MIT
#pragma once

// The only door to xtensor: no other header includes it. Version 0.26 moved its containers into a folder.

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#if __has_include(<xtensor/containers/xarray.hpp>)
#    include <xtensor/containers/xadapt.hpp>
#    include <xtensor/containers/xarray.hpp>
#else
#    include <xtensor/xadapt.hpp>
#    include <xtensor/xarray.hpp>
#endif

// clang 19 finds two partial specialisations of xt::rebind_container equally good for xarray's shape type (xtensor
// issue 2804, repaired in 0.26). This one is better than both. The other way out, a compiler flag, would be every
// user's to set.
#if defined(__clang__) && XTENSOR_VERSION_MAJOR == 0 && XTENSOR_VERSION_MINOR < 26
template <class To, class From, std::size_t Size>
struct xt::rebind_container<To, xt::svector<From, Size, std::allocator<From>, true>> {
    using type = xt::svector<To, Size, std::allocator<To>, true>;
};
#endif

namespace tensor_compress {

/// A tensor of the host part: any rank, row-major, contiguous, owning. The layout is spelled out because xtensor's
/// default can be changed by a macro, and files and kernels read `data()` in row-major order.
template <class T>
using array = xt::xarray<T, xt::layout_type::row_major>;

/// Extents of any xtensor expression as a vector, which compares and copies without knowing xtensor's own shape types.
template <class Tensor>
[[nodiscard]] std::vector<std::size_t> shape_of(const Tensor& a) {
    std::vector<std::size_t> extents;
    for (const auto extent : a.shape()) extents.push_back(static_cast<std::size_t>(extent));
    return extents;
}

/// "[64, 3, 3]", and "[]" for a scalar: how messages write a shape or an index.
[[nodiscard]] inline std::string shape_text(const std::vector<std::size_t>& extents) {
    std::string text = "[";
    for (const std::size_t extent : extents) text.append(text.size() > 1 ? ", " : "").append(std::to_string(extent));
    return text + ']';
}

template <class Tensor>
requires requires(const Tensor& a) { a.shape(); }
[[nodiscard]] std::string shape_text(const Tensor& a) { return shape_text(shape_of(a)); }

/// A tensor of zeros. An empty shape makes a scalar.
/// @pre  the product of the extents fits std::size_t; extents from a file go through `element_count` first
template <class T>
[[nodiscard]] array<T> make_array(const std::vector<std::size_t>& extents) {
    return array<T>(typename array<T>::shape_type(extents.begin(), extents.end()), T{});
}

}  // namespace tensor_compress
