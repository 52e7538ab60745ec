#include <tandem/backend/sim_files.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

namespace tandem::inline v1 {
namespace {

constexpr std::uint64_t sector_bytes = 512;

void write_into(std::string& content, std::uint64_t offset, std::string_view bytes) {
    if (content.size() < offset + bytes.size()) content.resize(offset + bytes.size());
    std::memcpy(content.data() + offset, bytes.data(), bytes.size());
}

}  // namespace

struct SimFiles::Inode {
    struct Change {
        std::uint64_t offset;
        std::string bytes;
        bool truncates;
    };
    std::string content;
    std::string synced;
    std::vector<Change> unsynced;

    void crash(SimRandom& random) {
        content = synced;
        for (const auto& change : unsynced) {
            if (change.truncates) {
                if (random.chance(0.5)) content.clear();
                continue;
            }
            // Each sector reaches the disk by itself or not at all.
            for (std::uint64_t at = 0; at < change.bytes.size();) {
                const auto place = change.offset + at;
                const auto length =
                    std::min<std::uint64_t>(sector_bytes - place % sector_bytes, change.bytes.size() - at);
                if (random.chance(0.5))
                    write_into(content, place, std::string_view(change.bytes).substr(at, length));
                at += length;
            }
        }
        unsynced.clear();
        synced = content;
    }
};

std::optional<std::string> SimFiles::content(const std::string& path) const {
    const auto found = names_.find(path);
    if (found == names_.end()) return std::nullopt;
    return found->second->content;
}

void SimFiles::put(const std::string& path, std::string content) {
    auto file = std::make_shared<Inode>();
    file->content = file->synced = std::move(content);
    names_[path] = synced_names_[path] = std::move(file);
}

std::vector<std::string> SimFiles::names() const {
    std::vector<std::string> all;
    for (const auto& [name, file] : names_) all.push_back(name);
    return all;
}

SimStrike SimFiles::strike(SimPoint call) { return ask_ ? ask_(call) : SimStrike(); }

/// Of the test's plan, or of the misfortune that has struck.
int SimFiles::error_of(SimPoint call, const SimStrike& strike) {
    int error = strike.mishap == SimMishap::failed      ? EIO
                : strike.mishap == SimMishap::full      ? ENOSPC
                : strike.mishap == SimMishap::exhausted ? EMFILE
                                                        : 0;
    for (auto& plan : plans_) {
        if (plan.call == call && plan.left > 0 && --plan.left == 0) error = plan.error;
    }
    std::erase_if(plans_, [](const Plan& plan) { return plan.left == 0; });
    return -error;
}

std::uint64_t SimFiles::used() const {
    std::uint64_t bytes = 0;
    for (const auto& [name, file] : names_) bytes += file->content.size();
    return bytes;
}

std::pair<int, SimFiles::File> SimFiles::open(const std::string& path, bool create, bool truncate) {
    if (const int error = error_of(SimPoint::open, strike(SimPoint::open))) return {error, nullptr};
    auto found = names_.find(path);
    if (found == names_.end()) {
        if (!create) return {-ENOENT, nullptr};
        found = names_.emplace(path, std::make_shared<Inode>()).first;
        unsynced_names_.push_back({"", path, found->second});
    } else if (truncate && !found->second->content.empty()) {
        found->second->content.clear();
        found->second->unsynced.push_back({0, "", true});
    }
    return {0, found->second};
}

std::int64_t SimFiles::read(Inode& file, void* to, std::size_t size, std::uint64_t offset) {
    const auto struck = strike(SimPoint::read);
    if (const int error = error_of(SimPoint::read, struck)) return error;
    if (offset >= file.content.size()) return 0;
    auto count = std::min<std::uint64_t>(size, file.content.size() - offset);
    if (struck.mishap == SimMishap::shortened) count = struck.part_of(count);
    std::memcpy(to, file.content.data() + offset, count);
    return static_cast<std::int64_t>(count);
}

std::int64_t SimFiles::write(Inode& file, const void* from, std::size_t size, std::uint64_t offset) {
    const auto struck = strike(SimPoint::write);
    if (const int error = error_of(SimPoint::write, struck)) return error;
    if (struck.mishap == SimMishap::shortened) size = struck.part_of(size);
    if (capacity_) {
        const auto taken = used();
        const auto grows = offset + size > file.content.size() ? offset + size - file.content.size() : 0;
        const auto room = *capacity_ > taken ? *capacity_ - taken : 0;
        if (grows > room) {
            // As write(2): what fits is written, the next call says that nothing does.
            if (grows - room >= size) return -ENOSPC;
            size -= grows - room;
        }
    }
    std::string bytes(static_cast<const char*>(from), size);
    write_into(file.content, offset, bytes);
    file.unsynced.push_back({offset, std::move(bytes), false});
    return static_cast<std::int64_t>(size);
}

int SimFiles::sync(Inode& file) {
    if (const int error = error_of(SimPoint::sync, strike(SimPoint::sync))) {
        // The pages are marked clean all the same: a second sync would say success (fsyncgate).
        file.unsynced.clear();
        return error;
    }
    file.synced = file.content;
    file.unsynced.clear();
    return 0;
}

std::uint64_t SimFiles::size(const Inode& file) const noexcept { return file.content.size(); }

void SimFiles::apply(Names& names, const Renaming& change) {
    if (!change.from.empty()) names.erase(change.from);
    if (!change.to.empty()) names[change.to] = change.file;
}

int SimFiles::rename(const std::string& from, const std::string& to) {
    if (const int error = error_of(SimPoint::rename, strike(SimPoint::rename))) return error;
    const auto found = names_.find(from);
    if (found == names_.end()) return -ENOENT;
    unsynced_names_.push_back({from, to, found->second});
    apply(names_, Renaming(unsynced_names_.back()));
    return 0;
}

int SimFiles::remove(const std::string& path) {
    if (const int error = error_of(SimPoint::remove, strike(SimPoint::remove))) return error;
    const auto found = names_.find(path);
    if (found == names_.end()) return -ENOENT;
    unsynced_names_.push_back({path, "", found->second});
    names_.erase(found);
    return 0;
}

int SimFiles::sync_names() {
    if (const int error = error_of(SimPoint::sync, strike(SimPoint::sync))) return error;
    synced_names_ = names_;
    unsynced_names_.clear();
    return 0;
}

void SimFiles::crash() {
    std::set<Inode*> done;  // looked up only, never walked
    for (const auto& change : unsynced_names_) {
        if (random_.chance(0.5)) apply(synced_names_, change);
    }
    unsynced_names_.clear();
    names_ = synced_names_;
    for (const auto& [name, file] : names_) {
        if (done.insert(file.get()).second) file->crash(random_);
    }
}

}  // namespace tandem::inline v1
