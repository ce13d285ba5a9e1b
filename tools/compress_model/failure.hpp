// SPDX-License-Identifier: MIT
#pragma once

#include <stdexcept>
#include <string>

namespace compress_model {

/// Bad input or usage whose text is complete already; like tensor_compress::error it ends the program with 2.
struct bad_input : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// A compiler that fails, or a header that does not compute what was converted: ends the program with 1.
struct failure : std::runtime_error {
    explicit failure(const std::string& sentence, std::string lines = {})
        : std::runtime_error(sentence),
          details(std::move(lines)) {}

    std::string details;  ///< lines to show below the sentence
};

/// Thrown where a signal asked the program to end, so that everything is cleaned up on the way out.
struct interrupted {
    int signal;
};

/// Exceptions of the library may list things in lines.
inline std::string one_line(std::string text) {
    while (!text.empty() && text.back() == '\n') text.pop_back();
    for (char& c : text)
        if (c == '\n') c = ' ';
    return text;
}

}  // namespace compress_model
