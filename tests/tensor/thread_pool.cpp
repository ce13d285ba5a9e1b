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

TEST_CASE("a team has as many parts as threads", "[tensor]") {
    STATIC_REQUIRE(tc::executor<tc::thread_team<3>> && tc::wanted_parts<tc::thread_team<3>> == 3);
    STATIC_REQUIRE(tc::wanted_parts<tc::thread_pool> == 8 && tc::wanted_parts<tc::serial> == 1);
    const tc::thread_team<3> team;
    CHECK(team.threads() == 3);
    std::atomic<int> sum = 0;
    team.parallel_for(3, [&](int i) { sum += 1 << i; });
    CHECK(sum == 7);
}
