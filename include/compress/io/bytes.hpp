// SPDX-License-Identifier: MIT
#pragma once

// Files as bytes: reading, values of either byte order, and writing that leaves no half-written file behind.

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <compress/tensor/error.hpp>

namespace tensor_compress {

namespace detail {

inline std::string counted(std::uint64_t count, std::string_view unit) {
    return std::to_string(count).append(" ").append(unit).append(count == 1 ? "" : "s");
}

/// @return bytes of the file, which is then known to be a regular file and not empty
inline std::uintmax_t regular_file_size(const std::filesystem::path& file) {
    std::error_code failure;
    const auto status = std::filesystem::status(file, failure);
    if (status.type() == std::filesystem::file_type::not_found)
        throw error(file.string(), "does not exist", "check the path");
    if (failure)
        throw error(file.string(), "cannot be looked up (" + failure.message() + ")",
                    "check the path and its permissions");
    if (std::filesystem::is_directory(status)) throw error(file.string(), "is a directory", "name a file in it");
    if (!std::filesystem::is_regular_file(status))
        throw error(file.string(), "is not a regular file", "copy its content to a file");
    const auto size = std::filesystem::file_size(file, failure);
    if (failure) throw error(file.string(), "has no size (" + failure.message() + ")", "check its permissions");
    if (size == 0) throw error(file.string(), "is empty", "fetch or write it again");
    return size;
}

}  // namespace detail

/// The bytes of a file as stored.
///
/// @throws error when the file is missing, a directory, no regular file, empty or not readable
[[nodiscard]] inline std::vector<std::uint8_t> read_file(const std::filesystem::path& file) {
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(detail::regular_file_size(file)));
    std::ifstream stream(file, std::ios::binary);
    if (!stream)
        throw error(file.string(), "cannot be opened (" + std::generic_category().message(errno) + ")",
                    "check its permissions");
    stream.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    if (stream.gcount() != static_cast<std::streamsize>(bytes.size()))
        throw error(file.string(),
                    "gave " + std::to_string(stream.gcount()) + " of its " + detail::counted(bytes.size(), "byte"),
                    "read it again when nothing else is writing it");
    return bytes;
}

/// The value whose bytes begin at `bytes`, which need no alignment.
template <class T>
requires std::is_trivially_copyable_v<T>
[[nodiscard]] T load_value(const std::uint8_t* bytes, std::endian order) {
    std::array<std::uint8_t, sizeof(T)> image;
    std::memcpy(image.data(), bytes, sizeof(T));
    if (order != std::endian::native) std::reverse(image.begin(), image.end());
    return std::bit_cast<T>(image);
}

/// Appends the bytes of a value.
template <class T>
requires std::is_trivially_copyable_v<T>
void append_value(std::vector<std::uint8_t>& bytes, T value, std::endian order) {
    auto image = std::bit_cast<std::array<std::uint8_t, sizeof(T)>>(value);
    if (order != std::endian::native) std::reverse(image.begin(), image.end());
    bytes.insert(bytes.end(), image.begin(), image.end());
}

namespace detail {

/// IEEE 754 binary16 as float, exactly. A subnormal is its mantissa in units of 2^-24.
constexpr float decode_float16(std::uint16_t bits) {
    const std::uint32_t sign = (bits & 0x8000u) << 16, exponent = (bits >> 10) & 31u, mantissa = bits & 0x3ffu;
    if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | mantissa << 13);
    if (exponent == 0) return (sign != 0 ? -0x1p-24f : 0x1p-24f) * static_cast<float>(mantissa);
    return std::bit_cast<float>(sign | (exponent + 112u) << 23 | mantissa << 13);
}

/// bfloat16 as float, exactly: it is the upper half of one.
constexpr float decode_bfloat16(std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t{bits} << 16); }

/// Whether a double rounds to a finite float, or is itself infinite or NaN. At 2^128 - 2^103 the tie goes up to
/// infinity.
constexpr bool fits_float(double value) {
    const double magnitude = value < 0 ? -value : value;
    return !(magnitude >= 0x1.ffffffp127 && magnitude <= std::numeric_limits<double>::max());
}

}  // namespace detail

/// Reads bytes from front to back and refuses to pass the end; each step says what it reads, for the message.
class byte_reader {
public:
    /// @param  bytes  stay alive and unchanged as long as the reader and what it hands out
    byte_reader(std::span<const std::uint8_t> bytes, std::string file) : bytes_(bytes), file_(std::move(file)) {}

    [[nodiscard]] std::size_t position() const noexcept { return position_; }
    [[nodiscard]] std::size_t remaining() const noexcept { return bytes_.size() - position_; }
    [[nodiscard]] std::span<const std::uint8_t> rest() const noexcept { return bytes_.subspan(position_); }

