// SPDX-License-Identifier: MIT
#pragma once

// Compressed bytes: how much may come out of them, and gzip.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zlib.h>

#include <compress/io/bytes.hpp>
#include <compress/tensor/error.hpp>

namespace tensor_compress {

/// Bytes that a compressed file may unpack to; without a number `default_unpacked_limit` of the file.
using unpacked_limit = std::optional<std::uint64_t>;

/// 64 MiB and 64 times the file, at most 4 GiB: weights and data sets take 1 to 20 times as much as their archives, and
/// a zip bomb 1000 times.
constexpr std::uint64_t default_unpacked_limit(std::uint64_t file_bytes) {
    constexpr std::uint64_t floor = std::uint64_t{64} << 20, most = std::uint64_t{4} << 30, times = 64;
    return file_bytes >= (most - floor) / times ? most : floor + times * file_bytes;
}

namespace detail {

/// From the first bytes of a file to how many it has by its own header, as soon as they hold the whole header.
using size_by_header = std::function<std::optional<std::uint64_t>(std::span<const std::uint8_t> begin)>;

/// Takes what comes out of a compressed file, and stops it as soon as that is too much.
class unpacked_bytes {
public:
    /// @param  limit    of this file, or of all members of an archive
    /// @param  before   bytes that other members took of it
    /// @param  size_of  of the format inside, where it has a header
    unpacked_bytes(std::string file, std::uint64_t limit, std::uint64_t before, size_by_header size_of)
        : file_(std::move(file)),
          limit_(limit),
          before_(before),
          size_of_(std::move(size_of)) {}

    [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }
    std::vector<std::uint8_t> take() { return std::move(bytes_); }

    /// @throws error when there are more bytes than the limit, or than the header inside allows
    void append(std::span<const std::uint8_t> piece) {
        if (piece.size() > limit_ - before_ - bytes_.size()) refuse("unpacks to more than the limit of ");
        bytes_.insert(bytes_.end(), piece.begin(), piece.end());
        if (!expected_ && size_of_) {
            expected_ = size_of_(bytes_);
            if (expected_ > limit_ - before_)
                refuse("is " + counted(*expected_, "byte") + " unpacked by its header, more than the limit of ");
        }
        if (expected_ && bytes_.size() > *expected_)
            throw error(file_, "unpacks to more than the " + counted(*expected_, "byte") + " that its header describes",
                        "it is damaged, fetch it again");
    }

private:
    [[noreturn]] void refuse(const std::string& found) const {
        throw error(file_, found + counted(limit_, "byte") + (before_ > 0 ? " for all members together" : ""),
                    "raise the limit or unpack it first, if you trust the file");
    }

    std::string file_;
    std::uint64_t limit_, before_;
    size_by_header size_of_;
    std::optional<std::uint64_t> expected_;
    std::vector<std::uint8_t> bytes_;
};

/// A zlib stream that unpacks the gzip format and is released in every case.
struct gzip_inflater {
    z_stream stream{};
    gzip_inflater() {
        // 15 is the largest window, 16 more asks for the gzip wrapper.
        if (inflateInit2(&stream, 15 + 16) != Z_OK)
            throw error("zlib", "did not start", "check the memory that is left");
    }
    ~gzip_inflater() { inflateEnd(&stream); }
    gzip_inflater(const gzip_inflater&) = delete;
    gzip_inflater& operator=(const gzip_inflater&) = delete;
};

inline bool is_gzip(std::span<const std::uint8_t> bytes) {
    return bytes.size() >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

inline std::vector<std::uint8_t> gunzip(std::span<const std::uint8_t> packed, unpacked_bytes unpacked,
                                        std::string_view file) {
    gzip_inflater inflater;
    z_stream& stream = inflater.stream;
    std::vector<std::uint8_t> piece(std::size_t{1} << 16);
    std::size_t fed = 0;
    while (true) {
        if (stream.avail_in == 0) {  // zlib counts in 32 bits, so a long file is fed in parts
            const std::size_t part = std::min(packed.size() - fed, std::size_t{1} << 30);
            stream.next_in = const_cast<Bytef*>(packed.data() + fed);
            stream.avail_in = static_cast<uInt>(part);
            fed += part;
        }
        stream.next_out = piece.data();
        stream.avail_out = static_cast<uInt>(piece.size());
        const int result = inflate(&stream, Z_NO_FLUSH);
        unpacked.append(std::span(piece).first(piece.size() - stream.avail_out));

        const std::size_t left = packed.size() - fed + stream.avail_in;
        if (result == Z_STREAM_END) {
            if (left == 0) return unpacked.take();
            // A gzip file may consist of several members; their contents are joined (RFC 1952, section 2.2).
            if (!is_gzip(packed.last(left)))
                throw error(file, "has " + counted(left, "byte") + " after the end of its gzip data", "fetch it again");
            inflateReset(&stream);
        } else if (result == Z_BUF_ERROR) {  // no progress, so no input is left
            throw error(file, "ends inside its gzip data, after " + counted(unpacked.size(), "unpacked byte"),
                        "it is cut short, fetch it again");
        } else if (result != Z_OK) {
            throw error(file,
                        std::string("holds damaged gzip data (") + (stream.msg ? stream.msg : zError(result)) + ")",
                        "fetch it again");
        }
    }
}

}  // namespace detail

/// The bytes of a file, unpacked when its first two bytes say gzip (RFC 1952). Only for formats that cannot begin with
/// 1f 8b.
///
/// @param  limit    bytes that a gzip file may unpack to
/// @param  size_of  of the format inside: unpacking ends with an error as soon as there is more
/// @throws error as `read_file`, and for gzip data that is cut short, damaged, followed by other bytes, or above the
/// limit
[[nodiscard]] inline std::vector<std::uint8_t>
read_unpacked(const std::filesystem::path& file, unpacked_limit limit = {}, detail::size_by_header size_of = {}) {
    auto bytes = read_file(file);
    if (!detail::is_gzip(bytes)) return bytes;
    const std::uint64_t most = limit.value_or(default_unpacked_limit(bytes.size()));
    return detail::gunzip(bytes, {file.string(), most, 0, std::move(size_of)}, file.string());
}

}  // namespace tensor_compress
