// SPDX-License-Identifier: MIT
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace tests {

/// Memory whose last byte is the last before a page that may not be read, or whose first byte is the first after one.
class fenced {
public:
    enum edge { end, start };

    fenced(const void* contents, std::size_t bytes, edge at = end) : bytes_(bytes) {
        const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
        const std::size_t middle = (bytes + page - 1) / page * page;
        mapped_ = middle + 2 * page;
        // Opened first and fenced then: the emulator of AArch64 refuses to open what was mapped closed.
        void* mapped = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        base_ = static_cast<std::byte*>(mapped);
        if (mapped == MAP_FAILED || mprotect(base_, page, PROT_NONE) != 0 ||
            mprotect(base_ + page + middle, page, PROT_NONE) != 0) {
            std::fprintf(stderr, "no fenced memory of %zu bytes: %s\n", bytes, std::strerror(errno));
            std::exit(3);
        }
        data_ = base_ + page + (at == end ? middle - bytes : 0);
        if (contents != nullptr) std::memcpy(data_, contents, bytes);
    }
    fenced(const fenced&) = delete;
    fenced& operator=(const fenced&) = delete;
    ~fenced() { munmap(base_, mapped_); }

    void* data() const { return data_; }
    template <class T>
    T* as() const {
        return reinterpret_cast<T*>(data_);
    }
    std::size_t size() const { return bytes_; }

private:
    std::byte *base_, *data_;
    std::size_t bytes_, mapped_;
};

/// Memory for a result at a distance from any alignment, between bytes that must stay as they are.
class guarded {
public:
    guarded(std::size_t bytes, std::size_t misalignment) : bytes_(bytes), memory_(bytes + 3 * margin, pattern) {
        const auto address = reinterpret_cast<std::uintptr_t>(memory_.data());
        offset_ = margin + (64 - address % 64) % 64 + misalignment;  // less than two margins
    }
    void* data() { return memory_.data() + offset_; }
    bool intact() const {
        for (std::size_t i = 0; i < memory_.size(); ++i)
            if ((i < offset_ || i >= offset_ + bytes_) && memory_[i] != pattern) return false;
        return true;
    }

private:
    static constexpr std::size_t margin = 128;
    static constexpr std::uint8_t pattern = 0xa5;
    std::size_t bytes_, offset_ = 0;
    std::vector<std::uint8_t> memory_;
};

/// int8 values as the bytes of memory with or without an offset of 128.
inline std::vector<std::uint8_t> stored(const std::vector<std::int8_t>& values, int offset) {
    std::vector<std::uint8_t> bytes;
    bytes.reserve(values.size());
    for (const std::int8_t v : values) bytes.push_back(static_cast<std::uint8_t>(v + offset));
    return bytes;
}

/// "" if both are the same, or a sentence for the first difference.
template <class T>
std::string difference(const std::vector<T>& expected, const T* found) {
    std::size_t differ = 0, first = 0;
    for (std::size_t i = expected.size(); i-- > 0;)
        if (expected[i] != found[i]) first = i, ++differ;
    if (differ == 0) return "";
    return "element " + std::to_string(first) + " of " + std::to_string(expected.size()) + ": expected " +
           std::to_string(expected[first]) + ", found " + std::to_string(found[first]) + "; " + std::to_string(differ) +
           " differ";
}

}  // namespace tests