    /// The next `count` bytes, without a copy.
    [[nodiscard]] std::span<const std::uint8_t> take(std::uint64_t count, std::string_view what) {
        if (count > remaining())
            throw error(file_,
                        "ends after " + detail::counted(bytes_.size(), "byte") + ", but " + std::string(what) +
                            " at byte " + std::to_string(position_) + " takes " + std::to_string(count),
                        "it is cut short or damaged, fetch it again");
        const auto taken = bytes_.subspan(position_, static_cast<std::size_t>(count));
        position_ += taken.size();
        return taken;
    }

    template <class T>
    [[nodiscard]] T read(std::endian order, std::string_view what) {
        return load_value<T>(take(sizeof(T), what).data(), order);
    }

    /// @throws error when bytes are left
    void expect_end(std::string_view what) const {
        if (remaining() != 0)
            throw error(file_, "has " + detail::counted(remaining(), "byte") + " after " + std::string(what),
                        "it is damaged or of another format, fetch it again");
    }

private:
    std::span<const std::uint8_t> bytes_;
    std::string file_;
    std::size_t position_ = 0;
};

namespace detail {

/// Elements of a tensor of these extents, or nothing when its bytes do not fit std::ptrdiff_t, also where another
/// extent is 0.
inline std::optional<std::size_t> checked_count(std::span<const std::size_t> extents, std::size_t element_bytes) {
    std::size_t most = static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max()) / element_bytes;
    bool is_empty = false;
    std::size_t count = 1;
    for (const std::size_t extent : extents) {
        if (extent == 0) {
            is_empty = true;
            continue;
        }
        if (extent > most) return std::nullopt;
        most /=
            extent;  // floor(floor(m / a) / b) is floor(m / (a * b)), so no product is formed before it is known to fit
        count *= extent;
    }
    return is_empty ? 0 : count;
}

}  // namespace detail

/// Elements of a tensor whose shape was read from a file.
///
/// @param  element_bytes  size of one element; the bytes of the tensor fit std::ptrdiff_t too
/// @throws error when the product overflows, also where another extent is 0
[[nodiscard]] inline std::size_t element_count(std::span<const std::size_t> extents, std::size_t element_bytes,
                                               std::string_view file) {
    const auto count = detail::checked_count(extents, element_bytes);
    if (!count)
        throw error(file, "names a shape of more bytes than memory can have", "its header is damaged, fetch it again");
    return *count;
}

namespace detail {

/// A name beside `file` that nothing else uses: rename is atomic only within one file system. It begins with as much of
/// the file's own as leaves room for the rest in the 255 bytes of a name.
inline std::filesystem::path temporary_beside(const std::filesystem::path& file) {
    static std::atomic<unsigned> serial{std::random_device{}()};
    return file.parent_path() / (file.filename().string().substr(0, 200) + ".part-" +
                                 std::to_string(std::random_device{}()) + "-" + std::to_string(serial++));
}

/// Where the bytes go: through a symbolic link to the file it names, never over a directory or a device.
inline std::filesystem::path writable_target(const std::filesystem::path& file) {
    std::error_code failure, ignored;
    const auto status = std::filesystem::status(file, failure);
    if (status.type() == std::filesystem::file_type::none)  // a loop of links, a name that is too long
        throw error(file.string(), "cannot be looked up (" + failure.message() + ")", "choose another name");
    if (std::filesystem::is_directory(status)) throw error(file.string(), "is a directory", "name a file in it");
    if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status))
        throw error(file.string(), "is not a regular file", "name a regular file");
    auto target = std::filesystem::exists(status) ? std::filesystem::canonical(file) : file;
    const auto folder = target.has_parent_path() ? target.parent_path() : std::filesystem::path(".");
    if (!std::filesystem::is_directory(folder, ignored))
        throw error(file.string(), "is in a folder that does not exist", "create the folder first");
    return target;
}

}  // namespace detail

/// Writes a whole file: another process sees its old content or all of the new, and an error leaves the old one.
/// The bytes go to a temporary file in the same folder, which is then renamed. (Not synchronised against a loss of
/// power.)
///
/// @throws error when the folder does not exist, nothing may be written there, the disk is full, or the name is a
/// directory's
inline void write_file(const std::filesystem::path& file, std::span<const std::uint8_t> bytes) {
    const auto target = detail::writable_target(file);
    const auto temporary = detail::temporary_beside(target);
    std::error_code failure;
    {
        errno = 0;
        std::ofstream stream(temporary, std::ios::binary | std::ios::trunc);
        if (!stream)
            throw error(file.string(), "cannot be created (" + std::generic_category().message(errno) + ")",
                        "check the folder's permissions");
        stream.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
        stream.close();
        if (!stream) failure = std::error_code(errno != 0 ? errno : EIO, std::generic_category());
    }
    if (!failure) std::filesystem::rename(temporary, target, failure);
    if (!failure) return;
    std::error_code ignored;
    std::filesystem::remove(temporary, ignored);
    throw error(file.string(), "cannot be written (" + failure.message() + ")",
                "check the space left on the disk and the folder's permissions");
}

/// Writes a whole file of text, as `write_file` does.
///
/// @throws error as `write_file`
inline void write_text(const std::filesystem::path& file, std::string_view text) {
    write_file(file, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

}  // namespace tensor_compress
