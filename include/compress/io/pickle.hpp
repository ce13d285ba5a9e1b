// SPDX-License-Identifier: MIT
#pragma once

// The part of Python's pickle format that a state_dict is written in (protocols 2 to 5, Lib/pickletools.py). Nothing is
// ever executed: classes and functions are names, and what a call of one would give is a record of the call.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include <compress/io/bytes.hpp>
#include <compress/tensor/error.hpp>

namespace tensor_compress::detail {

enum class pickled_kind : std::uint8_t {
    none,
    boolean,
    integer,
    real,
    text,
    tuple,
    list,
    dict,
    name,
    call,
    persistent
};

/// One value of a pickle; others are named by their numbers, so that a value may hold itself.
struct pickled {
    pickled_kind kind = pickled_kind::none;
    std::int64_t integer = 0;    ///< of a boolean or an integer
    std::string_view text = {};  ///< of a text; of a name, without its module
    /// Of a dict keys and values in turn, of a call the function and the tuple of its arguments, of a name its module.
    std::vector<std::uint32_t> items = {};
};

/// All values of a pickle and which of them it is about.
struct pickle_content {
    std::vector<pickled> values;
    std::uint32_t root = 0;

    const pickled& operator[](std::uint32_t id) const { return values[id]; }
};

/// Reads a pickle.
///
/// Memory is bounded by its bytes: each opcode makes at most one value, lists hold numbers of values, and there may be
/// 4,000,000 of them. Nothing recurses. A call of OrderedDict without arguments is an empty dict; BUILD, which sets
/// attributes, changes nothing.
class pickle_reader {
public:
    /// @param  bytes  stay alive as long as the result
    /// @throws error for a pickle that is cut short or damaged, and for an opcode that no state_dict has
    pickle_reader(std::span<const std::uint8_t> bytes, std::string file)
        : bytes_(bytes, file),
          file_(std::move(file)) {}

    pickle_content read() {
        while (step(bytes_.read<std::uint8_t>(std::endian::little, "an opcode"))) {
        }
        content_.root = pop();
        return std::move(content_);
    }

private:
    static constexpr std::size_t most_values = 4'000'000, most_marks = 1000;

    /// @return whether more follows
    bool step(std::uint8_t opcode) {
        switch (opcode) {
        case 0x80:  // PROTO
            number<std::uint8_t>();
            return true;
        case 0x95:  // FRAME
            number<std::uint64_t>();
            return true;
        case '.':  // STOP
            return false;
        case '(':  // MARK
            if (marks_.size() == most_marks) refuse("nests more than " + std::to_string(most_marks) + " marks");
            marks_.push_back(stack_.size());
            return true;
        case '0':  // POP
            pop();
            return true;
        case 'N':  // NONE
            return push({});
        case 0x88:  // NEWTRUE
        case 0x89:  // NEWFALSE
            return push({pickled_kind::boolean, opcode == 0x88 ? 1 : 0});
        case 'K':  // BININT1
            return push({pickled_kind::integer, number<std::uint8_t>()});
        case 'M':  // BININT2
            return push({pickled_kind::integer, number<std::uint16_t>()});
        case 'J':  // BININT
            return push({pickled_kind::integer, number<std::int32_t>()});
        case 0x8a:  // LONG1
            return push({pickled_kind::integer, long_integer()});
        case 'G':  // BINFLOAT
            number<double>();
            return push({pickled_kind::real});
        case 'X':  // BINUNICODE
        case 'B':  // BINBYTES
            return push({pickled_kind::text, 0, text(number<std::uint32_t>())});
        case 0x8c:  // SHORT_BINUNICODE
        case 'C':   // SHORT_BINBYTES
            return push({pickled_kind::text, 0, text(number<std::uint8_t>())});
        case 0x8d:  // BINUNICODE8
        case 0x8e:  // BINBYTES8
            return push({pickled_kind::text, 0, text(number<std::uint64_t>())});
        case ')':  // EMPTY_TUPLE
            return push({pickled_kind::tuple});
        case ']':  // EMPTY_LIST
            return push({pickled_kind::list});
        case '}':  // EMPTY_DICT
            return push({pickled_kind::dict});
        case 't':  // TUPLE
            return push({pickled_kind::tuple, 0, {}, pop_to_mark()});
        case 0x85:  // TUPLE1
        case 0x86:  // TUPLE2
        case 0x87:  // TUPLE3
            return push({pickled_kind::tuple, 0, {}, pop_many(opcode - 0x84u)});
        case 'q':  // BINPUT
            return remember(number<std::uint8_t>());
        case 'r':  // LONG_BINPUT
            return remember(number<std::uint32_t>());
        case 0x94:  // MEMOIZE
            return remember(memo_.size());
        case 'h':  // BINGET
            return recall(number<std::uint8_t>());
        case 'j':  // LONG_BINGET
            return recall(number<std::uint32_t>());
        case 'c': {  // GLOBAL
            const auto module = line();
            return push_name(module, line());
        }
        case 0x93: {  // STACK_GLOBAL
            const auto parts = pop_many(2);
            return push_name(text_of(parts[0]), text_of(parts[1]));
        }
        case 'R':     // REDUCE
        case 0x81: {  // NEWOBJ
            const auto parts = pop_many(2);
            return call(parts[0], parts[1]);
        }
        case 'b':  // BUILD
            pop();
            top();
            return true;
        case 'Q':  // BINPERSID
            return push({pickled_kind::persistent, 0, {}, pop_many(1)});
        case 's':  // SETITEM
            return append_to(pickled_kind::dict, pop_many(2));
        case 'u':  // SETITEMS
            return append_to(pickled_kind::dict, pop_to_mark());
        case 'a':  // APPEND
            return append_to(pickled_kind::list, pop_many(1));
        case 'e':  // APPENDS
            return append_to(pickled_kind::list, pop_to_mark());
        default:
            refuse("has the opcode " + std::to_string(opcode) + " at byte " + std::to_string(bytes_.position() - 1) +
                   ", which no state_dict has");
        }
    }

