// SPDX-License-Identifier: MIT
#pragma once

// How readers of other formats know a file of PyTorch, which is what they are most often given by mistake.

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <span>
#include <string_view>

#include <compress/tensor/error.hpp>

namespace tensor_compress::detail {

/// The pickle of an archive of torch.save since 1.6, `<name>/data.pkl`.
inline bool is_torch_member(std::string_view member) { return member.ends_with("/data.pkl") || member == "data.pkl"; }

/// What torch.save wrote before 1.6, or when it is told not to write an archive: a pickle of the number
/// 0x1950a86a20f9469cfc6c comes first.
inline bool is_old_torch_file(std::span<const std::uint8_t> bytes) {
    constexpr std::uint8_t number[] = {0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};
    return bytes.size() >= 14 && bytes[0] == 0x80 &&
           std::equal(std::begin(number), std::end(number), bytes.begin() + 2);
}

[[noreturn]] inline void refuse_torch_archive(std::string_view file) {
    throw error(file, "is a PyTorch archive", "read its weights with load_torch");
}
[[noreturn]] inline void refuse_old_torch_file(std::string_view file) {
    throw error(file, "is a PyTorch file in the format before version 1.6",
                "save it again with torch.save(model.state_dict(), path) and read that with load_torch");
}

/// @throws error for bytes that torch.save wrote
inline void expect_no_torch_file(std::span<const std::uint8_t> bytes, std::string_view file) {
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (is_old_torch_file(bytes)) refuse_old_torch_file(file);
    if (text.starts_with("PK\3\4") && text.find("/data.pkl") != std::string_view::npos) refuse_torch_archive(file);
}

}  // namespace tensor_compress::detail
