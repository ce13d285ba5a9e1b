// SPDX-License-Identifier: MIT
#pragma once

#include <csignal>

#include "failure.hpp"

namespace compress_model {

namespace detail {
inline volatile std::sig_atomic_t caught_signal = 0;
inline void note_signal(int number) { caught_signal = number; }
}  // namespace detail

/// From now on SIGINT, SIGTERM and SIGHUP are noted, for `stop_if_interrupted`; those that are ignored (nohup) stay so.
inline void note_interruptions() {
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
        struct sigaction before {};
        if (sigaction(number, nullptr, &before) == 0 && before.sa_handler == SIG_IGN) continue;
        struct sigaction action {};
        action.sa_handler = detail::note_signal;  // no SA_RESTART: whoever waits is to wake up
        sigemptyset(&action.sa_mask);
        sigaction(number, &action, nullptr);
    }
    // A reader that leaves (`| head`) must not end the program before it has cleaned up.
    std::signal(SIGPIPE, SIG_IGN);
}

inline bool is_interrupted() { return detail::caught_signal != 0; }

inline void stop_if_interrupted() {
    if (is_interrupted()) throw interrupted{detail::caught_signal};
}

}  // namespace compress_model
