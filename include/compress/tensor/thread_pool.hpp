// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include <compress/core/executor.hpp>

namespace tensor_compress {

/// An executor over threads of its own, for programs that have no job system: the caller works too. Each thread has its
/// own parts of every layer, whose data are in the caches of its core, and helps with those of others when it is done.
/// Threads wait for the next layer, and the caller for its end, awake for some microseconds, then asleep.
class thread_pool {
public:
    /// @param  threads  how many work, with the caller's; at least 1
    explicit thread_pool(int threads = static_cast<int>(std::thread::hardware_concurrency()))
        : shares_(static_cast<std::size_t>(threads < 1 ? 1 : threads)) {
        for (std::size_t i = 1; i < shares_.size(); ++i) workers_.emplace_back([this, i] { serve(i); });
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
        const auto all = static_cast<int>(shares_.size());
        for (int i = 0; i < all; ++i) {
            share& s = shares_[static_cast<std::size_t>(i)];
            s.next.store(static_cast<int>(static_cast<long long>(count) * i / all), std::memory_order_relaxed);
            s.end = static_cast<int>(static_cast<long long>(count) * (i + 1) / all);
        }
        busy_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
        begin();
        work(0);
        for (int spins = 0; spins < awake && busy_.load(std::memory_order_acquire) != 0; ++spins) rest();
        for (int busy; (busy = busy_.load(std::memory_order_acquire)) != 0;)
            busy_.wait(busy, std::memory_order_acquire);
    }

private:
    /// The parts of one thread, on a cache line of their own.
    struct alignas(64) share {
        std::atomic<int> next{0};
        int end = 0;
    };

    /// How often a thread looks for work, or for its end, before it sleeps: where others want its core, that gives it
    /// to them.
    static constexpr int awake = 4000;

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
    /// The parts of thread `own`, then what others have left.
    void work(std::size_t own) const {
        for (std::size_t k = 0; k < shares_.size(); ++k) {
            share& s = shares_[(own + k) % shares_.size()];
            for (int i; (i = s.next.fetch_add(1, std::memory_order_relaxed)) < s.end;) call_(context_, i);
        }
    }
    void serve(std::size_t own) const {
        for (std::uint32_t seen = 0;;) {
            for (int spins = 0; spins < awake && round_.load(std::memory_order_acquire) == seen; ++spins) rest();
            round_.wait(seen, std::memory_order_acquire);
            seen = round_.load(std::memory_order_acquire);
            if (call_ == nullptr) return;
            work(own);
            if (busy_.fetch_sub(1, std::memory_order_acq_rel) == 1) busy_.notify_one();
        }
    }

    // A round begins when the counter goes up; what is below it is written before and read after.
    mutable std::atomic<std::uint32_t> round_{0};
    mutable std::atomic<int> busy_{0};
    mutable void (*call_)(const void*, int) = nullptr;
    mutable const void* context_ = nullptr;
    mutable std::vector<share> shares_;
    std::vector<std::thread> workers_;
};

/// A pool of as many threads as parts: where their number is known when the program is built, no layer is split into
/// more.
template <int Threads>
class thread_team : public thread_pool {
public:
    static constexpr int parts = Threads;
    thread_team() : thread_pool(Threads) {}
};

}  // namespace tensor_compress
