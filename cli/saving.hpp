#pragma once

#include <cli/job.hpp>
#include <cli/names.hpp>
#include <cli/options.hpp>
#include <cli/save.hpp>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace tandem::cli {

/// What a response adds to what the URL says about a name.
struct NameFacts {
    std::optional<std::string> content_type;
    std::optional<int> status;
    std::optional<std::string> sha256;
};

/// Where files go: the template, the names taken, the directories.
///
/// Errors      `FetchError`: `name_invalid`, `file_write`, `file_exists`, `disk_full`, `no_descriptors`.
/// Threads     one at a time; blocks for as long as the disk does.
/// Lifetime    borrows the options.
class Saving {
public:
    enum class Disk { write, look_only };  ///< for `--dry-run`: nothing is made

    explicit Saving(const FetchOptions& options, Disk disk = Disk::write);

    /// The name of an entry if it does not wait for the response.
    [[nodiscard]] std::optional<NameChoice> name_now(const Job& job);
    /// With what it looks like, holes as `?`, for `--dry-run`.
    [[nodiscard]] std::string preview(const Job& job);
    /// The name once the response is known. `suffix`: `.status-404`.
    [[nodiscard]] NameChoice name_from(const Job& job, const NameFacts& facts, std::string_view suffix = {});
    /// Whether the name waits for the end of the body, too.
    [[nodiscard]] bool needs_digest(const Job& job) const;

    [[nodiscard]] PartFile open_part(const Job& job, const FileName& name);
    /// Renames the part to its name, or the next one if somebody took it meanwhile; `choice` says which.
    void commit(const Job& job, PartFile& part, NameChoice& choice, const NameFacts& facts,
                std::string_view suffix);

    /// As a record says it: relative to the start directory.
    [[nodiscard]] std::string path_of(const FileName& name) const;

private:
    [[nodiscard]] NameValues values_of(const Job& job, const NameFacts& facts) const;
    [[nodiscard]] const NameTemplate& form_of(const Job& job) const;
    [[nodiscard]] ExistingPolicy policy_of(const Job& job) const;
    [[nodiscard]] std::string directory_path(const FileName& name) const;
    SaveDirectory& directory_of(const FileName& name);
    [[nodiscard]] DiskProbe probe();

    const FetchOptions& options_;
    Disk disk_;
    MakeDirectories make_;
    NameTemplate form_;
    mutable std::map<std::string, NameTemplate> own_forms_;  // of entries that name their output
    std::map<std::string, std::unique_ptr<SaveDirectory>> directories_;
    NameRegistry names_;
};

}  // namespace tandem::cli
