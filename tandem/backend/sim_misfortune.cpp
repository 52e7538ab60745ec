#include <tandem/backend/sim_misfortune.hpp>

#include <tandem/backend/sim_world.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <stdexcept>

namespace tandem::inline v1 {
namespace {

struct PointKind {
    std::string_view name;
    std::vector<SimMishap> mishaps;  // those that may strike there
};

/// In the order of `SimPoint`.
const std::array<PointKind, 14>& point_kinds() {
    using enum SimMishap;
    static const std::array<PointKind, 14> kinds = {{
        {"receive", {shortened, late, reset}},
        {"send", {shortened, late, reset}},
        {"accept", {late, aborted, exhausted}},
        {"connect", {late, refused, lost}},
        {"poll", {spurious}},
        {"finish", {late}},
        {"cancel", {late}},
        {"look_up", {late, failed, lost}},
        {"open", {failed, exhausted}},
        {"read", {shortened, failed}},
        {"write", {shortened, failed, full}},
        {"sync", {failed}},
        {"rename", {failed}},
        {"remove", {failed}},
    }};
    return kinds;
}

const PointKind& kind_of(SimPoint point) { return point_kinds()[static_cast<std::size_t>(point)]; }

/// In the order of `SimMishap`.
constexpr std::array<std::string_view, 11> mishap_names = {"none",      "short",   "late", "spurious",
                                                           "reset",     "refused", "lost", "aborted",
                                                           "exhausted", "failed",  "full"};

std::string_view name_of(SimMishap mishap) { return mishap_names[static_cast<std::size_t>(mishap)]; }

bool is_harmless(SimMishap mishap) {
    return mishap == SimMishap::shortened || mishap == SimMishap::late || mishap == SimMishap::spurious;
}

/// Random numbers of a place of a world: the same however often and in which order they are asked for.
SimRandom numbers_of(std::uint64_t seed, const std::string& host, SimPoint point, std::uint64_t nth) {
    std::uint64_t mixed = 0xcbf29ce484222325U;
    const auto mix = [&mixed](std::uint64_t value) {
        mixed = (mixed ^ value) * 0x100000001b3U;
        mixed ^= mixed >> 29;
    };
    mix(seed);
    for (const char letter : host) mix(static_cast<unsigned char>(letter));
    mix(static_cast<std::uint64_t>(point) + 256);
    mix(nth);
    return SimRandom(mixed);
}

SimPlanned parse_entry(std::string_view text) {
    const auto fail = [text]() -> SimPlanned {
        throw std::invalid_argument("fault plan: '" + std::string(text) + "' is not host/point#n=mishap");
    };
    const auto equals = text.rfind('=');
    const auto hash = text.substr(0, equals).rfind('#');
    const auto slash = text.substr(0, hash).rfind('/');
    if (equals == text.npos || hash == text.npos || slash == text.npos) return fail();

    SimPlanned entry;
    entry.host = text.substr(0, slash);
    const auto point = text.substr(slash + 1, hash - slash - 1);
    const auto kind = std::find_if(point_kinds().begin(), point_kinds().end(),
                                   [point](const PointKind& each) { return each.name == point; });
    if (kind == point_kinds().end()) return fail();
    entry.point = static_cast<SimPoint>(kind - point_kinds().begin());
    const auto number = text.substr(hash + 1, equals - hash - 1);
    const auto read = std::from_chars(number.data(), number.data() + number.size(), entry.nth);
    if (read.ec != std::errc() || read.ptr != number.data() + number.size() || entry.nth == 0) return fail();
    const auto mishap = std::find_if(kind->mishaps.begin(), kind->mishaps.end(), [&](SimMishap each) {
        return name_of(each) == text.substr(equals + 1);
    });
    if (mishap == kind->mishaps.end()) return fail();
    entry.mishap = *mishap;
    return entry;
}

}  // namespace

std::string to_text(const SimPlan& plan) {
    std::string text;
    for (const auto& entry : plan) {
        if (!text.empty()) text += ' ';
        text += entry.host + '/' + std::string(kind_of(entry.point).name) + '#' + std::to_string(entry.nth) +
                '=' + std::string(name_of(entry.mishap));
    }
    return text;
}

SimPlan parse_sim_plan(std::string_view text) {
    SimPlan plan;
    while (!text.empty()) {
        const auto end = std::min(text.find(' '), text.size());
        if (end > 0) plan.push_back(parse_entry(text.substr(0, end)));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return plan;
}

Duration SimStrike::delay() const noexcept {
    return std::chrono::microseconds(std::uint64_t{100} << (amount % 12));
}

void SimMisfortune::draw(std::uint64_t seed, double probability, SimMishaps which) {
    seed_ = seed;
    probability_ = probability;
    which_ = which;
    mode_ = probability > 0 ? Mode::drawn : Mode::off;
}

void SimMisfortune::follow(std::uint64_t seed, const SimPlan& plan) {
    seed_ = seed;
    mode_ = Mode::planned;
    for (const auto& entry : plan) planned_[{{entry.host, entry.point}, entry.nth}] = entry.mishap;
}

SimStrike SimMisfortune::at(const std::string& host, SimPoint point, SimMishaps which) {
    if (mode_ == Mode::off) return {};
    const Place place(host, point);
    const auto nth = ++counts_[place];
    auto numbers = numbers_of(seed_, host, point, nth);
    const bool is_drawn = numbers.chance(probability_);
    const auto chosen = numbers.next();
    SimStrike strike;
    strike.amount = numbers.next();
    if (mode_ == Mode::planned) {
        const auto planned = planned_.find({place, nth});
        if (planned != planned_.end()) strike.mishap = planned->second;
    } else if (is_drawn) {
        const auto& possible = kind_of(point).mishaps;
        strike.mishap = possible[chosen % possible.size()];
        if (which_ == SimMishaps::harmless && !is_harmless(strike.mishap)) strike.mishap = possible.front();
    }
    const bool harmless_only = which == SimMishaps::harmless || which_ == SimMishaps::harmless;
    if (harmless_only && !is_harmless(strike.mishap)) return {};
    if (strike) struck_.push_back({host, point, nth, strike.mishap});
    return strike;
}

}  // namespace tandem::inline v1
