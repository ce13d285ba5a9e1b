// SPDX-License-Identifier: MIT
#pragma once

#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include <compress/tensor/printable.hpp>

namespace tensor_compress {

/// The one exception of the host part: bad input from outside, such as a truncated file, a wrong shape or a NaN weight.
///
/// Its text is always "file: what was found; what to do", so that a message is complete when it is all a user ever
/// sees: "images.gz: holds 60000 images, labels.gz 59999 labels; give two files of one data set". Mistakes in a
/// program's own types never get here, they do not compile. Names from files may stand in it as they are: what a
/// terminal would not show is escaped here (`printable`).
class error : public std::runtime_error {
public:
    /// @param  file    what was read or written: a path, a member of an archive, or the name of a function that takes
    /// values
    /// @param  found   what is wrong, with the values found and expected
    /// @param  advice  what the reader of the message can do about it
    error(std::string_view file, std::string_view found, std::string_view advice) : error(file, found, {}, advice) {}

    /// @param  items  what was found in more than one place, a line for each
    error(std::string_view file, std::string_view found, std::span<const std::string> items, std::string_view advice)
        : std::runtime_error(sentence(file, found, items, advice)) {}

private:
    static std::string sentence(std::string_view file, std::string_view found, std::span<const std::string> items,
                                std::string_view advice) {
        std::string text = printable(file) + ": " + printable(found);
        for (const auto& item : items) text.append("\n  ").append(printable(item));
        return text.append("; ").append(printable(advice));
    }
};

}  // namespace tensor_compress
