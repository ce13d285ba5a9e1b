// SPDX-License-Identifier: MIT

// A net on the job system of a game engine: the layers' parts become jobs among the engine's own. The engine's half is
// what many engines have: workers, a queue, and a wait that works instead of sleeping. The net's half is `net_jobs`,
// ten lines. You will see what each frame recognises, that it is what one thread computes, and how many jobs that were.

#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "digit_images.hpp"
#include "digits_int8.hpp"
namespace tc = tensor_compress;
using digits_int8::net;

/// The engine: jobs of any kind on a few workers. Whoever waits for some of them runs whatever is in the queue.
class job_system {
public:
    using counter = std::atomic<int>;

    explicit job_system(int workers) {
        for (int i = 0; i < workers; ++i) workers_.emplace_back([this] { serve(); });
    }
    ~job_system() {
        std::unique_lock lock(mutex_);
        ends_ = true;
        lock.unlock();
        wakes_.notify_all();
        for (auto& worker : workers_) worker.join();
    }

    void schedule(std::function<void()> job, counter& unfinished) {
        ++unfinished;
        const std::lock_guard lock(mutex_);
        queue_.push_back([job = std::move(job), &unfinished] { job(), --unfinished; });
        wakes_.notify_one();
    }
    void wait(const counter& unfinished) {
        while (unfinished > 0) run_one(std::unique_lock(mutex_));
    }
    int jobs_run() const { return jobs_run_; }

private:
    bool run_one(std::unique_lock<std::mutex> lock) {
        if (queue_.empty()) return false;
        const auto job = std::move(queue_.front());
        queue_.pop_front();
        lock.unlock();
        ++jobs_run_;
        job();
        return true;
    }
    void serve() {
        for (;;) {
            std::unique_lock lock(mutex_);
            wakes_.wait(lock, [this] { return ends_ || !queue_.empty(); });
            if (!run_one(std::move(lock))) return;
        }
    }

    std::mutex mutex_;
    std::condition_variable wakes_;
    std::deque<std::function<void()>> queue_;
    std::atomic<int> jobs_run_ = 0;
    bool ends_ = false;
    std::vector<std::thread> workers_;
};

/// All that the net needs to know of the engine.
struct net_jobs {
    job_system& jobs;

    template <class Part>
    void parallel_for(int count, const Part& part) const {
        job_system::counter unfinished = 0;
        for (int i = 1; i < count; ++i) jobs.schedule([&part, i] { part(i); }, unfinished);
        part(0);
        jobs.wait(unfinished);
    }
};
static_assert(tc::executor<net_jobs>);

alignas(64) static std::byte arena[net::arena_bytes_for<net_jobs>];

template <class Executor>
static int classify(const unsigned char (&pixels)[28 * 28], std::int8_t (&logits)[10], const Executor& threads) {
    static std::int8_t image[28 * 28];
    constexpr tc::affine scale = digits_int8::weights.inputs[0];
    for (int i = 0; i < 28 * 28; ++i) image[i] = tc::quantize(static_cast<float>(pixels[i]) / 255, scale);
    net::run(digits_int8::weights, image, logits, arena, threads);
    int best = 0;
    for (int c = 1; c < 10; ++c) best = logits[c] > logits[best] ? c : best;
    return best;
}

int main() {
    job_system engine(3);
    int frame = 0, different = 0;
    for (const auto& pixels : digit_images) {
        // What else happens in a frame.
        job_system::counter particles = 0;
        std::atomic<int> moved = 0;
        for (int i = 0; i < 20; ++i) engine.schedule([&moved] { moved += 50; }, particles);
        std::int8_t logits[10], alone[10];
        const int before = engine.jobs_run(), digit = classify(pixels, logits, net_jobs{engine});
        engine.wait(particles);
        classify(pixels, alone, tc::serial{});
        const bool same = std::memcmp(logits, alone, sizeof logits) == 0;
        different += same ? 0 : 1;
        std::printf("frame %d: %d particles, digit %d, %s one thread's, %d jobs\n", ++frame, moved.load(), digit,
                    same ? "as" : "not", engine.jobs_run() - before);
    }
    return different;
}
