// SPDX-License-Identifier: MIT

#include "pytorch.hpp"

#include <cstdlib>

#if defined(__linux__)
#    include <csignal>
#    include <fcntl.h>
#    include <sys/wait.h>
#    include <unistd.h>
#endif

namespace bench {

#if defined(__linux__)

pytorch::pytorch(int threads) {
    std::signal(SIGPIPE, SIG_IGN);  // a process that ended is told by its missing answer
    const std::string count = std::to_string(threads);
    int to[2], from[2];
    if (pipe2(to, O_CLOEXEC) != 0) return;
    if (pipe2(from, O_CLOEXEC) != 0) {
        close(to[0]);
        close(to[1]);
        return;
    }
    process_ = fork();
    if (process_ == 0) {
        dup2(to[0], STDIN_FILENO);
        dup2(from[1], STDOUT_FILENO);
        for (const char* variable : {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"})
            setenv(variable, count.c_str(), 1);
        execl(COMPRESS_PYTORCH, COMPRESS_PYTORCH, COMPRESS_TRAINING_PYTORCH, static_cast<char*>(nullptr));
        _exit(1);
    }
    close(to[0]);
    close(from[1]);
    questions_ = fdopen(to[1], "w");
    answers_ = fdopen(from[0], "r");
    version_ = line();
    if (version_ == "none") version_.reset();
}

pytorch::~pytorch() {
    if (questions_ != nullptr) std::fclose(questions_);
    if (answers_ != nullptr) std::fclose(answers_);
    if (process_ > 0) waitpid(process_, nullptr, 0);
}

#else

pytorch::pytorch(int) {}
pytorch::~pytorch() = default;

#endif

std::optional<std::string> pytorch::line() {
    char text[256];
    if (answers_ == nullptr || std::fgets(text, sizeof text, answers_) == nullptr) return std::nullopt;
    std::string read = text;
    read.erase(read.find_last_not_of('\n') + 1);
    return read;
}

std::optional<double> pytorch::fastest_step(const std::string& net, const std::string& layout, double seconds) {
    if (!version_) return std::nullopt;
    std::fprintf(questions_, "%s %s %g\n", net.c_str(), layout.c_str(), seconds);
    std::fflush(questions_);
    const auto answer = line();
    return answer ? std::optional(std::strtod(answer->c_str(), nullptr)) : std::nullopt;
}

}  // namespace bench
