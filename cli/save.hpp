#pragma once

#include <cli/names.hpp>
#include <cli/outcome.hpp>
#include <cli/sha256.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace tandem::cli {

/// An open descriptor, closed at its end.
class OpenFile {
public:
    OpenFile() = default;
    explicit OpenFile(int descriptor) noexcept : descriptor_(descriptor) {}
    OpenFile(OpenFile&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
    OpenFile& operator=(OpenFile&& other) noexcept;
    ~OpenFile();

    [[nodiscard]] int get() const noexcept { return descriptor_; }
    explicit operator bool() const noexcept { return descriptor_ >= 0; }

    /// Closes now; the error number, for file systems that learn of trouble only here.
    int close() noexcept;

private:
    int descriptor_ = -1;
};

enum class MakeDirectories { yes, no };

/// A directory that the user chose, and everything below it. Nothing is opened through a symbolic link
/// below it, and no path leads out of it (http X62).
///
/// Errors      `FetchError` (`file_write`, `name_invalid`, `no_descriptors`, `disk_full`) naming the path.
/// Threads     one at a time; its calls block for as long as the disk does.
/// Lifetime    keeps one descriptor.
class SaveDirectory {
public:
    /// Opens `path`; with `MakeDirectories::yes` it is made if it is missing, parents included.
    SaveDirectory(std::string path, MakeDirectories make);

    [[nodiscard]] const std::string& path() const noexcept { return path_; }

    /// What lies under `relative`; a symbolic link counts as a file, wherever it points.
    [[nodiscard]] OnDisk kind_of(const std::string& relative) const;

private:
    friend class PartFile;

    /// The directory of `relative`, made if need be.
    OpenFile open_parent(const std::string& relative, MakeDirectories make) const;

    std::string path_;
    OpenFile root_;
};

/// A body on its way into a file: written under `NAME.<8 hex of the id>.part` in the final directory, and
/// renamed when it is complete, so that a final name never holds half a body. Dropped without `commit()` it
/// removes its part, unless told to `keep()` it.
///
/// Errors      `FetchError` with path and bytes: `disk_full`, `file_write`, `file_exists`, `name_invalid`,
///             `no_descriptors`.
/// Threads     one at a time; its calls block for as long as the disk does.
/// Lifetime    independent of the directory it was made in.
class PartFile {
public:
    /// A part that an earlier run left behind under the same name is removed first; one that another
    /// process is writing right now is `file_exists`.
    PartFile(const SaveDirectory& directory, const std::string& relative, const EntryId& id,
             MakeDirectories make);
    PartFile(PartFile&&) noexcept = default;
    PartFile& operator=(PartFile&&) = delete;
    ~PartFile();

    /// All of `bytes`.
    void write(std::string_view bytes);

    /// Back to nothing, for another try from the start.
    void restart();

    enum class Commit {
        done,
        name_taken,  ///< somebody else made a file of that name meanwhile; the part is still there
    };

    /// Sets the mode (0644 & umask) and renames the part to the leaf of `relative`, which must lie in the
    /// same directory. With `replace` what is there goes, otherwise it wins.
    [[nodiscard]] Commit commit(const std::string& relative, bool replace);

    void set_time(std::chrono::sys_seconds modified);
    void keep() noexcept { kept_ = true; }

    [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
    [[nodiscard]] const std::string& path() const noexcept { return path_; }  ///< of the part

    /// Of everything written; once, after the last byte.
    [[nodiscard]] Digest finish_digest() { return hash_.finish(); }

private:
    OpenFile parent_;
    OpenFile file_;
    std::string directory_;  // for messages
    std::string leaf_;       // of the part
    std::string path_;
    Sha256 hash_;
    std::uint64_t bytes_ = 0;
    bool kept_ = false;  // the part is not ours to remove, or no longer there
};

/// `name.0123abcd.part`, cut if it would be longer than a component may be.
[[nodiscard]] std::string part_name(std::string_view leaf, const EntryId& id);

/// Writes all of `bytes` to stdout. `FetchError` (`file_write`) if that fails, `OutputClosed` if nobody
/// reads any more.
void write_to_stdout(std::string_view bytes);

class OutputClosed : public FetchError {
public:
    OutputClosed() : FetchError(ErrorCode::file_write, "write to stdout: nobody reads it any more") {}
};

/// F7.9: whether a body begins like something no terminal should see.
[[nodiscard]] bool looks_binary(std::string_view first_bytes) noexcept;

}  // namespace tandem::cli
