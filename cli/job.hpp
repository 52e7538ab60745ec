#pragma once

#include <cli/entry.hpp>
#include <cli/names.hpp>
#include <cli/record.hpp>
#include <cli/sha256.hpp>

#include <tandem/base/time.hpp>
#include <tandem/http/url.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace tandem::cli {

class Lane;

/// One entry on its way to its record.
struct Job {
    Job(Entry entry_, http::Url url_) : entry(std::move(entry_)), url(std::move(url_)) {}

    Entry entry;
    http::Url url;  ///< what is asked for: the entry's, with the data of `-G`
    EntryId id;
    EntryId name_id;  ///< the same, but different for each of several equal entries
    std::uint64_t seq = 0;
    std::string method;
    Lane* lane = nullptr;
    std::optional<NameChoice> name;  ///< once it is known

    TimePoint accepted{};
    std::optional<TimePoint> first_start;
    unsigned tries = 0;
    unsigned descriptor_waits = 0;
    TimePoint wait_began{};
    TimePoint due{};          ///< while it waits for its next try
    std::string wait_reason;  ///< `backoff`, `retry_after`, or empty

    std::unique_ptr<Record> record;  ///< from its first start on

    // For the display.
    std::uint64_t done_bytes = 0;
    std::optional<std::uint64_t> size_bytes;
    TimePoint started{};
    std::size_t place = 0;  ///< among those in flight
};

}  // namespace tandem::cli
