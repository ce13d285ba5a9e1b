// SPDX-License-Identifier: MIT
#pragma once

namespace tensor_compress {

/// What a target offers a net: memory for the arena and state, and for the weights, in bytes.
struct budget {
    long long ram = 0;
    long long flash = 0;
};

/// Whether the arena and state fit the RAM and the packed weights the flash. Code is not counted: it depends on the
/// compiler.
template <class Net, budget Budget>
inline constexpr bool fits = Net::arena_bytes + Net::state_bytes <= Budget.ram&& Net::weights_bytes <= Budget.flash;

}  // namespace tensor_compress
