// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include <compress/core/executor.hpp>

namespace tensor_compress {

/// An executor over threads of its own, for programs that have no job system: the caller works too. Threads wait for
/// the next layer awake for some microseconds, then asleep.
class thread_pool {
public:
    /// @param  threads  how many work, with the caller's; at least 1
    explicit thread_pool(int threads = static_cast<int>(std::thread::hardware_concurrency())) {
        for (int i = 1; i < threads; ++i) workers_.emplace_back([this] { serve(); });
    }
    thread_pool(const thread_pool&) = delete;
    thread_pool& operator=(const thread_pool&) = delete;
    ~thread_pool() {
        call_ = nullptr;
        begin();
        for (std::thread& worker : workers_) worker.join();
    }

    int threads() const { return static_cast<int>(workers_.size()) + 1; }

    /// f(0) .. f(count - 1), each once; returns when all are done. One caller at a time.
    template <class F>
    void parallel_for(int count, const F& f) const {
        if (count < 2 || workers_.empty()) {
            serial{}.parallel_for(count, f);
            return;
        }
        call_ = [](const void* context, int i) { (*static_cast<const F*>(context))(i); };
        context_ = &f;
        count_ = count;
        next_.store(0, std::memory_order_relaxed);
        busy_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
        begin();
        work();
        while (busy_.load(std::memory_order_acquire) != 0) rest();
    }

private:
    static void rest() {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#else
        std::this_thread::yield();
#endif
    }
    void begin() const {
        round_.fetch_add(1, std::memory_order_release);
        round_.notify_all();
    }
    void work() const {
        for (int i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < count_;) call_(context_, i);
    }
    void serve() const {
        for (std::uint32_t seen = 0;;) {
            for (int spins = 0; spins < 4000 && round_.load(std::memory_order_acquire) == seen; ++spins) rest();
            round_.wait(seen, std::memory_order_acquire);
            seen = round_.load(std::memory_order_acquire);
            if (call_ == nullptr) return;
            work();
            busy_.fetch_sub(1, std::memory_order_release);
        }
    }

    // A round begins when the counter goes up; what is below it is written before and read after.
    mutable std::atomic<std::uint32_t> round_{0};
    mutable std::atomic<int> next_{0}, busy_{0};
    mutable void (*call_)(const void*, int) = nullptr;
    mutable const void* context_ = nullptr;
    mutable int count_ = 0;
    std::vector<std::thread> workers_;
};

}  // namespace tensor_compress
