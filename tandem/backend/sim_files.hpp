#pragma once

#include <tandem/backend/sim_world.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tandem::inline v1 {

/// The files of a simulated machine. What was written is not on the disk before it is synced; a name is not
/// before its folder is. A crash keeps a random part of the rest, torn at 512 bytes (LOST-3).
///
/// Errors      results are negative errnos, as the system calls give them.
class SimFiles {
public:
    explicit SimFiles(SimRandom& random) : random_(random) {}

    /// What is there without asking the program: what `read_file` would give, nothing if there is no such
    /// file.
    std::optional<std::string> content(const std::string& path) const;
    /// Puts a file there, synced.
    void put(const std::string& path, std::string content);
    std::vector<std::string> names() const;

    /// How many bytes fit on the disk; more is -ENOSPC.
    void capacity(std::uint64_t bytes) { capacity_ = bytes; }
    /// The k-th such call of a file's from now on, counted from 1, fails.
    void fail(SimPoint call, std::uint64_t k, int error) { plans_.push_back({call, k, error}); }

    /// Asks whether a call meets with a mishap.
    void strike_with(std::function<SimStrike(SimPoint)> ask) { ask_ = std::move(ask); }

    struct Inode;
    using File = std::shared_ptr<Inode>;
    /// 0 and the file, or a negative errno. `create` makes it if it is missing, `truncate` empties it.
    std::pair<int, File> open(const std::string& path, bool create, bool truncate);
    std::int64_t read(Inode& file, void* to, std::size_t size, std::uint64_t offset);
    std::int64_t write(Inode& file, const void* from, std::size_t size, std::uint64_t offset);
    int sync(Inode& file);
    std::uint64_t size(const Inode& file) const noexcept;
    int rename(const std::string& from, const std::string& to);
    int remove(const std::string& path);
    /// Puts the names on the disk: fsync of the folder.
    int sync_names();

    void crash();

private:
    using Names = std::map<std::string, File>;
    struct Plan {
        SimPoint call;
        std::uint64_t left;
        int error;
    };
    struct Renaming {
        std::string from;  // empty: the file is new
        std::string to;    // empty: removed
        File file;
    };
    SimStrike strike(SimPoint call);
    int error_of(SimPoint call, const SimStrike& strike);
    std::uint64_t used() const;
    static void apply(Names& names, const Renaming& change);

    SimRandom& random_;
    Names names_;
    Names synced_names_;
    std::vector<Renaming> unsynced_names_;
    std::vector<Plan> plans_;
    std::optional<std::uint64_t> capacity_;
    std::function<SimStrike(SimPoint)> ask_;
};

}  // namespace tandem::inline v1
