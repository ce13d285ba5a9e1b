// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdio>
#include <ostream>
#include <string>

#include <compress/train/checkpoint.hpp>

namespace tensor_compress {

/// A line for each epoch: how far training is, its loss and accuracy, images a second and the time left. Where the
/// stream is a terminal the line of the current epoch is written over twice a second.
class progress_line {
public:
    /// @param  to    null: nothing is written
    /// @param  live  whether the stream shows a carriage return as one
    progress_line(std::ostream* to, bool live, int epochs = 0) : to_(to), live_(live), epochs_(epochs) {}

    void set_epochs(int epochs) { epochs_ = epochs; }

    /// Within an epoch: `done` of `records` records since the epoch began.
    void show(int epoch, double loss, double accuracy, std::size_t done, std::size_t records) {
        const double now = seconds();
        if (to_ == nullptr || !live_ || now - shown_ < 0.5) return;
        shown_ = now;
        write(epoch, loss, accuracy, "", done, records);
        *to_ << '\r' << std::flush;
    }
    /// An epoch is over.
    void finish(const epoch_result& e, bool scored, std::size_t records) {
        if (to_ == nullptr) return;
        char score[32] = "";
        if (scored) std::snprintf(score, sizeof score, "  held out %6.2f", e.score);
        write(e.epoch, e.loss, e.accuracy, score, records, records);
        *to_ << '\n' << std::flush;
    }
    void begin_epoch() { begun_ = std::chrono::steady_clock::now(), shown_ = 0; }
    /// Since the epoch began.
    double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun_).count(); }

private:
    void write(int epoch, double loss, double accuracy, const char* score, std::size_t done, std::size_t records) {
        const double rate = static_cast<double>(done) / std::max(seconds(), 1e-9);
        const double all = static_cast<double>(records) * (epochs_ - epoch) + static_cast<double>(records - done);
        const int left = static_cast<int>(all / std::max(rate, 1e-9));
        char line[200];
        std::snprintf(line, sizeof line, "epoch %*d/%d  loss %.4f  accuracy %6.2f%s  %.0f images/s  %d:%02d left",
                      static_cast<int>(std::to_string(epochs_).size()), epoch, epochs_, loss, accuracy, score, rate,
                      left / 60, left % 60);
        *to_ << line;
    }

    std::ostream* to_;
    bool live_;
    int epochs_;
    std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
    double shown_ = 0;
};

}  // namespace tensor_compress