    [[noreturn]] void refuse(const std::string& found) const {
        throw error(file_, found,
                    "it is damaged or no state_dict, save it again with torch.save(model.state_dict(), path)");
    }

    template <class T>
    T number() {
        constexpr bool is_real = std::is_floating_point_v<T>;  // the one value that is big-endian
        return bytes_.read<T>(is_real ? std::endian::big : std::endian::little, "an argument");
    }
    std::string_view text(std::uint64_t length) {
        const auto taken = bytes_.take(length, "a text");
        return {reinterpret_cast<const char*>(taken.data()), taken.size()};
    }
    std::string_view line() {
        const auto rest = bytes_.rest();
        const std::string_view left(reinterpret_cast<const char*>(rest.data()), rest.size());
        const auto length = left.find('\n');
        if (length == std::string_view::npos) refuse("ends inside the name of a class");
        return text(length + 1).substr(0, length);
    }
    /// Little-endian two's complement of any length; what 64 bits do not hold is no size of a tensor.
    std::int64_t long_integer() {
        const auto digits = bytes_.take(number<std::uint8_t>(), "an integer");
        if (digits.size() > sizeof(std::int64_t)) return std::numeric_limits<std::int64_t>::max();
        std::uint64_t value = digits.empty() || digits.back() < 0x80 ? 0 : ~std::uint64_t{0};
        for (std::size_t i = digits.size(); i-- > 0;) value = value << 8 | digits[i];
        return static_cast<std::int64_t>(value);
    }

    bool push(pickled value) {
        if (content_.values.size() >= most_values)
            refuse("has more than " + std::to_string(most_values) + " values in its pickle");
        stack_.push_back(static_cast<std::uint32_t>(content_.values.size()));
        content_.values.push_back(std::move(value));
        return true;
    }
    bool push_name(std::string_view module, std::string_view name) {
        push({pickled_kind::text, 0, module});
        const auto of_module = pop();
        return push({pickled_kind::name, 0, name, {of_module}});
    }
    std::uint32_t top() const {
        if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) refuse("takes a value from an empty stack");
        return stack_.back();
    }
    std::uint32_t pop() {
        const auto value = top();
        stack_.pop_back();
        return value;
    }
    std::vector<std::uint32_t> pop_many(std::size_t count) {
        const std::size_t floor = marks_.empty() ? 0 : marks_.back();
        if (stack_.size() - floor < count) refuse("takes a value from an empty stack");
        std::vector<std::uint32_t> taken(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
        stack_.resize(stack_.size() - count);
        return taken;
    }
    std::vector<std::uint32_t> pop_to_mark() {
        if (marks_.empty()) refuse("takes values up to a mark that is not there");
        auto taken = pop_many(stack_.size() - marks_.back());
        marks_.pop_back();
        return taken;
    }
    std::string_view text_of(std::uint32_t id) const {
        if (content_[id].kind != pickled_kind::text) refuse("has a class whose name is no text");
        return content_[id].text;
    }

    bool remember(std::uint64_t place) {
        memo_[place] = top();
        if (memo_.size() > most_values) refuse("remembers more than " + std::to_string(most_values) + " values");
        return true;
    }
    bool recall(std::uint64_t place) {
        const auto found = memo_.find(place);
        if (found == memo_.end()) refuse("reads value " + std::to_string(place) + " of its memo, which is not there");
        if (stack_.size() > most_values) refuse("stacks more than " + std::to_string(most_values) + " values");
        stack_.push_back(found->second);
        return true;
    }
    bool call(std::uint32_t function, std::uint32_t arguments) {
        const pickled& name = content_[function];
        const pickled& given = content_[arguments];
        if (given.kind != pickled_kind::tuple) refuse("calls with arguments that are no tuple");
        if (name.kind == pickled_kind::name && name.text == "OrderedDict" && given.items.empty())
            return push({pickled_kind::dict});
        return push({pickled_kind::call, 0, {}, {function, arguments}});
    }
    bool append_to(pickled_kind kind, const std::vector<std::uint32_t>& items) {
        pickled& value = content_.values[top()];
        // What a call gave may be a container of another class; nothing of it is used.
        if (value.kind == pickled_kind::call) return true;
        if (value.kind != kind || (kind == pickled_kind::dict && items.size() % 2 != 0))
            refuse("adds items to a value that holds none");
        value.items.insert(value.items.end(), items.begin(), items.end());
        return true;
    }

    byte_reader bytes_;
    std::string file_;
    pickle_content content_;
    std::vector<std::uint32_t> stack_;
    std::vector<std::size_t> marks_;
    std::unordered_map<std::uint64_t, std::uint32_t> memo_;
};

}  // namespace tensor_compress::detail
