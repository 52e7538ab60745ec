#include <cli/saving.hpp>

#include <cli/text.hpp>

#include <fmt/format.h>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <chrono>
#include <utility>

namespace tandem::cli {
namespace {

std::string template_text(const FetchOptions& options) {
    if (options.output && *options.output != "-") return *options.output;
    return std::string(options.flat ? flat_template : default_template);
}

std::vector<std::pair<std::string, std::string>> tags_of(const std::string& object) {
    std::vector<std::pair<std::string, std::string>> tags;
    if (object.empty()) return tags;
    boost::system::error_code error;
    const auto value = boost::json::parse(object, error);
    if (error || !value.is_object()) return tags;
    for (const auto& member : value.get_object()) {
        const auto text = member.value().is_string() ? std::string(member.value().get_string())
                                                     : boost::json::serialize(member.value());
        tags.emplace_back(std::string(member.key()), text);
    }
    return tags;
}

std::string today() { return rfc3339(std::chrono::system_clock::now()).substr(0, 10); }

}  // namespace

Saving::Saving(const FetchOptions& options, Disk disk)
    : options_(options),
      disk_(disk),
      make_(options.create_directories && disk == Disk::write ? MakeDirectories::yes : MakeDirectories::no),
      form_(template_text(options)) {}

NameValues Saving::values_of(const Job& job, const NameFacts& facts) const {
    auto values = NameValues::of(job.url);
    values.number = job.seq;
    values.id = job.id.text();
    values.captures = job.entry.captures;
    values.tags = tags_of(job.entry.tags_json);
    values.date = today();
    values.content_type = facts.content_type;
    values.status = facts.status;
    values.sha256 = facts.sha256;
    return values;
}

const NameTemplate& Saving::form_of(const Job& job) const {
    if (!job.entry.output) return form_;
    const auto [found, fresh] = own_forms_.try_emplace(*job.entry.output, *job.entry.output);
    if (fresh && !found->second.problems().empty()) {
        auto problem = found->second.problems().front();
        own_forms_.erase(found);
        throw FetchError(ErrorCode::name_invalid, fmt::format("output {}: {}", *job.entry.output, problem));
    }
    return found->second;
}

ExistingPolicy Saving::policy_of(const Job& job) const {
    if (job.entry.existing == "number") return ExistingPolicy::number;
    if (job.entry.existing == "skip") return ExistingPolicy::skip;
    if (job.entry.existing == "overwrite") return ExistingPolicy::overwrite;
    if (job.entry.existing == "error") return ExistingPolicy::error;
    return options_.existing;
}

std::string Saving::directory_path(const FileName& name) const {
    const auto below = options_.output_directory.value_or(".");
    if (name.directory.empty()) return below;
    if (name.directory.starts_with('/') || below == ".") return name.directory;
    return below + "/" + name.directory;
}

std::string Saving::path_of(const FileName& name) const {
    const auto directory = directory_path(name);
    if (directory == ".") return name.path;
    return directory.ends_with('/') ? directory + name.path : directory + "/" + name.path;
}

SaveDirectory& Saving::directory_of(const FileName& name) {
    auto& directory = directories_[directory_path(name)];
    if (!directory) directory = std::make_unique<SaveDirectory>(directory_path(name), make_);
    return *directory;
}

DiskProbe Saving::probe() {
    return [this](const FileName& name) {
        try {
            return directory_of(name).kind_of(name.path);
        } catch (const FetchError&) {
            if (disk_ == Disk::look_only) return OnDisk::nothing;  // not even a directory is there
            throw;
        }
    };
}

std::optional<NameChoice> Saving::name_now(const Job& job) {
    const auto& form = form_of(job);
    const auto values = values_of(job, NameFacts());
    if (form.needs_response(values)) return std::nullopt;
    return names_.claim(job.name_id, form, values, policy_of(job), probe());
}

std::string Saving::preview(const Job& job) {
    if (const auto choice = name_now(job)) return path_of(choice->name);
    return path_of(form_of(job).render(values_of(job, NameFacts())));
}

bool Saving::needs_digest(const Job& job) const {
    NameFacts facts;
    facts.content_type = "text/plain";
    facts.status = 200;
    return form_of(job).needs_response(values_of(job, facts));
}

NameChoice Saving::name_from(const Job& job, const NameFacts& facts, std::string_view suffix) {
    return names_.claim(job.name_id, form_of(job), values_of(job, facts), policy_of(job), probe(), suffix);
}

PartFile Saving::open_part(const Job& job, const FileName& name) {
    return PartFile(directory_of(name), name.path, job.name_id, make_);
}

void Saving::commit(const Job& job, PartFile& part, NameChoice& choice, const NameFacts& facts,
                    std::string_view suffix) {
    constexpr int most_races = 100;
    for (int i = 0; i < most_races; ++i) {
        if (part.commit(choice.name.path, choice.replace) == PartFile::Commit::done) return;
        choice = names_.claim_another(job.name_id, choice, form_of(job), values_of(job, facts),
                                      policy_of(job), probe(), suffix);
        if (choice.kind == NameChoice::Kind::refuse || choice.kind == NameChoice::Kind::skip) break;
    }
    throw FetchError(ErrorCode::file_exists,
                     fmt::format("save to {}: somebody made a file of that name meanwhile",
                                 escaped_for_terminal(path_of(choice.name))));
}

}  // namespace tandem::cli
