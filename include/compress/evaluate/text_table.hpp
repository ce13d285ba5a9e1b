// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

namespace tensor_compress {

/// A table in columns: the first aligned left, those whose cells are numbers right.
class text_table {
public:
    explicit text_table(std::vector<std::string> heads) : rows_{std::move(heads)} {}

    void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }

    std::string text() const {
        std::vector<std::size_t> widths(rows_[0].size());
        std::vector<bool> numbers(rows_[0].size(), true);
        for (std::size_t r = 0; r < rows_.size(); ++r)
            for (std::size_t c = 0; c < rows_[r].size(); ++c) {
                widths[c] = std::max(widths[c], rows_[r][c].size());
                numbers[c] = numbers[c] && c != 0 && (r == 0 || is_number(rows_[r][c]));
            }
        std::string text;
        for (const auto& row : rows_) {
            std::string line;
            for (std::size_t c = 0; c < row.size(); ++c) {
                const std::string fill(widths[c] - row[c].size(), ' ');
                line += (c == 0 ? "" : "  ") + (numbers[c] ? fill + row[c] : row[c] + fill);
            }
            line.erase(line.find_last_not_of(' ') + 1);
            text += line + '\n';
        }
        return text;
    }

    /// The same as a Markdown table.
    std::string markdown() const {
        std::string text;
        for (std::size_t r = 0; r < rows_.size(); ++r) {
            text += '|';
            for (const auto& cell : rows_[r]) text += ' ' + escaped(cell) + " |";
            text += '\n';
            if (r > 0) continue;
            text += '|';
            for (std::size_t c = 0; c < rows_[0].size(); ++c) text += " --- |";
            text += '\n';
        }
        return text;
    }

private:
    /// A bar within a cell would end it.
    static std::string escaped(const std::string& cell) {
        std::string text;
        for (const char c : cell) text += c == '|' ? std::string("\\|") : std::string(1, c);
        return text;
    }
    static bool is_number(const std::string& cell) {
        return cell.find_first_not_of("0123456789.,-+ %") == std::string::npos;
    }

    std::vector<std::vector<std::string>> rows_;
};

/// A number with that many digits after the point.
inline std::string fixed_text(double value, int digits) {
    std::string text(32, 0);
    text.resize(static_cast<std::size_t>(std::snprintf(text.data(), text.size(), "%.*f", digits, value)));
    return text;
}

}  // namespace tensor_compress
