#include <cli/names.hpp>

#include <cli/clean_name.hpp>

namespace tandem::cli {
namespace {

EntryId key_of(std::string_view path) { return entry_id("name", path, nullptr, {}); }

void append(FileName& name, std::string_view suffix) {
    if (suffix.empty()) return;
    const auto slash = name.path.rfind('/');
    const auto leaf_at = slash == std::string::npos ? 0 : slash + 1;
    const auto leaf = name.path.substr(leaf_at) + std::string(suffix);
    name.path.replace(leaf_at, std::string::npos, cut_component(leaf, max_component_bytes));
}

}  // namespace

bool NameRegistry::is_directory_of_ours(std::string_view path) const {
    return directories_.contains(key_of(path));
}

/// Where a directory is needed and a file stands, of ours or on disk, the directory gets `.d` (F8.3).
FileName NameRegistry::with_directories(FileName name, const DiskProbe& probe) const {
    std::size_t begin = 0;
    for (auto slash = name.path.find('/'); slash != std::string::npos; slash = name.path.find('/', begin)) {
        for (;;) {
            const FileName directory{name.directory, name.path.substr(0, slash)};
            if (is_directory_of_ours(directory.text())) break;  // spares the disk most of these questions
            const bool file = owners_.contains(key_of(directory.text())) || probe(directory) == OnDisk::file;
            if (!file) break;
            const auto other =
                cut_component(name.path.substr(begin, slash - begin) + ".d", max_component_bytes);
            name.path.replace(begin, slash - begin, other);
            slash = begin + other.size();
        }
        begin = slash + 1;
    }
    return name;
}

NameRegistry::Claim NameRegistry::try_claim(const EntryId& id, const FileName& name) {
    const auto text = name.text();
    if (is_directory_of_ours(text)) return Claim::taken;
    const auto [owner, fresh] = owners_.try_emplace(key_of(text), id);
    if (!fresh) return owner->second == id ? Claim::ours : Claim::taken;

    for (auto slash = name.path.find('/'); slash != std::string::npos;
         slash = name.path.find('/', slash + 1)) {
        const FileName directory{name.directory, name.path.substr(0, slash)};
        directories_.try_emplace(key_of(directory.text()), true);
    }
    return Claim::ours;
}

NameChoice NameRegistry::claim(const EntryId& id, const NameTemplate& form, const NameValues& values,
                               ExistingPolicy policy, const DiskProbe& probe, std::string_view suffix) {
    const auto candidate = [&](std::uint64_t number) {
        auto name = form.render(values, number);
        append(name, suffix);
        return with_directories(std::move(name), probe);
    };

    auto name = candidate(1);
    const auto plain = key_of(name.text());
    std::uint64_t number = 1;
    while (true) {
        if (try_claim(id, name) == Claim::ours) {
            const auto found = probe(name);
            if (found == OnDisk::nothing) return {NameChoice::Kind::write, name, number > 1, false};
            if (found == OnDisk::file && policy == ExistingPolicy::skip)
                return {NameChoice::Kind::skip, name, number > 1, false};
            if (found == OnDisk::file && policy == ExistingPolicy::error)
                return {NameChoice::Kind::refuse, name, number > 1, false};
            if (found == OnDisk::file && policy == ExistingPolicy::overwrite)
                return {NameChoice::Kind::write, name, number > 1, true};
        }
        // Ten thousand entries of one name would otherwise try each number ten thousand times.
        auto& next = next_numbers_.try_emplace(plain, 2).first->second;
        number = number == 1 ? next : number + 1;
        if (number >= next) next = number + 1;
        name = candidate(number);
    }
}

NameChoice NameRegistry::claim_another(const EntryId& id, const NameChoice& lost, const NameTemplate& form,
                                       const NameValues& values, ExistingPolicy policy,
                                       const DiskProbe& probe, std::string_view suffix) {
    // The lost name stays ours in the registry, so that no other entry runs into the same stranger.
    const auto lost_text = lost.name.text();
    const DiskProbe knowing = [&](const FileName& name) {
        const auto found = probe(name);
        return found == OnDisk::nothing && name.text() == lost_text ? OnDisk::file : found;
    };
    return claim(id, form, values, policy, knowing, suffix);
}

}  // namespace tandem::cli
