// SPDX-License-Identifier: MIT
#include <compress/tensor/thread_pool.hpp>

#include <atomic>
#include <chrono>
#include <vector>

#include "../catch.hpp"

namespace tc = tensor_compress;

TEST_CASE("a pool calls each part once and returns when all are done", "[tensor]") {
    STATIC_REQUIRE(tc::executor<tc::thread_pool>);
    for (const int threads : {1, 2, 5}) {
        const tc::thread_pool pool(threads);
        CHECK(pool.threads() == threads);
        for (int round = 0; round < 500; ++round) {
            const int count = round % 40;
            std::vector<std::atomic<int>> calls(static_cast<std::size_t>(count));
            pool.parallel_for(count, [&](int i) { ++calls[static_cast<std::size_t>(i)]; });
            for (const auto& c : calls) REQUIRE(c == 1);
        }
    }
}

TEST_CASE("a pool that slept goes on", "[tensor]") {
    const tc::thread_pool pool(3);
    for (int round = 0; round < 5; ++round) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        std::atomic<int> sum{0};
        pool.parallel_for(100, [&](int i) { sum += i; });
        CHECK(sum == 4950);
    }
}

TEST_CASE("a pool that was never used ends", "[tensor]") { const tc::thread_pool pool(4); }
