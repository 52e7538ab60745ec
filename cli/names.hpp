#pragma once

#include <cli/name_template.hpp>
#include <cli/options.hpp>
#include <cli/sha256.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace tandem::cli {

/// What lies under a name on disk.
enum class OnDisk { nothing, file, directory };

/// Asks the disk about a name; a question each for a directory on the way and for the file itself.
using DiskProbe = std::function<OnDisk(const FileName&)>;

/// What the registry decided for one entry.
struct NameChoice {
    enum class Kind {
        write,   ///< to `name`
        skip,    ///< it is there already, `--existing skip`
        refuse,  ///< it is there already, `--existing error`
    };
    Kind kind = Kind::write;
    FileName name;
    bool renamed = false;  ///< it was numbered (R20)
    bool replace = false;  ///< what is there is replaced when the new one is complete
};

/// Which entry has which name, run-wide (F8.4): two entries never get one. Names asked for in the order of
/// the input come out the same in every run.
///
/// Errors      none; memory.
/// Threads     one at a time.
/// Lifetime    keeps 32 bytes and a table's overhead per name; the templates are borrowed for a call only.
class NameRegistry {
public:
    /// The name of this entry, with `suffix` (`.status-404`) behind it. Ask once per entry and keep the
    /// answer.
    NameChoice claim(const EntryId& id, const NameTemplate& form, const NameValues& values,
                     ExistingPolicy policy, const DiskProbe& probe, std::string_view suffix = {});

    /// Somebody else took the name between question and rename: give it up, and the next one.
    NameChoice claim_another(const EntryId& id, const NameChoice& lost, const NameTemplate& form,
                             const NameValues& values, ExistingPolicy policy, const DiskProbe& probe,
                             std::string_view suffix = {});

    [[nodiscard]] std::size_t size() const noexcept { return owners_.size(); }

private:
    enum class Claim { ours, taken };

    Claim try_claim(const EntryId& id, const FileName& name);
    FileName with_directories(FileName name, const DiskProbe& probe) const;
    [[nodiscard]] bool is_directory_of_ours(std::string_view path) const;

    std::unordered_map<EntryId, EntryId> owners_;              // hash of the name: who has it
    std::unordered_map<EntryId, bool> directories_;            // hash of a directory that holds one of ours
    std::unordered_map<EntryId, std::uint64_t> next_numbers_;  // hash of a plain name: the next to try
};

}  // namespace tandem::cli
