#include "objects.hpp"

namespace tandem::differential {

struct Objects::State {};

Objects::Objects(const Scenario&) : state_(std::make_unique<State>()) {}
Objects::~Objects() = default;

std::optional<std::string> Objects::plain_step(const Words&) { return std::nullopt; }

bool Objects::is_waiting_step(const std::string&) { return false; }

Task<Done> Objects::waiting_step(Words words) {
    throw std::runtime_error("not a step: " + join_words(words, " "));
    co_return Done();
}

}  // namespace tandem::differential
