// SPDX-License-Identifier: MIT
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace tensor_compress {

/// The one exception of the host part: bad input from outside, such as a truncated file, a wrong shape or a NaN weight.
///
/// Its text is always "file: what was found; what to do", so that a message is complete when it is all a user ever
/// sees: "images.gz: holds 60000 images, labels.gz 59999 labels; give two files of one data set". Mistakes in a
/// program's own types never get here, they do not compile.
class error : public std::runtime_error {
public:
    /// @param  file    what was read or written: a path, a member of an archive, or the name of a function that takes
    /// values
    /// @param  found   what is wrong, with the values found and expected
    /// @param  advice  what the reader of the message can do about it
    error(std::string_view file, std::string_view found, std::string_view advice)
        : std::runtime_error(sentence(file, found, advice)) {}

private:
    static std::string sentence(std::string_view file, std::string_view found, std::string_view advice) {
        std::string text(file);
        text.append(": ").append(found).append("; ").append(advice);
        return text;
    }
};

}  // namespace tensor_compress
