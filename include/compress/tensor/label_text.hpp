// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include <compress/core/label.hpp>

namespace tensor_compress {

/// A label as a string.
inline std::string text_of(const label& name) { return {name.text, static_cast<std::size_t>(name.size())}; }

}  // namespace tensor_compress
